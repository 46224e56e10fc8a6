"""What fewer steps cost mini in quality, before and after it was distilled: the share of the judge's held-out trials
that are met, their mean score, and the seconds of all.

python bench/steps.py
"""

from __future__ import annotations

import statistics
import time

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge
from flashpaint.bench.recipe import ManySteps
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter

FEW = [
    (1, "euler"),
    (2, "euler"),
    (3, "euler"),
    (4, "euler"),
    (4, "dpm++2m"),
    (6, "euler"),
    (8, "euler"),
    (16, "euler"),
]
MANY = [(4, "euler"), (6, "euler"), (8, "euler"), (8, "dpm++2m"), (16, "euler"), (50, "euler")]


def main() -> None:
    folder = ModelFolder.open("mini")
    studio, judge = Studio.open(), Judge(folder)
    teacher = Studio(studio.seer, studio.teller, LoopPainter(ManySteps(folder)))
    prompts = [trial.zh if k % 2 else trial.en for k, trial in enumerate(judge.trials)]
    print(f"{len(prompts)} trials\nmodel      steps  sampler   met    score  seconds", flush=True)
    for name, painted_by, settings in (("distilled", studio, FEW), ("before", teacher, MANY)):
        for steps, sampler in settings:
            requests = [PaintRequest(text, seed=k, steps=steps, sampler=sampler) for k, text in enumerate(prompts)]
            started = time.perf_counter()
            pictures = [painting.picture for painting in painted_by.paint_many(requests)]
            spent = time.perf_counter() - started
            pairs = list(zip(judge.trials, judge.verdicts(pictures), strict=True))
            met = statistics.fmean(trial.met(verdict) for trial, verdict in pairs)
            score = statistics.fmean(trial.score(verdict) for trial, verdict in pairs)
            print(f"{name:10} {steps:5}  {sampler:8}  {met:.3f}  {score:.3f}  {spent:.1f}", flush=True)


if __name__ == "__main__":
    main()
