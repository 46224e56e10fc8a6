"""What fewer steps and other samplers cost mini in quality: the share of the judge's held-out trials that are met.

python bench/steps.py
"""

from __future__ import annotations

import time

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge
from flashpaint.bench.plain import met
from flashpaint.models.folder import ModelFolder

SETTINGS = [(8, "euler"), (8, "dpm++2m"), (6, "euler"), (6, "dpm++2m"), (4, "euler"), (4, "dpm++2m"), (4, "lcm")]


def main() -> None:
    studio, judge = Studio.open(), Judge(ModelFolder.open("mini"))
    prompts = [trial.zh if k % 2 else trial.en for k, trial in enumerate(judge.trials)]
    print(f"{len(prompts)} trials\nsteps  sampler   met    seconds")
    for steps, sampler in SETTINGS:
        requests = [PaintRequest(text, seed=k, steps=steps, sampler=sampler) for k, text in enumerate(prompts)]
        started = time.perf_counter()
        pictures = [painting.picture for painting in studio.paint_many(requests)]
        spent = time.perf_counter() - started
        print(f"{steps:5}  {sampler:8}  {met(judge, judge.trials, pictures):.3f}  {spent:.1f}", flush=True)


if __name__ == "__main__":
    main()
