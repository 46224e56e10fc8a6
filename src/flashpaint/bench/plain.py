"""bench plain: flashpaint against the plain recipe on the same weights, timed and judged on the same prompts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from PIL import Image

from flashpaint.bench.judge import Judge, Trial
from flashpaint.bench.report import Report, percentiles
from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio


def plain(runs: int = 48, tick: Callable[[], None] = lambda: None) -> Report:
    """Each prompt by both, by turns, in both languages; then the judge reads all pictures."""
    try:
        from flashpaint.bench.recipe import PlainMini
    except ImportError as missing:
        raise ModelNotFound(
            f"the plain recipe is PyTorch's ({missing}): pip install 'flashpaint[torch]'", param="model"
        ) from missing
    folder = ModelFolder.open("mini")
    judge, recipe, studio = Judge(folder), PlainMini(folder), Studio.open()
    trials = judge.trials[:runs]
    studio.paint(PaintRequest("a cat", seed=0))
    recipe.paint("a cat", 0)
    ours, theirs = list[tuple[float, Image.Image]](), list[tuple[float, Image.Image]]()
    stages: dict[str, list[float]] = {}
    for seed, trial in enumerate(trials):
        prompt = trial.zh if seed % 2 else trial.en
        started = time.perf_counter()
        painting = studio.paint(PaintRequest(prompt, seed=seed))
        ours.append((time.perf_counter() - started, painting.picture))
        started = time.perf_counter()
        made = recipe.paint(prompt, seed)
        theirs.append((time.perf_counter() - started, made.picture))
        for side, seconds in (("plain", made.seconds), ("flashpaint", painting.timings)):
            for stage, spent in seconds.items():
                stages.setdefault(f"{side}: {stage}", []).append(spent)
        tick()
    met_ours, met_theirs = (met(judge, trials, [picture for _, picture in made]) for made in (ours, theirs))
    spent_ours, spent_theirs = ([seconds for seconds, _ in made] for made in (ours, theirs))
    rows = [
        ("flashpaint", *percentiles(spent_ours)),
        ("plain recipe", *percentiles(spent_theirs)),
        *((stage, *percentiles(spent)) for stage, spent in sorted(stages.items()) if not stage.endswith("total")),
    ]
    figures = {
        "plain_over_ours": statistics.median(spent_theirs) / statistics.median(spent_ours),
        "alignment_ratio": met_ours / max(met_theirs, 1e-9),
        "alignment_ours": met_ours,
        "alignment_plain": met_theirs,
        "pictures": len(trials),
    }
    return Report("flashpaint bench plain", figures, rows)


def met(judge: Judge, trials: Sequence[Trial], pictures: Sequence[Image.Image]) -> float:
    """The share of the pictures in which the judge finds what was asked for."""
    found = [trial.met(verdict) for trial, verdict in zip(trials, judge.verdicts(pictures), strict=True)]
    return sum(found) / len(found)
