"""bench trace: a day of requests in a minute, by the plain recipe, by flashpaint bare, and with each of its parts."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint.bench.judge import Family, Judge
from flashpaint.bench.report import Report, machine
from flashpaint.bench.workload import Ask, read_log, workload
from flashpaint.memory.calibration import Calibration
from flashpaint.models.folder import ModelFolder
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

MANY = 50  # steps of a sampler that was not distilled
PLAIN = 16  # of the requests, so many go through the plain recipe: it takes seconds a picture


@dataclass(frozen=True)
class Setting:
    """What is switched on. steps: None for the model's own few; callers: at once."""

    name: str
    steps: int | None = MANY
    tell: bool = False
    memory: bool = False
    guard: bool = False
    callers: int = 1


ALONE = [
    Setting("bare, 50 steps"),
    Setting("+ tell", tell=True),
    Setting("+ few steps", steps=None),
    Setting("+ memory", memory=True),
    Setting("+ batching, 4 callers", callers=4),
]
TOGETHER = [
    Setting("tell, memory", tell=True, memory=True),
    Setting("tell, memory, guard", tell=True, memory=True, guard=True),
    Setting("the same, 4 callers", tell=True, memory=True, guard=True, callers=4),
    Setting("few steps, tell", steps=None, tell=True),
    Setting("few steps, tell, memory, guard", steps=None, tell=True, memory=True, guard=True),
    Setting("all, 4 callers", steps=None, tell=True, memory=True, guard=True, callers=4),
]


@dataclass
class Run:
    """What a setting gave. seconds, skipped (share of the steps), pictures: one a request, in the order asked."""

    name: str
    wall_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    skipped: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    pictures: list[Image.Image] = field(default_factory=list)
    steps: float = 0.0
    stored: int = 0

    @property
    def hits(self) -> list[bool]:
        """Requests of which at least half of the steps were remembered."""
        return [share >= 0.5 for share in self.skipped]


@dataclass(frozen=True)
class TraceReport(Report):
    """columns, table: of what is printed, a row a setting."""

    columns: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()

    def print(self) -> None:
        console = Console(highlight=False)
        table = Table(*self.columns, title=self.command)
        for row in self.table:
            table.add_row(*row)
        console.print(table)
        for name, value in self.figures.items():
            console.print(f"{name:28} {value:.4g}")
        console.print(f"machine: {machine()}")


def trace(
    requests: int = 120, seed: int = 0, log: Path | None = None, tick: Callable[[], None] = lambda: None
) -> TraceReport:
    """Every setting answers the same requests, each with an empty memory at the start."""
    folder = ModelFolder.open("mini")
    judge, studio = Judge(folder), Studio.open()
    families = judge.families("trace")
    asked = read_log(log, requests) if log else workload(families, requests, seed)
    studio.paint(PaintRequest("a cat", seed=0))
    runs = []
    for setting in [*ALONE, *TOGETHER]:
        runs.append(run(setting, asked, tick))
    plain = plain_run(folder, asked[:PLAIN], tick)
    cold = next(r for r in runs if r.name == "+ tell")
    scores = {r.name: score(judge, studio, r, asked) for r in [*runs, *([plain] if plain else [])]}
    look = {r.name: looks(studio, r.pictures) for r in runs}
    table = [
        row(r, scores[r.name], kernel_distance(look[r.name], look[cold.name]) if r.name in look else 0.0)
        for r in [*([plain] if plain else []), *runs]
    ]
    figures = figures_of(runs, scores, plain, score(judge, studio, cold, asked[:PLAIN]) if plain else 0.0)
    if not log:
        figures |= canonical(studio, families, memory_calibration())
    columns = (
        *("setting", "pictures/s", "p50 ms", "p95 ms", "p99 ms", "steps", "hits", "score", "KID to cold", "MB stored"),
    )
    rows = [(r.name, *cuts(r.seconds)[:2]) for r in [*([plain] if plain else []), *runs]]
    command = f"flashpaint bench trace --runs {requests}" + (f" --log {log.name}" if log else "")
    return TraceReport(command, figures, rows, columns, table)


