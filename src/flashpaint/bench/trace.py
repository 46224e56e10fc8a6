"""bench trace: a day of requests in a minute, by the plain recipe, by flashpaint bare, and with each of its parts.

Many steps are those of mini's denoiser before it was distilled, few those of the one that ships. Needs PyTorch and a
checkout.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint.bench.answering import Models, Run, Setting, calibrated, fill, plain_run, run
from flashpaint.bench.distance import kernel_distance
from flashpaint.bench.judge import Family, Judge
from flashpaint.bench.report import Report, machine
from flashpaint.bench.workload import Ask, read_log, workload
from flashpaint.errors import ModelNotFound
from flashpaint.memory.calibration import Calibration
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.studio import Studio

HISTORY = 4  # times as many requests came before those that are measured, and filled the memory
FILLED = ((True, False), (True, True), (False, True))  # (many steps, tell): of the settings that have a memory
PLAIN = 16  # of the requests, so many go through the plain recipe: it takes seconds a picture


ALONE = [
    Setting("bare, 50 steps"),
    Setting("+ tell", tell=True),
    Setting("+ few steps", many=False),
    Setting("+ memory", memory=True),
    Setting("+ batching, 4 callers", callers=4),
]
TOGETHER = [
    Setting("tell, memory", tell=True, memory=True),
    Setting("tell, memory, guard", tell=True, memory=True, guard=True),
    Setting("the same, 4 callers", tell=True, memory=True, guard=True, callers=4),
    Setting("few steps, tell", many=False, tell=True),
    Setting("few steps, tell, memory, guard", many=False, tell=True, memory=True, guard=True),
    Setting("all, 4 callers", many=False, tell=True, memory=True, guard=True, callers=4),
]


@dataclass(frozen=True)
class TraceReport(Report):
    """columns, table: of what is printed, a row a setting."""

    columns: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()

    def print(self) -> None:
        console = Console(highlight=False, width=max(Console().width, 130))
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
    """Every setting answers the same requests; where there is a memory, it has seen HISTORY times as many before."""
    try:
        from flashpaint.bench.recipe import ManySteps
    except ImportError as missing:
        raise ModelNotFound(
            f"many steps and the plain recipe are PyTorch's ({missing}): pip install 'flashpaint[torch]'", param="model"
        ) from missing
    folder = ModelFolder.open("mini")
    judge, studio = Judge(folder), Studio.open()
    models = Models(studio, LoopPainter(ManySteps(folder)), calibrated(folder))
    families = judge.families("trace")
    wanted = (1 + HISTORY) * requests
    all_asked = read_log(log, wanted) if log else workload(families, wanted, seed)
    asked, before = all_asked[-requests:], all_asked[:-requests]
    with tempfile.TemporaryDirectory(prefix="flashpaint-trace-") as scratch:
        filled = {
            (many, tell): fill(models, many, Path(scratch) / f"{many}-{tell}", before, tell, tick)
            for many, tell in FILLED
        }
        runs = [run(models, s, asked, tick, filled.get((s.many, s.tell))) for s in [*ALONE, *TOGETHER]]
    again = run(models, Setting("other seeds", many=False, tell=True), asked, tick, first_seed=10**6)
    reference = looks(studio, again.pictures)
    plain = plain_run(folder, asked[:PLAIN], tick)
    shown = [plain, *runs]
    cold = next(r for r in runs if r.name == "+ tell")
    scores = {r.name: score(judge, studio, r, asked) for r in shown}
    table = [row(r, scores[r.name], kernel_distance(looks(studio, r.pictures), reference)) for r in shown]
    figures = figures_of(runs, scores, plain, score(judge, studio, cold, asked[:PLAIN]))
    if not log:
        figures |= losses(judge, asked, cold, next(r for r in runs if r.name == "tell, memory, guard"))
        figures |= canonical(studio, families, calibrated(folder))
    columns = (
        *("setting", "pictures/s", "p50 ms", "p95 ms", "p99 ms", "steps", "hits", "score", "KID to cold", "MB stored"),
    )
    rows = [(r.name, *cuts(r.seconds)[:2]) for r in shown]
    command = f"flashpaint bench trace --runs {requests}" + (f" --log {log.name}" if log else "")
    return TraceReport(command, figures, rows, columns, table)


def score(judge: Judge, studio: Studio, run: Run, asked: Sequence[Ask]) -> float:
    """The judge's mean score where it is known what was wanted; of a log, clip's cosine of prompt and picture."""
    pairs = [(ask, picture) for ask, picture in zip(asked, run.pictures, strict=False)]
    known = [(ask.wanted, picture) for ask, picture in pairs if ask.wanted]
    if known:
        verdicts = judge.verdicts([picture for _, picture in known])
        return statistics.fmean(wanted.score(v) for (wanted, _), v in zip(known, verdicts, strict=True))
    texts = studio.seer.see_text([ask.prompt for ask, _ in pairs])
    return float(np.sum(texts * looks(studio, run.pictures), 1).mean())


def losses(judge: Judge, asked: Sequence[Ask], cold: Run, warm: Run) -> dict[str, float]:
    """What the mean score lost by kind of request, as a share, and the standard error of all together."""
    known = [k for k, ask in enumerate(asked) if ask.wanted]
    one, other = (judge.verdicts([run.pictures[k] for k in known]) for run in (cold, warm))
    wanted = [asked[k].wanted for k in known]
    scores = [(trial.score(a), trial.score(b)) for trial, a, b in zip(wanted, one, other, strict=True) if trial]
    mean = statistics.fmean(a for a, _ in scores)
    found = {}
    for kind in sorted({asked[k].kind for k in known}):
        mine = [pair for k, pair in zip(known, scores, strict=True) if asked[k].kind == kind]
        found[f"loss_{kind}"] = statistics.fmean(a - b for a, b in mine) / mean
    spread = statistics.stdev(a - b for a, b in scores)
    return {**found, "quality_loss_error": spread / len(scores) ** 0.5 / mean}


def looks(studio: Studio, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
    parts = [studio.seer.see_images(pictures[k : k + 32]) for k in range(0, len(pictures), 32)]
    return np.concatenate(parts)


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


def figures_of(runs: Sequence[Run], scores: dict[str, float], plain: Run, cold_of_plain: float) -> dict[str, float]:
    named = {run.name: run for run in runs}
    many, few = named["tell, memory, guard"], named["few steps, tell, memory, guard"]
    cold, alone = named["+ tell"], named["few steps, tell"]
    rate = {run.name: len(run.seconds) / run.wall_s for run in runs}
    hit = [s for s, is_hit in zip(few.seconds, few.hits, strict=True) if is_hit]
    return {
        "throughput_ratio": rate[many.name] / rate[cold.name],
        "quality_loss": 1 - scores[many.name] / scores[cold.name],
        "hit_rate": statistics.fmean(many.hits),
        "hit_rate_without_tell": statistics.fmean(named["+ memory"].hits),
        "hit_p50_over_cold_p50": statistics.median(hit) / statistics.median(alone.seconds) if hit else 1.0,
        "steps_per_request": many.steps,
        "refused": sum(kind == "refused" for kind in many.kinds) / len(many.kinds),
        "few_throughput_ratio": rate[few.name] / rate[alone.name],
        "few_quality_loss": 1 - scores[few.name] / scores[alone.name],
        "few_over_many": scores[alone.name] / scores[cold.name],
        "plain_over_ours": statistics.median(plain.seconds) / statistics.median(few.seconds),
        "plain_over_all_throughput": rate["all, 4 callers"] / (len(plain.seconds) / plain.wall_s),
        "plain_over_cold_score": scores[plain.name] / cold_of_plain,
    }


def canonical(studio: Studio, families: Sequence[Family], calibration: Calibration) -> dict[str, float]:
    """What the teller adds: the share of scenes said anew that would start from the scene as it was said first, at the
    deepest start there is, with and without it; in the same language and in the other."""
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
                found.setdefault(f"{pair}_hits_{way}", []).append(calibration.start(near) <= calibration.deepest)
    return {name: statistics.fmean(hits) for name, hits in sorted(found.items())}


def ticks(requests: int) -> int:
    """How often `trace` will tick."""
    return requests * (len([*ALONE, *TOGETHER]) + len(FILLED) * HISTORY + 1) + PLAIN
