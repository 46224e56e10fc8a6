"""The plan of a scene before anything is painted, and the collage of its cut out drafts. Knows words and pixels, no
models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.hues import bare, coloured, hue, untinted
from flashpaint.composition.layout import Box, Placed, layout
from flashpaint.composition.matte import CutOut, corner, cut_out, fitted, lay
from flashpaint.composition.scene import Scene
from flashpaint.composition.tint import tinted
from flashpaint.composition.wording import ground_words, on_colour, phrase, sentence, styled

FINISH, STEPS = 0.125, 8  # the share of so many steps, or of the model's own if more, that the collage is painted on
GROUNDS = ("gray", "pink")  # that drafts are painted on; the second where a thing cannot be told from the first
PALE = (208, 224, 238)  # a ground of which nothing is said
SEEDS = 2**19  # between a thing's first draft and its second

Key = tuple[str, int]  # a description and its seed


@dataclass(frozen=True)
class Part:
    """One thing as it was asked for and laid down.

    name, phrase: what it is, short and as it was painted; asked: its box in the layout; box: what of it is seen, in
    pixels, None where nothing is; seen (height, width): its pixels. Both are the asked box where there was no draft.
    """

    name: str
    phrase: str
    asked: Box
    box: tuple[int, int, int, int] | None
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """A scene and what is known before painting: boxes, farthest first, and descriptions in the painter's words."""

    scene: Scene
    seed: int
    placed: tuple[Placed, ...]
    phrases: tuple[str, ...]
    whole: str
    ground: str
    size: tuple[int, int]

    @property
    def plain(self) -> bool:
        return not self.ground

    def draft(self, k: int, again: bool = False) -> Key:
        """What is painted for the k-th of what is placed."""
        thing = self.scene.things[self.placed[k].number]
        ground = GROUNDS[1] if again else (self.scene.background.colour or GROUNDS[0])
        drawn = untinted(self.phrases[k], hue(thing))
        said = f"{drawn}{on_colour(ground)}{styled(thing.style or self.scene.style)}"
        return said, self.seed + k + (SEEDS if again else 1)


def texts_of(scene: Scene) -> list[str]:
    """What of a scene is to be told in the painter's words: its things, less the colours that they are turned to, the
    whole, and the ground where it is a place.

    Raises OutOfRange as `layout` does."""
    ground = ground_words(scene.background, scene.style)
    return [*(bare(scene.things[p.number]) for p in layout(scene)), sentence(scene), *filter(None, [ground])]


def plan_of(scene: Scene, told: Mapping[str, str], seed: int, size: tuple[int, int]) -> Plan:
    """told: each of the scene's texts as the language model says it; what it does not hold stays as it is."""
    placed = tuple(layout(scene, size))
    things = [scene.things[p.number] for p in placed]
    whole, ground = sentence(scene), ground_words(scene.background, scene.style)
    said = tuple(coloured(told[bare(t)], hue(t)) if bare(t) in told else phrase(t) for t in things)
    return Plan(scene, seed, placed, said, told.get(whole, whole), told.get(ground, ground), size)


def unstyled(plan: Plan) -> Plan:
    """With its ground in no style, for painters that learned styles on things: in an empty place they paint some."""
    return replace(plan, ground=plan.ground.removesuffix(styled(plan.scene.style)))


def likelier(first: CutOut, second: CutOut | None) -> CutOut:
    """The second draft's where it alone can be told from its ground."""
    return second if second and second.likely and not first.likely else first


def collage(plan: Plan, ground: Image.Image | None, cuts: Sequence[CutOut]) -> tuple[Image.Image, tuple[Part, ...]]:
    """The things laid onto the ground, farthest first, and what of each is seen. ground: None where it is plain."""
    plain = cuts[0].ground if plan.scene.background.colour else PALE
    canvas = ground.copy() if ground else Image.new("RGB", plan.size, plain)
    covers = [lay_down(plan, canvas, placed, cut) for placed, cut in zip(plan.placed, cuts, strict=True)]
    nearer, parts = np.zeros_like(covers[0]), list[Part]()
    for placed, text, cover in zip(plan.placed[::-1], plan.phrases[::-1], covers[::-1], strict=True):
        thing, seen = plan.scene.things[placed.number], cover & ~nearer
        parts.append(Part(thing.name, text, placed.box, box_of(seen), seen))
        nearer |= cover
    return canvas, tuple(parts[::-1])


def lay_down(plan: Plan, canvas: Image.Image, placed: Placed, cut: CutOut) -> NDArray[np.bool_]:
    """One thing into its box, in its colour; the pixels that it covers."""
    small = tinted(fitted(cut, placed.box, canvas.size), hue(plan.scene.things[placed.number]))
    return lay(canvas, small, corner(small, placed.box, canvas.size, stands=not plan.plain))


def sketch(plan: Plan, drafts: Mapping[Key, Image.Image]) -> Image.Image:
    """The collage as far as its drafts have come: of those that can be told from their grounds yet."""
    under = drafts.get((plan.ground, plan.seed))
    canvas = under.resize(plan.size) if under else Image.new("RGB", plan.size, PALE)
    for n, placed in enumerate(plan.placed):
        if (draft := drafts.get(plan.draft(n))) and (cut := cut_out(draft)).likely:
            lay_down(plan, canvas, placed, cut)
    return canvas


def box_of(seen: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    return Image.fromarray(seen).getbbox()