def memory_calibration() -> Calibration:
    with opened(memory=True) as studio:
        assert studio.memory is not None
        return studio.memory.calibration


@contextmanager
def opened(memory: bool) -> Iterator[Studio]:
    """A studio with an empty memory of its own, or with none."""
    with tempfile.TemporaryDirectory(prefix="flashpaint-trace-") as folder:
        studio = Studio.open(memory=folder if memory else None)
        try:
            yield studio
        finally:
            studio.close()


def run(setting: Setting, asked: Sequence[Ask], tick: Callable[[], None]) -> Run:
    found, numbers = Run(setting.name), itertools.count()
    paintings: list[tuple[int, float, float, str, Image.Image, int]] = []
    with opened(setting.memory) as studio:
        if studio.memory and not setting.guard:
            studio.memory.calibration = studio.memory.calibration.model_copy(update={"floor": -1.0})

        def call() -> None:
            while (k := next(numbers)) < len(asked):
                started = time.perf_counter()
                # the seed makes runs alike; reuse must be asked for beside it
                request = PaintRequest(
                    asked[k].prompt, seed=k, steps=setting.steps, describe=setting.tell, reuse="auto"
                )
                painting = studio.paint(request)
                spent = time.perf_counter() - started
                reuse, steps = painting.reuse, painting.steps
                done = steps - reuse.skipped + reuse.tried
                paintings.append((k, spent, reuse.skipped / steps, reuse.kind, painting.picture, done))
                tick()

        began = time.perf_counter()
        with ThreadPoolExecutor(setting.callers) as pool:
            for caller in [pool.submit(call) for _ in range(setting.callers)]:
                caller.result()
        found.wall_s = time.perf_counter() - began
        if studio.memory:
            found.stored = studio.memory.store.statistics().bytes
    for _, spent, skipped, kind, picture, done in sorted(paintings, key=lambda painted: painted[0]):
        found.seconds.append(spent)
        found.skipped.append(skipped)
        found.kinds.append(kind)
        found.pictures.append(picture)
        found.steps += done / len(asked)
    return found


def plain_run(folder: ModelFolder, asked: Sequence[Ask], tick: Callable[[], None]) -> Run | None:
    """None where PyTorch is not installed."""
    try:
        from flashpaint.bench.recipe import STEPS, PlainMini
    except ImportError:
        return None
    recipe, found = PlainMini(folder), Run("plain recipe")
    recipe.paint("a cat", 0)
    began = time.perf_counter()
    for k, ask in enumerate(asked):
        started = time.perf_counter()
        found.pictures.append(recipe.paint(ask.prompt, k).picture)
        found.seconds.append(time.perf_counter() - started)
        tick()
    found.wall_s, found.steps = time.perf_counter() - began, STEPS
    found.skipped = [0.0] * len(asked)
    return found


def score(judge: Judge, studio: Studio, run: Run, asked: Sequence[Ask]) -> float:
    """The judge's mean score where it is known what was wanted; of a log, clip's cosine of prompt and picture."""
    pairs = [(ask, picture) for ask, picture in zip(asked, run.pictures, strict=False)]
    known = [(ask.wanted, picture) for ask, picture in pairs if ask.wanted]
    if known:
        verdicts = judge.verdicts([picture for _, picture in known])
        return statistics.fmean(wanted.score(v) for (wanted, _), v in zip(known, verdicts, strict=True))
    texts = studio.seer.see_text([ask.prompt for ask, _ in pairs])
    return float(np.sum(texts * looks(studio, run.pictures), 1).mean())


