"""A real Ray on this machine, with the application on it: two paint replicas, one that reads, one ingress."""

from __future__ import annotations

import base64
import io
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from flashpaint import Studio

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'flashpaint[ray]'")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its own making
    import ray.serve

from ray.serve.exceptions import DeploymentUnavailableError  # noqa: E402

from flashpaint.cluster import app as application  # noqa: E402
from flashpaint.cluster.app import NAME, Plan, Replicas, build_app  # noqa: E402
from flashpaint.cluster.crossing import Tally  # noqa: E402
from flashpaint.cluster.local import cluster, start  # noqa: E402
from flashpaint.cluster.paint_replica import PaintReplica  # noqa: E402
from flashpaint.cluster.painter import RayPainter, ray_painter  # noqa: E402
from tests.serve.conftest import free_port  # noqa: E402


class Hangable(PaintReplica):
    """A replica whose engine can be told to hang."""

    def hang(self, pid: int) -> bool:
        if pid == os.getpid():
            self.painter.denoiser.denoise = lambda *_: threading.Event().wait()
        return pid == os.getpid()


@dataclass
class Serving:
    """The application from outside: by HTTP, and by what its replicas say of themselves."""

    url: str
    plan: Plan

    def __post_init__(self) -> None:
        from ray import serve

        self.handle = serve.get_deployment_handle("Paint", NAME)

    def ask(self, prompt: str = "a cat in space", seed: int = 7, timeout: float = 60, **fields: Any) -> httpx2.Response:
        body = {"prompt": prompt, "seed": seed, "reuse": "off", **fields}
        return httpx2.post(f"{self.url}/v1/images/generations", json=body, timeout=timeout)

    def tallies(self) -> dict[int, Tally]:
        """By process id, of the replicas that answer."""
        try:
            found = self.handle.broadcast("tally").results(timeout_s=10)
        except DeploymentUnavailableError:  # there is none just now
            return {}
        except ray.exceptions.RayError:  # one has died, and it is not known here yet
            return {}
        return {tally.pid: tally for tally in found}

    def underway(self) -> int:
        return sum(len(tally.underway) for tally in self.tallies().values())

    def painter(self) -> RayPainter:
        """A proxy in this process."""
        found = ray_painter(self.handle, self.handle.card.remote().result(timeout_s=10))
        assert isinstance(found, RayPainter)
        return found

    def until(self, wanted: Callable[[], bool], seconds: float = 20) -> float:
        """Wait for it to be so; how long it took."""
        began = time.monotonic()
        while not wanted():
            assert time.monotonic() < began + seconds, "it never came to that"
            time.sleep(0.02)
        return time.monotonic() - began

    def ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def whole(self) -> None:
        """Until all replicas are there again, and idle."""
        self.until(lambda: self.ready() and len(self.tallies()) == self.plan.paint.most, 40)
        self.until(lambda: self.underway() == 0)

    def gauge(self, name: str) -> float:
        lines = httpx2.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def pids(deployment: str) -> list[int]:
    """Of its replicas, among the processes that this one has started."""
    named = f"ray::ServeReplica:{NAME}:{deployment}"
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if " ".join(process.cmdline()).startswith(named):  # and the method that it is at
                found.append(process.pid)
    return found


def pixels(answer: httpx2.Response) -> NDArray[np.uint8]:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer.json()["data"][0]["b64_json"]))).convert("RGB"))


@pytest.fixture(scope="session")
def local() -> Studio:
    return Studio.open(threads=1)


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    folder: Path = tmp_path_factory.mktemp("ray")
    plan = Plan(
        models={"threads": 1},
        service={"folder": str(folder), "host": "127.0.0.1", "at_once": 8, "max_queue": 8},
        memory=str(folder / "memory"),
        read=Replicas(num_cpus=0.1),
        paint=Replicas(least=2, most=2, num_cpus=0.1),
        health_s=0.5,
        stuck_s=1.5,
        drain_s=10,
    )
    port = free_port()
    with pytest.MonkeyPatch.context() as patch, cluster(plan):
        patch.setattr(application, "PaintReplica", Hangable)
        start(plan, "127.0.0.1", port)
        found = Serving(f"http://127.0.0.1:{port}", plan)
        found.whole()
        yield found


@pytest.fixture
def serving(everything: Serving) -> Serving:
    """Whole, whatever the test before has done to it."""
    everything.whole()
    return everything


@pytest.fixture
def together() -> Iterator[Callable[..., Future[Any]]]:
    """Calls that are made at the same time."""
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit


def upgraded(serving: Serving) -> None:
    """Roll it out anew: every replica is replaced."""
    from ray import serve

    serve.run(build_app(serving.plan), name=NAME, route_prefix="/")
