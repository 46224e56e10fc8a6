"""What Ray costs and gives on this machine, measured from outside by HTTP, without memory.

  overhead  one request at a time, to the plain server and to the one on Ray by turns, one thread of OpenVINO each
  replicas  1 against 2 paint replicas on the same cores, 8 clients that ask without a pause
  routing   2 paint replicas whose model sleeps, pictures of two sizes: sent where they share passes, to the emptier of
            two, by lot
  cancel    1 % of requests called off at random: what is left in the replicas afterwards

python bench/cluster.py                                   all but cancel: about three minutes
python bench/cluster.py --only overhead --requests 100 --json FILE
python bench/cluster.py --only cancel --seconds 600
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from PIL import Image
from ray import serve
from ray.serve.config import RequestRouterConfig
from rich.console import Console
from rich.table import Table

from flashpaint.cluster.app import NAME, ROUTERS, Plan, Replicas, deployment
from flashpaint.cluster.crossing import Tally
from flashpaint.cluster.local import cluster, start
from flashpaint.cluster.models import Models
from flashpaint.cluster.paint_replica import PaintReplica
from flashpaint.cluster.painter import ray_painter
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.painter import Order, Painter
from flashpaint.paint.schedule import flow_sigmas

CORES = os.cpu_count() or 1
SIDES = (256, 384)
PASS_S = 0.02
THINK_S = 0.2


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until_ready(url: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit("the server never got ready")


@contextmanager
def plain(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "flashpaint.cli", "serve", "--port", str(port), "--no-memory", "--threads", "1"]
    process = subprocess.Popen([*command, "--data", str(folder)], stderr=subprocess.DEVNULL)
    try:
        until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def on_ray(folder: Path, replicas: int = 1, threads: int = 1, **fields: Any) -> Iterator[str]:
    plan = Plan(
        models={"threads": threads},
        service={"folder": str(folder), "host": "127.0.0.1", "at_once": 16, "per_key": 16},
        read=Replicas(num_cpus=0.1),
        paint=Replicas(least=replicas, most=replicas, num_cpus=0.1),
        **fields,
    )
    port = free_port()
    with cluster(plan):
        start(plan, "127.0.0.1", port)
        until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


def tallies() -> list[Tally]:
    found: list[Tally] = serve.get_deployment_handle("Paint", NAME).broadcast("tally").results(timeout_s=30)
    return found


def ask(client: httpx2.Client, number: int, **fields: Any) -> float:
    """Seconds of one picture."""
    body = {"prompt": f"a cat, number {number}", "seed": number, "reuse": "off", "compose": False, **fields}
    began = time.perf_counter()
    answer = client.post("/v1/images/generations", json=body)
    answer.raise_for_status()
    return time.perf_counter() - began


def overhead(folder: Path, requests: int) -> dict[str, float]:
    with plain(folder) as here, on_ray(folder) as there:
        clients = [httpx2.Client(base_url=url, timeout=60) for url in (here, there)]
        pairs = []
        for number in range(requests + 5):
            spent = {k: ask(clients[k], number) for k in random.sample((0, 1), 2)}
            pairs.append((spent[0], spent[1]))
    pairs = pairs[5:]
    return {
        "plain_p50_ms": 1000 * statistics.median(a for a, _ in pairs),
        "ray_p50_ms": 1000 * statistics.median(b for _, b in pairs),
        "overhead_p50_ms": 1000 * statistics.median(b - a for a, b in pairs),
        "least_plain_ms": 1000 * min(a for a, _ in pairs),  # with the least of others' work on the cores
        "least_ray_ms": 1000 * min(b for _, b in pairs),
    }


def crowd(url: str, clients: int, seconds: float) -> dict[str, float]:
    """Clients that ask without a pause."""
    end, spent, lock = time.monotonic() + seconds, list[float](), threading.Lock()

    def one(which: int) -> None:
        with httpx2.Client(base_url=url, timeout=120) as client:
            number = which
            while time.monotonic() < end:
                took = ask(client, number)
                number += clients
                with lock:
                    spent.append(took)

    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(clients)))
    return {
        "pictures_s": len(spent) / (time.monotonic() - began),
        "p50_ms": 1000 * statistics.median(spent),
        "p95_ms": 1000 * statistics.quantiles(spent, n=20)[-1],
    }


def replicas(folder: Path, seconds: float) -> dict[str, float]:
    """As many threads in all as there are cores, each time."""
    found = {}
    for number in (1, 2):
        with on_ray(folder, number, max(1, CORES // number)) as url:
            crowd(url, 8, 2)
            found |= {f"{number}_{name}": value for name, value in crowd(url, 8, seconds).items()}
    return found | {"ratio": found["2_pictures_s"] / found["1_pictures_s"]}


class Sleeper:
    """A model as on a GPU: a pass takes as long as its size says, however many share it, and no core."""

    engine = "sleep"
    spec = DenoiserSpec(
        name="sleeper",
        version="1",
        steps=8,
        guidance_scale=1.0,
        sides=SIDES,
        side=SIDES[0],
        latent_channels=4,
        downscale=16,
        noise="flow",
    )

    def condition(self, descriptions: Sequence[str], scales: Sequence[float], loras: Any = ()) -> Conditioning:
        return Conditioning({"text": np.zeros((len(descriptions), 1), np.float32)})

    def null(self, conditioning: Conditioning) -> Conditioning:
        return conditioning.silent()

    def sigmas(self, steps: int, width: int, height: int) -> Any:
        return flow_sigmas(steps, 1.0)

    def hold(self, array: Any) -> Any:
        return array

    def denoise(self, latents: Any, sigmas: Any, conditioning: Conditioning) -> Any:
        time.sleep(PASS_S * latents.shape[2] * latents.shape[3] / (SIDES[0] // 16) ** 2)
        return 0 * latents

    def decode(self, latents: Any) -> list[Image.Image]:
        return [Image.new("RGB", (8, 8)) for _ in latents]

    def notes_on(self, description: str) -> tuple[str, ...]:
        return ()

    def forget(self) -> None: ...


class Sleepers(Models):
    def open_painter(self) -> LoopPainter:
        return LoopPainter(Sleeper(), batch=8)  # type: ignore[arg-type]


def routing(folder: Path, seconds: float) -> dict[str, float]:
    """Straight at the paint replicas, whose model sleeps: mini has one size, and gains too little from sharing."""
    found = {}
    for way in ("batch", "two", "random"):
        plan = Plan(routing=way, warm=[(side, side) for side in SIDES])
        options = {"num_replicas": 2, "max_ongoing_requests": 64, "ray_actor_options": {"num_cpus": 0.1}}
        router = RequestRouterConfig(request_router_class=ROUTERS[way])  # type: ignore[arg-type]
        paint = deployment(PaintReplica, "Paint", request_router_config=router, **options)
        with cluster(plan):
            handle = serve.run(paint.bind(Sleepers(), plan.warm), name=NAME, route_prefix=None)
            painter = ray_painter(handle, handle.card.remote().result(timeout_s=30))
            shop(painter, 2)
            before = tallies()
            found |= {f"{way}_{name}": value for name, value in shop(painter, seconds).items()}
            after = tallies()
            shared = sum(t.sharing for t in after) - sum(t.sharing for t in before)
            found[f"{way}_pictures_a_pass"] = shared / (sum(t.passes for t in after) - sum(t.passes for t in before))
    return found


def shop(painter: Painter, seconds: float, customers: int = 8) -> dict[str, float]:
    """Customers of two sizes who think for a while between two pictures."""
    end, spent = time.monotonic() + seconds, list[float]()

    def one(which: int) -> None:
        side, fields = SIDES[which % 2], {"description": "a cat", "steps": 8, "guidance_scale": 1.0}
        while time.monotonic() < end:
            time.sleep(random.expovariate(1 / THINK_S))
            began = time.perf_counter()
            list(painter.steps([Order(seed=random.getrandbits(40), width=side, height=side, **fields)])[0])  # type: ignore[arg-type]
            spent.append(time.perf_counter() - began)

    began = time.monotonic()
    with ThreadPoolExecutor(customers) as pool:
        list(pool.map(one, range(customers)))
    return {"pictures_s": len(spent) / (time.monotonic() - began), "p50_ms": 1000 * statistics.median(spent)}


def cancel(folder: Path, seconds: float, share: float = 0.01) -> dict[str, float]:
    counts = dict.fromkeys(("asked", "hung_up", "failed"), 0)
    end, lock = time.monotonic() + seconds, threading.Lock()

    def one(which: int, url: str) -> None:
        number = which
        while time.monotonic() < end:
            leaves = random.random() < share
            kind, number = "asked", number + 4
            try:
                with httpx2.Client(base_url=url, timeout=random.uniform(0.02, 0.3) if leaves else 60) as client:
                    ask(client, number, steps=16)
            except httpx2.TimeoutException:
                kind = "hung_up" if leaves else "failed"
            except httpx2.HTTPError:
                kind = "failed"
            with lock:
                counts["asked"] += 1
                counts[kind] += kind != "asked"

    with on_ray(folder, 2, 1) as url:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(4), [url] * 4))
        time.sleep(2)
        left = tallies()
        lines = httpx2.get(f"{url}/metrics", timeout=10).text.splitlines()
    stuck = sum(float(x.split()[1]) for x in lines if x.startswith(("flashpaint_painting ", "flashpaint_waiting ")))
    return {
        **counts,
        "underway_after": sum(len(t.underway) for t in left),
        "unaccounted": sum(t.begun - t.finished - t.called_off - t.failed for t in left),
        "called_off": sum(t.called_off for t in left),
        "stuck_places": stuck,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("overhead", "replicas", "routing", "cancel")
    parser.add_argument("--only", choices=parts, nargs="+", default=parts[:3])
    parser.add_argument("--requests", type=int, default=60, help="pairs of the overhead")
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in options.only:
            if part == "overhead":
                found = overhead(folder, options.requests)
            else:
                found = {"replicas": replicas, "routing": routing, "cancel": cancel}[part](folder, options.seconds)
            figures |= {f"{part}_{name}": round(value, 2) for name, value in found.items()}
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:g}")
    Console().print(table)
    if options.json:
        when, machine = datetime.now(UTC).isoformat(timespec="seconds"), {"cores": CORES}
        told = {"command": " ".join(sys.argv), "when": when, "machine": machine, "figures": figures}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
