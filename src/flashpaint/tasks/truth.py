"""The ground truth of composed pictures: COCO annotations, label maps, and whether clip finds each thing where it is.

Boxes and masks are those of what was laid down; that the painter drew it well is not taken for granted: each crop is
scored, and what is not found is flagged.
"""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.collage import Part
from flashpaint.studio import Studio
from flashpaint.tasks.compose import Composed
from flashpaint.tasks.describe import known_things

FOUND = 0.9  # least score of a thing that is there
MARGIN = 0.1  # of a box, that its crop shows around it


@dataclass(frozen=True)
class Label:
    """One thing in one picture. box: x, y, width and height in pixels; score: 0 to 1, see `scores`; area: pixels that
    are seen; found: whether clip finds it there."""

    name: str
    phrase: str
    box: tuple[int, int, int, int]
    area: int
    score: float
    found: bool
    mask: Mapping[str, Any]


def labels(studio: Studio, composed: Composed) -> list[Label]:
    """One for each part, farthest first, those that nearer ones hide included."""
    found = []
    for part, score in zip(composed.parts, scores(studio, composed), strict=True):
        left, top, right, bottom = part.box or (0, 0, 0, 0)
        box = (left, top, right - left, bottom - top)
        area = int(part.seen.sum())
        found.append(Label(part.name, part.phrase, box, area, score, score >= FOUND, run_lengths(part.seen)))
    return found


def scores(studio: Studio, composed: Composed) -> list[float]:
    """Of each part, the share of all things that clip knows which are less like its crop than its own phrase is: 1
    where none is nearer, 0 where it is hidden."""
    shown = [part for part in composed.parts if part.box]
    if not shown:
        return [0.0] * len(composed.parts)
    with studio.reading:
        crops = studio.seer.see_images([crop(composed.painting.picture, part) for part in shown])
        own = studio.seer.see_text([part.phrase for part in shown])
        _, others = known_things(studio)
    near = {id(part): rank(z, text, others) for part, z, text in zip(shown, crops, own, strict=True)}
    return [near.get(id(part), 0.0) for part in composed.parts]


def rank(z: NDArray[np.float32], own: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The share of others (n, dim) that lie farther from z (dim,) than its own text, which may be among them."""
    return float((others @ z <= own @ z + 1e-6).mean())


def crop(picture: Image.Image, part: Part) -> Image.Image:
    """The part in a square of its own, with a little of what is around it."""
    assert part.box is not None
    left, top, right, bottom = part.box
    half = max(right - left, bottom - top) * (0.5 + MARGIN)
    x, y = (left + right) / 2, (top + bottom) / 2
    square = (max(0, x - half), max(0, y - half), min(picture.width, x + half), min(picture.height, y + half))
    found = picture.crop(tuple(round(side) for side in square))  # type: ignore[arg-type]
    return found.resize((picture.width, picture.width), Image.Resampling.BICUBIC)


def label_map(composed: Composed) -> Image.Image:
    """Indexed: 0 where nothing was asked for, k + 1 where the k-th part is seen; each index in a colour of its own."""
    picture = composed.painting.picture
    indices = np.zeros((picture.height, picture.width), np.uint8)
    for k, part in enumerate(composed.parts):
        indices[part.seen] = k + 1
    found = Image.fromarray(indices).convert("P")
    found.putdata(indices.ravel().tolist())
    colours = [colorsys.hsv_to_rgb(k * 0.618 % 1, 0.75, 0.95) for k in range(len(composed.parts))]
    found.putpalette([0, 0, 0, *(round(255 * level) for colour in colours for level in colour)])
    return found


def run_lengths(seen: NDArray[np.bool_]) -> dict[str, Any]:
    """COCO's uncompressed run lengths: column by column, zeros first."""
    flat = seen.ravel(order="F")
    counts = [len(list(run)) for _, run in groupby(flat.tolist())]
    return {"size": list(seen.shape), "counts": [0, *counts] if flat[0] else counts}


def coco(pictures: Sequence[tuple[str, tuple[int, int], Sequence[Label]]], names: Sequence[str]) -> dict[str, Any]:
    """The COCO object detection format, as pycocotools reads it, of (file name, size, labels). names: of the
    categories, in their order, whose ids count from 1. `score`, `found` and `description` are ours."""
    number = {name: k + 1 for k, name in enumerate(names)}
    rows = [(k + 1, label) for k, (_, _, own) in enumerate(pictures) for label in own]
    return {
        "info": {"description": "painted by flashpaint", "version": "1"},
        "licenses": [],
        "images": [
            {"id": k + 1, "file_name": file, "width": size[0], "height": size[1]}
            for k, (file, size, _) in enumerate(pictures)
        ],
        "annotations": [
            {
                "id": k + 1,
                "image_id": image,
                "category_id": number[label.name],
                "bbox": list(label.box),
                "area": label.area,
                "iscrowd": 0,
                "segmentation": dict(label.mask),
                "score": round(label.score, 4),
                "found": label.found,
                "description": label.phrase,
            }
            for k, (image, label) in enumerate(rows)
        ],
        "categories": [{"id": k, "name": name, "supercategory": "thing"} for name, k in number.items()],
    }


def yolo(size: tuple[int, int], found: Sequence[Label], names: Sequence[str]) -> str:
    """A line a thing that is found: its category counted from 0, and its box's middle and size in shares."""
    lines = []
    for label in found:
        if label.found:
            x, y, width, height = label.box
            box = ((x + width / 2) / size[0], (y + height / 2) / size[1], width / size[0], height / size[1])
            lines.append(f"{list(names).index(label.name)} {' '.join(f'{share:.6f}' for share in box)}")
    return "".join(f"{line}\n" for line in lines)
