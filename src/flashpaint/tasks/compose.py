"""Compose: a scene becomes one picture. Each thing is painted alone on a plain ground and cut out; laid into its box on
the painted background, all are noised a little and painted on together, so that one hand has painted the whole.

Without drafts, the things are regions of one picture from noise on (MultiDiffusion, Bar-Tal et al. 2023): in half the
time, and less sure to show every thing whole.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from flashpaint.composition.collage import (
    FINISH,
    STEPS,
    Key,
    Part,
    Plan,
    box_of,
    collage,
    likelier,
    plan_of,
    texts_of,
    unstyled,
)
from flashpaint.composition.matte import CutOut, cut_out
from flashpaint.composition.scene import Scene
from flashpaint.composition.wording import on_colour
from flashpaint.errors import OutOfRange
from flashpaint.paint.canvases import draft_size
from flashpaint.paint.orders import painted_steps, size_of
from flashpaint.paint.painter import EditingPainter, WarmPainter
from flashpaint.painting import Painting
from flashpaint.request import PaintRequest, Region, Source
from flashpaint.studio import Studio

UNTIL = 0.6  # the noise share down to which regions speak


@dataclass(frozen=True)
class Composed:
    """rows: denoising steps that were painted for it, those that it shares with others counted at the first."""

    painting: Painting
    scene: Scene
    parts: tuple[Part, ...]
    rows: int

    def shared(self, rows: int) -> Composed:
        """With so many more rows, which were painted before."""
        return replace(self, rows=self.rows + rows)


def compose(studio: Studio, scene: Scene, drafts: bool = True, **asked: Any) -> Composed:
    """One picture of a scene. `asked`: PaintRequest's own fields, such as steps. Raises what `layout` does."""
    return compose_many(studio, [scene], drafts, **asked)[0]


def compose_many(
    studio: Studio,
    scenes: Sequence[Scene],
    drafts: bool = True,
    grounds: Mapping[str, Image.Image] | None = None,
    **asked: Any,
) -> list[Composed]:
    """The same for several, which share their passes; what they have in common is painted once.

    grounds: painted backgrounds, by their words.
    """
    if drafts:
        able(studio)
    plans = plans_of(studio, scenes, **asked)
    if not drafts:
        return from_regions(studio, plans, asked)
    return from_drafts(studio, plans, grounds or {}, asked)


def plans_of(studio: Studio, scenes: Sequence[Scene], **asked: Any) -> list[Plan]:
    told = studio.told(chain(*(texts_of(scene) for scene in scenes)))
    size = size_of(PaintRequest("a scene", **asked), studio.painter.spec)
    seeds = [secrets.randbelow(2**31) if scene.seed is None else scene.seed for scene in scenes]
    plans = [plan_of(scene, told, seed, size) for scene, seed in zip(scenes, seeds, strict=True)]
    return [unstyled(plan) for plan in plans] if studio.painter.spec.drafts else plans


def as_request(studio: Studio, scene: Scene, drafts: bool = True, **asked: Any) -> PaintRequest:
    """The request whose picture shows the scene, for those who paint it by themselves; drafts are painted now."""
    plans = plans_of(studio, [scene], **asked)
    if not drafts:
        return region_request(plans[0], asked)
    able(studio)
    return laid_down(studio, plans, {}, asked)[0][0]


def able(studio: Studio) -> None:
    """Raise OutOfRange where the painter cannot paint on a collage."""
    if not isinstance(studio.painter, WarmPainter | EditingPainter):
        raise OutOfRange(f"{studio.painter.spec.name} paints from words alone: it composes no scenes", param="scene")


def from_drafts(
    studio: Studio, plans: Sequence[Plan], grounds: Mapping[str, Image.Image], asked: Mapping[str, Any]
) -> list[Composed]:
    requests, parts, spent = laid_down(studio, plans, grounds, asked)
    return [
        Composed(painting, plan.scene, own, (0 if k else spent) + painted_steps(painting.steps, FINISH))
        for k, (painting, plan, own) in enumerate(zip(studio.paint_many(requests), plans, parts, strict=True))
    ]


