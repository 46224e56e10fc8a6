"""`flashpaint serve --ray`: the application on this machine, or where RAY_ADDRESS says, until told to stop."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray
from ray import serve
from ray.serve.config import HTTPOptions

from flashpaint.cluster.app import NAME, Plan, build_app

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",  # a process that answers nothing is not waited for
    "RAY_max_direct_call_object_size": str(2**20),  # pictures go with the message, not by the object store: 5 ms less
}
STORE = 256 * 2**20  # bytes for what crosses between processes: pictures on their way, and nothing that stays


@contextmanager
def cluster(plan: Plan) -> Iterator[None]:
    """A Ray of our own with room for all replicas of the plan, ended at the end; or the one that RAY_ADDRESS names."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if os.environ.get("RAY_ADDRESS"):
        ray.init(logging_level=logging.WARNING)
    else:
        cores = math.ceil(sum(each.most * each.num_cpus for each in (plan.read, plan.paint)))
        ray.init(
            num_cpus=max(cores, os.cpu_count() or 1),
            include_dashboard=False,
            object_store_memory=STORE,
            logging_level=logging.WARNING,
        )
    try:
        yield
    finally:
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()


def start(plan: Plan, host: str, port: int) -> None:
    """Listen, and wait until every replica is warm."""
    serve.start(http_options=HTTPOptions(host=host, port=port), logging_config={"log_level": "WARNING"})
    serve.run(build_app(plan), name=NAME, route_prefix="/")


def run(plan: Plan, host: str, port: int, listening: Callable[[], None]) -> None:
    """Until SIGTERM or Ctrl-C; what has begun is finished, for as long as the plan's drain_s."""
    told = threading.Event()
    with cluster(plan):
        start(plan, host, port)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        listening()
        while not told.wait(1):
            pass
        serve.delete(NAME)
