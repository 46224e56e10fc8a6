"""What fewer steps cost mini in quality: the share of the judge's held-out trials that are met, and their mean score,
by steps, distilled and before it was, with guidance and without, all at once; and distilled as it is used, several
things apart. Draws the curve.

python bench/steps.py --json steps.json --plot docs/bench-steps.png
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge, Trial, both_languages
from flashpaint.bench.recipe import ManySteps
from flashpaint.bench.report import write_figures
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter

STEPS = (1, 2, 4, 8, 16, 50)
COMMAND = "python bench/steps.py"


@dataclass(frozen=True)
class Setting:
    """A row of the table and a line of the plot. guidance: None for the model's own; most: steps that are worth it."""

    name: str
    studio: Studio
    guidance: float | None = None
    compose: bool = False
    most: int = 50


def measured(setting: Setting, steps: int, judge: Judge, trials: Sequence[Trial]) -> tuple[float, float]:
    """The share met and the mean score; English and Chinese by turns."""
    prompts = both_languages(trials)
    requests = [
        PaintRequest(text, seed=k, steps=steps, guidance_scale=setting.guidance, compose=setting.compose)
        for k, text in enumerate(prompts)
    ]
    pictures = [painting.picture for painting in setting.studio.paint_many(requests)]
    pairs = list(zip(trials, judge.verdicts(pictures), strict=True))
    return (
        statistics.fmean(trial.met(verdict) for trial, verdict in pairs),
        statistics.fmean(trial.score(verdict) for trial, verdict in pairs),
    )


def draw(lines: dict[str, list[tuple[int, float, float]]], path: Path) -> None:
    """Mean score against steps, a line a setting. Needs matplotlib (the extra "bench")."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for name, points in lines.items():
        axes.plot([steps for steps, _, _ in points], [score for _, _, score in points], marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(STEPS, [str(steps) for steps in STEPS])
    axes.set_xlabel("steps")
    axes.set_ylabel("mean score by the judge")
    axes.set_title(COMMAND, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=180, help="held-out prompts, their kinds by turns")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--plot", type=Path, help="draw the curve there")
    options = parser.parse_args()
    folder = ModelFolder.open("mini")
    studio, judge = Studio.open(), Judge(folder)
    teacher = Studio(studio.seer, studio.teller, LoopPainter(ManySteps(folder)))
    trials = judge.trials[: options.trials]
    settings = (
        Setting("distilled, as it is used", studio, compose=True, most=16),
        Setting("distilled, at once", studio, most=16),
        Setting("before, guided", teacher),
        Setting("before, without guidance", teacher, guidance=1.0),
    )
    table = Table("", "steps", "met", "score", title=f"{COMMAND} --trials {len(trials)}")
    lines: dict[str, list[tuple[int, float, float]]] = {}
    runs = [(setting, steps) for setting in settings for steps in STEPS if steps <= setting.most]
    for setting, steps in track(runs, "painting", console=Console(stderr=True)):
        met, score = measured(setting, steps, judge, trials)
        lines.setdefault(setting.name, []).append((steps, met, score))
        table.add_row(setting.name, str(steps), f"{met:.3f}", f"{score:.3f}")
    Console(highlight=False, file=sys.stdout).print(table)
    if options.json:
        figures = {
            f"{name}, {n}": {"met": met, "score": score} for name, rows in lines.items() for n, met, score in rows
        }
        write_figures(options.json, COMMAND, figures, trials=len(trials))
    if options.plot:
        draw(lines, options.plot)


if __name__ == "__main__":
    main()