def laid_down(
    studio: Studio, plans: Sequence[Plan], grounds: Mapping[str, Image.Image], asked: Mapping[str, Any]
) -> tuple[list[PaintRequest], list[tuple[Part, ...]], int]:
    """Each plan's last request, over its collage, and its parts; and the denoising steps that the drafts took."""
    width, height = draft_size(plans[0].size, studio.painter.spec)
    drafts, behind = Drawer(studio, {**asked, "width": width, "height": height}), Drawer(studio, asked)
    cuts = cut_outs(drafts, plans)
    behind.draw([(plan.ground, plan.seed) for plan in plans if not plan.plain and plan.ground not in grounds])
    requests, parts = list[PaintRequest](), list[tuple[Part, ...]]()
    steps = max(STEPS, studio.painter.spec.steps)
    for plan in plans:
        own = [cuts[plan.draft(k)] for k in range(len(plan.placed))]
        under = behind.pictures.get((plan.ground, plan.seed)) or grounds.get(plan.ground)
        canvas, laid = collage(plan, under, own)
        parts.append(laid)
        source = Source(canvas, strength=FINISH)
        ours = {"steps": steps, "describe": False}
        requests.append(PaintRequest(plan.whole, seed=plan.seed, source=source, **{**ours, **given(asked)}))
    return requests, parts, drafts.rows + behind.rows


def given(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What of a request is asked, where the rest may have a default of ours."""
    return {name: value for name, value in asked.items() if value is not None}


class Drawer:
    """Paints each description with its seed once. rows: denoising steps spent."""

    def __init__(self, studio: Studio, asked: Mapping[str, Any]) -> None:
        self.studio, self.asked = studio, asked
        self.pictures: dict[Key, Image.Image] = {}
        self.rows = 0

    def draw(self, keys: Iterable[Key]) -> None:
        new = [key for key in dict.fromkeys(keys) if key not in self.pictures]
        requests = [
            PaintRequest(text, seed=seed, describe=False, compose=False, reuse="off", **self.asked)
            for text, seed in new
        ]
        for key, painting in zip(new, self.studio.paint_many(requests), strict=True):
            self.pictures[key] = painting.picture
            self.rows += painting.steps


def cut_outs(drawer: Drawer, plans: Sequence[Plan]) -> dict[Key, CutOut]:
    """Of each draft; one that cannot be told from its ground is painted again on another."""
    wanted = {plan.draft(k): plan.draft(k, again=True) for plan in plans for k in range(len(plan.placed))}
    drawer.draw(wanted)
    found = {key: cut_out(drawer.pictures[key]) for key in wanted}
    failed = [key for key, cut in found.items() if not cut.likely]
    drawer.draw(wanted[key] for key in failed)
    for key in failed:
        found[key] = likelier(found[key], cut_out(drawer.pictures[wanted[key]]))
    return found


def from_regions(studio: Studio, plans: Sequence[Plan], asked: Mapping[str, Any]) -> list[Composed]:
    requests = [region_request(plan, asked) for plan in plans]
    found = []
    for plan, painting in zip(plans, studio.paint_many(requests), strict=True):
        parts = []
        for placed, text in zip(plan.placed, plan.phrases, strict=True):
            seen = np.zeros((painting.picture.height, painting.picture.width), bool)
            left, top, right, bottom = (
                round(side * at) for side, at in zip(placed.box, 2 * seen.shape[::-1], strict=True)
            )
            seen[top:bottom, left:right] = True
            parts.append(Part(plan.scene.things[placed.number].name, text, placed.box, box_of(seen), seen))
        found.append(Composed(painting, plan.scene, tuple(parts), painting.steps * (1 + len(parts))))
    return found


def region_request(plan: Plan, asked: Mapping[str, Any]) -> PaintRequest:
    ours = {"describe": False, "regions": regions_of(plan)}
    return PaintRequest(plan.whole, seed=plan.seed, **{**ours, **given(asked)})


def regions_of(plan: Plan) -> tuple[Region, ...]:
    """Each thing where it is, under its phrase and the background's."""
    where = f", {plan.ground}" if plan.ground else on_colour(plan.scene.background.colour)
    return tuple(Region(f"{text}{where}", p.box, UNTIL) for p, text in zip(plan.placed, plan.phrases, strict=True))
