"""How many pictures should share a pass on this device: measured once, remembered. Knows trajectories and no queue."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flashpaint.models.cache import cache_folder
from flashpaint.paint.denoiser import Denoiser
from flashpaint.paint.trajectory import Trajectory, tick

LIMIT = 32
WORTH = 0.95  # twice as many must take less than this share of twice the time


def batch_that_pays(denoiser: Denoiser, like: Trajectory) -> int:
    """The largest of 1, 2, 4, ... 32 rows of this shape that still gains throughput; remembered."""
    key = f"{denoiser.spec.title}, {denoiser.engine}, {os.cpu_count()} cores, {like.shape}"
    folder = cache_folder()
    known = read(folder / "pace.json") if folder else {}
    if key not in known:
        known[key] = measured(denoiser, like)
        if folder:
            write(folder / "pace.json", known)
    return known[key]


def measured(denoiser: Denoiser, like: Trajectory) -> int:
    """Time ticks of copies of one row of this trajectory, which itself stays where it is."""
    latents, conditioning = like.shown()[0]
    like = replace(like, latents=latents, conditioning=conditioning, views=(), constraint=None)
    pays = 1
    while 2 * pays <= LIMIT:
        fewer, more = seconds(denoiser, like, (pays, 2 * pays))
        if more > WORTH * 2 * fewer:
            break
        pays *= 2
    return pays


def seconds(denoiser: Denoiser, like: Trajectory, numbers: Sequence[int], times: int = 4) -> list[float]:
    """The fastest of some ticks of each of these many, after one of warm-up; by turns, as other work comes and goes."""
    spent: list[list[float]] = [[] for _ in numbers]
    for _ in range(times + 1):
        for number, found in zip(numbers, spent, strict=True):
            batch = [replace(like) for _ in range(number)]
            started = time.perf_counter()
            tick(denoiser, batch)
            found.append(time.perf_counter() - started)
    return [min(found[1:]) for found in spent]


def read(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, int) and v > 0} if isinstance(found, dict) else {}


def write(path: Path, known: dict[str, int]) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(known, indent=1) + "\n")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # measured again next time: slower to start, nothing else
