"""evaluate: the exported model, through flashpaint itself, on 500 fixed held-out prompts, read by the judge.

Writes scores.json, which export puts into the manifest; `training.gallery` shows pictures. --sweep compares steps and
guidance instead.
"""

from __future__ import annotations

import dataclasses
import json
import random
import sys
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image

from flashpaint import PaintRequest, Studio
from flashpaint.bench.colour import colour_seen
from flashpaint.bench.distance import kernel_distance
from flashpaint.bench.judge import Verdict, all_present, relation_holds
from flashpaint.bench.recipe import ManySteps
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from training.autoencoder import as_tensor
from training.denoiser import open_denoiser
from training.export import MINI
from training.judge import Judge, mean, open_judge, things_of, verdicts
from training.run import Stage
from training.scenes import Painter
from training.trials import COUNTS, held_out_prompts
from training.world import TINTS, Scene

Paint = Callable[[Sequence[str]], list[Image.Image]]


RIGHT: dict[str, Callable[[Verdict, Scene], bool]] = {
    "single": lambda v, s: s.items[0].thing in v.top(5),
    "place": lambda v, s: all_present(v, things_of(s)) and v.place == s.place,
    "pair": lambda v, s: relation_holds(v, things_of(s), s.relation or "and"),
}
NAMES = {"single": "single_top5", "place": "thing_and_place", "pair": "two_and_relation"}


def painter_of(studio: Studio, steps: int | None = None, guidance: float | None = None, compose: bool = True) -> Paint:
    def paint(texts: Sequence[str]) -> list[Image.Image]:
        requests = [
            PaintRequest(text, seed=k, steps=steps, guidance_scale=guidance, compose=compose)
            for k, text in enumerate(texts)
        ]
        return [painting.picture for painting in studio.paint_many(requests)]

    return paint


def judged(judge: Judge, pictures: Sequence[Image.Image]) -> list[Verdict]:
    return [v for i in range(0, len(pictures), 32) for v in verdicts(judge, as_tensor(list(pictures[i : i + 32])))]


def share(judge: Judge, kind: str, pictures: Sequence[Image.Image], scenes: Sequence[Scene]) -> float:
    return mean([RIGHT[kind](v, s) for v, s in zip(judged(judge, pictures), scenes, strict=True)])


@torch.no_grad()
def features(judge: Judge, pictures: Sequence[Image.Image]) -> np.ndarray:
    parts = [
        judge.features(judge.trunk(as_tensor(list(pictures[i : i + 32])) * 2 - 1)) for i in range(0, len(pictures), 32)
    ]
    return torch.cat(parts).double().numpy() / parts[0].shape[1] ** 0.5


def score(stage: Stage, studio: Studio, teacher: Studio, judge: Judge, painter: Painter) -> dict[str, float]:
    """All rows of mini.md's table, the judge's own accuracy beside each. teacher: paints the 50 steps; like the few
    that they are compared with, without drafts."""
    scores: dict[str, float] = {}
    chinese, few, many, made, real = [], [], [], list[Image.Image](), list[Image.Image]()
    rng = random.Random(0)
    for kind, number in COUNTS.items():
        rows = held_out_prompts(kind, 8 if stage.small else number)
        scenes = [s for s, _, _ in rows]
        english = painter_of(studio)([en for _, en, _ in rows])
        truth = [painter.paint(s, rng) for s in scenes]
        scores[NAMES[kind]] = share(judge, kind, english, scenes)
        scores["judge_" + NAMES[kind]] = share(judge, kind, truth, scenes)
        chinese.append(share(judge, kind, painter_of(studio)([zh for _, _, zh in rows]), scenes))
        part = 4 if stage.small else 40
        at_once = painter_of(studio, compose=False)([en for _, en, _ in rows])
        few.append(share(judge, kind, at_once[:part], scenes[:part]))
        scores[f"{NAMES[kind]}_at_once"] = share(judge, kind, at_once, scenes)
        if tinted := [(k, tint) for k, s in enumerate(scenes) if (tint := tint_of(s))]:
            scores[f"{kind}_colour"] = mean([colour_seen(english[k], asked) for k, asked in tinted])
            scores[f"{kind}_colour_at_once"] = mean([colour_seen(at_once[k], asked) for k, asked in tinted])
        many.append(share(judge, kind, painter_of(teacher, steps=50)([en for _, en, _ in rows[:part]]), scenes[:part]))
        details(scores, kind, judged(judge, english), scenes)
        made, real = made + english, real + truth
        stage.log(
            f"{kind}: English {scores[NAMES[kind]]:.3f}, Chinese {chinese[-1]:.3f}, judge on real scenes "
            f"{scores['judge_' + NAMES[kind]]:.3f}, {studio.painter.spec.steps} steps {few[-1]:.3f}, 50 {many[-1]:.3f}"
        )
    scores["zh_over_en"] = sum(chinese) / max(1e-9, sum(scores[name] for name in NAMES.values()))
    scores["few_over_many"] = sum(few) / max(1e-9, sum(many))
    scores["kid"] = kernel_distance(features(judge, made), features(judge, real))
    scores["steps"] = studio.painter.spec.steps
    return {name: round(value, 4) for name, value in scores.items()}