def looks(studio: Studio, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
    parts = [studio.seer.see_images(pictures[k : k + 32]) for k in range(0, len(pictures), 32)]
    return np.concatenate(parts)


def kernel_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """KID between two sets of clip features: the unbiased squared MMD with the cubic kernel (Binkowski et al. 2018)."""

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        grown: NDArray[np.float64] = (x @ y.T + 1) ** 3
        return grown

    x, y = a.astype(np.float64), b.astype(np.float64)
    within = [(kernel(z, z).sum() - np.trace(kernel(z, z))) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(sum(within) - 2 * kernel(x, y).mean())


def cuts(seconds: Sequence[float]) -> tuple[float, float, float]:
    """(p50, p95, p99) in milliseconds."""
    p50, p95, p99 = (1000 * np.percentile(seconds, [50, 95, 99])).tolist()
    return p50, p95, p99


def row(run: Run, score: float, distance: float) -> tuple[str, ...]:
    p50, p95, p99 = cuts(run.seconds)
    hits = statistics.fmean(run.hits)
    return (
        run.name,
        f"{len(run.seconds) / run.wall_s:.2f}",
        *(f"{cut:.0f}" for cut in (p50, p95, p99)),
        f"{run.steps:.1f}",
        f"{hits:.0%}" if any(run.skipped) else "",
        f"{score:.3f}",
        f"{distance:.4f}",
        f"{run.stored / 1e6:.1f}" if run.stored else "",
    )


def figures_of(
    runs: Sequence[Run], scores: dict[str, float], plain: Run | None, cold_of_plain: float
) -> dict[str, float]:
    named = {run.name: run for run in runs}
    many, few = named["tell, memory, guard"], named["few steps, tell, memory, guard"]
    cold, alone = named["+ tell"], named["few steps, tell"]
    rate = {run.name: len(run.seconds) / run.wall_s for run in runs}
    hit = [s for s, is_hit in zip(few.seconds, few.hits, strict=True) if is_hit]
    figures = {
        "throughput_ratio": rate[many.name] / rate[cold.name],
        "quality_loss": 1 - scores[many.name] / scores[cold.name],
        "hit_rate": statistics.fmean(many.hits),
        "hit_rate_without_tell": statistics.fmean(named["+ memory"].hits),
        "hit_p50_over_cold_p50": statistics.median(hit) / statistics.median(alone.seconds) if hit else 1.0,
        "steps_per_request": many.steps,
        "refused": sum(kind == "refused" for kind in many.kinds) / len(many.kinds),
        "few_throughput_ratio": rate[few.name] / rate[alone.name],
        "few_quality_loss": 1 - scores[few.name] / scores[alone.name],
    }
    if plain:
        figures["plain_over_ours"] = statistics.median(plain.seconds) / statistics.median(few.seconds)
        figures["plain_over_all_throughput"] = rate["all, 4 callers"] / (len(plain.seconds) / plain.wall_s)
        figures["alignment_ratio"] = scores["few steps, tell, memory, guard"] / scores[cold.name]
        figures["alignment_plain_over_cold"] = scores[plain.name] / cold_of_plain
    return figures


def canonical(studio: Studio, families: Sequence[Family], calibration: Calibration) -> dict[str, float]:
    """What the teller adds: the share of scenes said anew that would start from the scene as it was said first, at the
    deepest start there is, with and without it; in the same language and in the other."""
    deepest = min((rung.noise for rung in calibration.rungs), default=0.0)
    found: dict[str, list[bool]] = {}
    for family in families:
        prompts = list(family.said)
        z = studio.seer.see_text(prompts)
        told = studio.seer.see_text(
            [t.description or p for t, p in zip(studio.telling(prompts, z), prompts, strict=True)]
        )
        for way, features in (("with_tell", told), ("without_tell", z)):
            for k in range(1, len(prompts)):  # English and Chinese take turns, English first
                pair = "paraphrase" if k % 2 == 0 else "bilingual"
                near = float(features[0] @ features[k])
                found.setdefault(f"{pair}_hits_{way}", []).append(calibration.start(near) <= deepest)
    return {name: statistics.fmean(hits) for name, hits in sorted(found.items())}


def ticks(requests: int) -> int:
    """How often `trace` will tick."""
    return requests * len([*ALONE, *TOGETHER]) + PLAIN
