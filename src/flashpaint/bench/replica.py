"""What one replica costs in time, for `flashpaint plan`: its stages, its passes by their rows, and how much reading and
painting slow each other down. Knows no traffic.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from flashpaint.bench.stages import PROMPTS
from flashpaint.errors import OutOfRange
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import order_of
from flashpaint.paint.pace import batch_that_pays
from flashpaint.paint.trajectory import Trajectory, tick
from flashpaint.painting import Reuse
from flashpaint.plan.profile import Profile
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

ROUNDS = 7  # each kind of work has its turn in each: a machine's speed changes within minutes
POSITIONS = 4  # of a trajectory's steps, that are timed: guidance may rest at some
SLICE_S = 0.5  # that reading and painting go on at once, a round
TICKS = ROUNDS + 2  # how often `profile_of` ticks


_numbers = itertools.count(1)


def profile_of(open_studio: Callable[[str | None], Studio], tick_: Callable[[], None] = lambda: None) -> Profile:
    """Measure what open_studio opens, given the folder of a memory or None."""
    studio, startup_s = started(open_studio)
    tick_()
    try:
        profile = working(studio, ROUNDS, tick_)
    finally:
        studio.close()
    keep_s, skipped = remembering(open_studio)
    tick_()
    return profile.model_copy(update={"startup_s": startup_s, "keep_s": keep_s, "skipped": skipped})


def working(studio: Studio, rounds: int, tick_: Callable[[], None] = lambda: None) -> Profile:
    """Of a studio that is open: what it takes while it works, without starting and remembering."""
    painter, prompts = loop_painter(studio), fresh_prompts()
    like = trajectory(studio, next(prompts))
    batch = painter.loop.batch or batch_that_pays(painter.denoiser, like)
    stages, passes = list[tuple[float, float]](), {rows: list[float]() for rows in sizes(batch)}
    speeds = list[tuple[float, float]]()
    for _ in range(rounds):
        stages.append(stage_seconds(studio, next(prompts)))
        for rows, times in passes.items():
            times.append(pass_seconds(studio, like, rows))
        speeds.append(speeds_together(studio, like, batch, prompts))
        tick_()
    read_s, decode_s = (statistics.median(times) for times in zip(*stages, strict=True))
    reading, painting = (min(1.0, statistics.median(times)) for times in zip(*speeds, strict=True))
    return Profile(
        title=f"{painter.spec.title}, {painter.engine}",
        steps=painter.spec.steps,
        batch=batch,
        pass_s={rows: statistics.median(times) for rows, times in passes.items()},
        read_s=read_s,
        decode_s=decode_s,
        reading_speed=reading,
        painting_speed=painting,
    )


def started(open_studio: Callable[[str | None], Studio]) -> tuple[Studio, float]:
    """And the seconds until it has painted two pictures, as a server does before it is ready."""
    began = time.perf_counter()
    studio = open_studio(None)
    for prompt in PROMPTS[:2]:
        studio.paint(PaintRequest(prompt, compose=False))
    return studio, time.perf_counter() - began


def loop_painter(studio: Studio) -> LoopPainter:
    """Raises OutOfRange where the painter does not run in our loop."""
    if not isinstance(studio.painter, LoopPainter):
        raise OutOfRange(
            f"{studio.painter.spec.name} does not paint in the denoise loop, so its passes cannot be timed: write its "
            "profile by hand (flashpaint plan --help shows one)",
            param="painter",
        )
    return studio.painter


def sizes(batch: int) -> list[int]:
    """1, 2, 4, ... and the batch."""
    return sorted({*(2**k for k in range(batch.bit_length())), batch})


def fresh_prompts() -> Iterator[str]:
    """Such as nobody asked before: what was read is remembered."""
    return (f"{PROMPTS[k % len(PROMPTS)]} {k}" for k in _numbers)


def trajectory(studio: Studio, prompt: str) -> Trajectory:
    painter = loop_painter(studio)
    return painter.trajectories([order_of(PaintRequest(prompt), painter.spec, prompt, 1)])[0]


def stage_seconds(studio: Studio, prompt: str) -> tuple[float, float]:
    """Of reading and decoding, of a picture that paints alone; what is neither these nor passes counts as reading."""
    painting = studio.paint(PaintRequest(prompt, compose=False))
    spent = painting.timings
    return spent["total"] - spent["denoise"] - spent["decode"], spent["decode"]


def pass_seconds(studio: Studio, like: Trajectory, rows: int) -> float:
    """The mean over some of its steps."""
    steps, spent = like.steps, 0.0
    positions = sorted({k * steps // POSITIONS for k in range(POSITIONS)})
    for position in positions:
        batch = [replace(like, position=position) for _ in range(rows)]
        began = time.perf_counter()
        tick(loop_painter(studio).denoiser, batch)
        spent += time.perf_counter() - began
    return spent / len(positions)


def speeds_together(studio: Studio, like: Trajectory, batch: int, prompts: Iterator[str]) -> tuple[float, float]:
    """Of reading and of painting while both go on, against each alone."""

    def read() -> None:
        prompt = next(prompts)
        with studio.reading:
            studio.telling([prompt], studio.seer.see_text([prompt]))
        trajectory(studio, prompt)

    def paint() -> None:
        pass_seconds(studio, like, batch)

    read_alone, paint_alone = rate(read, SLICE_S / 2), rate(paint, SLICE_S / 2)
    over, found = threading.Event(), list[float]()
    reader = threading.Thread(target=lambda: found.append(rate(read, SLICE_S, over)), daemon=True)
    reader.start()
    painted = rate(paint, SLICE_S)
    over.set()
    reader.join()
    return found[0] / read_alone, painted / paint_alone


def rate(work: Callable[[], None], seconds: float, over: threading.Event | None = None) -> float:
    """How often a second it is done, in so many seconds or until it is over; once at least."""
    began, done = time.perf_counter(), 0
    while not done or (not over.is_set() if over else time.perf_counter() - began < seconds):
        work()
        done += 1
    return done / (time.perf_counter() - began)


def remembering(open_studio: Callable[[str | None], Studio]) -> tuple[float, int]:
    """Seconds to look at a picture and keep it, and the steps that one like it skips; in a memory of its own."""
    with tempfile.TemporaryDirectory(prefix="flashpaint-plan-") as folder:
        studio = open_studio(folder)
        try:
            first = [studio.paint(PaintRequest(prompt, compose=False)) for prompt in PROMPTS[:4]]
            near: list[Reuse] = [studio.paint(PaintRequest(prompt, compose=False)).reuse for prompt in PROMPTS[:4]]
        finally:
            studio.close()
    kept = [p.timings.get("look", 0.0) + p.timings.get("remember", 0.0) for p in first[1:]]
    return statistics.median(kept), round(statistics.fmean(reuse.skipped for reuse in near))
