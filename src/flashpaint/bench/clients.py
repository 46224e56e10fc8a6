"""bench clients: many callers at once, their pictures sharing passes, against one picture at a time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from flashpaint.bench.report import Report, percentiles
from flashpaint.bench.stages import PROMPTS
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.painting import Event, Progress
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

NUMBERS = (1, 2, 4, 8, 16)
ROUNDS = 3  # each number of callers gets its turn in each: a machine's speed changes within minutes


@dataclass(frozen=True)
class Traffic:
    """What callers got: the seconds that each picture took, and all together."""

    latencies: list[float]
    seconds: float

    @property
    def throughput(self) -> float:
        return len(self.latencies) / self.seconds

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.latencies + other.latencies, self.seconds + other.seconds)


def clients(pictures: int = 48, tick: Callable[[], None] = lambda: None) -> Report:
    """Measure `pictures` for each number of callers, through the loop and one at a time, all by turns."""
    studio = Studio.open()
    paint_all(studio, 2, 4, nullcontext())  # warm-up; also measures the batch that pays, once a device
    rows, figures, alone = [], dict[str, float](), threading.Lock()
    each = max(2, pictures // ROUNDS)
    found = {number: (Traffic([], 0.0), Traffic([], 0.0)) for number in NUMBERS}
    for _ in range(ROUNDS):
        for number, (shared, single) in found.items():
            found[number] = (
                shared + paint_all(studio, number, each, nullcontext()),
                single + paint_all(studio, number, each, alone),
            )
            tick()
    for number, (shared, single) in found.items():
        rows.append((f"{number} at once, sharing passes", *percentiles(shared.latencies)))
        rows.append((f"{number} at once, one at a time", *percentiles(single.latencies)))
        figures[f"pictures_per_s_{number}"] = shared.throughput
        figures[f"one_at_a_time_ratio_{number}"] = shared.throughput / single.throughput
    figures["throughput_ratio_8"] = figures["pictures_per_s_8"] / figures["pictures_per_s_1"]
    figures["cancel_ms_p95"] = percentiles(cancelling(studio))[1]
    figures["batch"] = loop_of(studio).batch or 1
    return Report("flashpaint bench clients", figures, rows)


def paint_all(studio: Studio, number: int, pictures: int, turn: AbstractContextManager[object]) -> Traffic:
    """`number` threads paint until `pictures` are done, each picture inside `turn` (a lock: one at a time)."""
    orders = itertools.count()

    def call() -> list[float]:
        latencies = []
        while (k := next(orders)) < pictures:
            started = time.perf_counter()
            with turn:
                studio.paint(PaintRequest(PROMPTS[k % len(PROMPTS)], seed=k))
            latencies.append(time.perf_counter() - started)
        return latencies

    started = time.perf_counter()
    with ThreadPoolExecutor(number) as pool:
        found = [f.result() for f in [pool.submit(call) for _ in range(number)]]
    return Traffic(list(itertools.chain(*found)), time.perf_counter() - started)


def cancelling(studio: Studio, times: int = 16) -> list[float]:
    """Seconds from calling a picture off to its leaving the loop, with three others riding along all the while."""
    loop = loop_of(studio)
    others = [ride(studio, k) for k in range(3)]
    spent = []
    for k in range(times):
        leaving, riding = ride(studio, k), len(loop)
        started = time.perf_counter()
        leaving.close()
        while len(loop) >= riding:
            time.sleep(0.0005)
        spent.append(time.perf_counter() - started)
    for other in others:
        other.close()
    return spent


def loop_of(studio: Studio) -> DenoiseLoop:
    assert isinstance(studio.painter, LoopPainter)
    return studio.painter.loop


def ride(studio: Studio, seed: int) -> Generator[Event]:
    """A picture of the most steps, three of them done."""
    request = PaintRequest(PROMPTS[seed % len(PROMPTS)], seed=seed, steps=200, compose=False)
    events = studio.stream(request, previews=False)
    while next(events) != Progress("denoise", 3, 200):
        pass
    return events