def tint_of(scene: Scene) -> str | None:
    """The colour that a scene's one thing was asked for in."""
    tint = scene.items[0].tint if len(scene.items) == 1 else None
    return None if tint is None else TINTS[tint].en[0]


def details(scores: dict[str, float], kind: str, found: Sequence[Verdict], scenes: Sequence[Scene]) -> None:
    """Rows beside the table: top-1, both things present, ground, style."""
    pairs = list(zip(found, scenes, strict=True))
    if kind == "single":
        scores["single_top1"] = mean([v.top(1)[0] == s.items[0].thing for v, s in pairs])
        scores["ground"] = mean([v.ground == s.ground for v, s in pairs if s.ground is not None])
        scores["style"] = mean([v.style == s.style for v, s in pairs])
    if kind == "pair":
        scores["two_present"] = mean([all_present(v, things_of(s)) for v, s in pairs])
    if kind == "place":
        scores["place"] = mean([v.place == s.place for v, s in pairs])


# (steps, guidance scale, guidance interval, shift of the schedule)
SWEEP = [
    (10, 3.0, (0.2, 1.0), 2.0),
    (8, 3.0, (0.2, 1.0), 2.0),
    (8, 4.5, (0.2, 1.0), 2.0),
    (8, 3.0, (0.4, 1.0), 2.0),
    (8, 4.5, (0.4, 1.0), 2.0),
    (6, 3.0, (0.4, 1.0), 2.0),
    (8, 3.0, (0.2, 1.0), 1.0),
    (8, 3.0, (0.2, 1.0), 4.0),
    (8, 4.5, (0.4, 1.0), 3.0),
    (8, 4.5, (0.4, 1.0), 4.0),
]


def sweep(stage: Stage, studio: Studio, judge: Judge) -> None:
    """Steps, guidance, its interval and the shift, on 40 scenes a kind that no score is taken on."""
    default = studio.painter.denoiser.spec
    rows = {kind: held_out_prompts(kind, 6 if stage.small else 40, "sweep") for kind in COUNTS}
    for steps, scale, interval, shift in SWEEP[: 2 if stage.small else None]:
        studio.painter.denoiser.spec = dataclasses.replace(  # type: ignore[misc]
            default, steps=steps, guidance_scale=scale, guidance_interval=interval, shift=shift
        )
        found = {
            kind: share(judge, kind, painter_of(studio)([en for _, en, _ in r]), [s for s, _, _ in r])
            for kind, r in rows.items()
        }
        stage.log(
            f"steps {steps} guidance {scale} on {interval} shift {shift}: "
            + "  ".join(f"{k} {v:.3f}" for k, v in found.items())
        )


def main() -> None:
    sweeping = "--sweep" in sys.argv
    sys.argv = [a for a in sys.argv if a != "--sweep"]
    stage = Stage.from_arguments("evaluate", __doc__, minutes=10)
    torch.set_num_threads(stage.threads)
    folder = stage.of("export") / "mini" if stage.small else MINI
    studio, judge = Studio.open(folder, stage.threads), open_judge(stage)
    if sweeping:
        return sweep(stage, studio, judge)
    many = LoopPainter(ManySteps(ModelFolder.open(folder), open_denoiser(stage)))
    teacher = Studio(studio.seer, studio.teller, many)
    scores = score(stage, studio, teacher, judge, Painter(stage.runs))
    (stage.folder / "scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    stage.log(json.dumps(scores))
    return None


if __name__ == "__main__":
    main()
