"""Outpaint: the canvas grows beyond the picture, and what is new is painted."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from flashpaint.errors import OutOfRange
from flashpaint.paint.orders import LARGE, nearest_size
from flashpaint.paint.painter import PainterSpec
from flashpaint.request import PaintRequest, Source, check_number, clean_picture
from flashpaint.studio import Studio
from flashpaint.tasks.describe import describe

MOST = 4096  # pixels of a side
STRENGTH = 1.0
RAMP = 16  # the picture's continued edge blends into what is painted over one such part of the canvas' short side
SMALLEST = 16  # pixels of what is left of the picture when it is shrunk


@dataclass(frozen=True)
class Room:
    """Pixels of the picture's own that are added on each side, 0 to 4096, one at least."""

    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    def __post_init__(self) -> None:
        for name, pixels in vars(self).items():
            check_number(name, pixels, 0, MOST)
        if not any(astuple(self)):
            raise OutOfRange("no side is extended: say by how many pixels, for example left=64", param="left")


@dataclass(frozen=True)
class Placed:
    """Where the picture, in this size, lies on a canvas of that size."""

    canvas: tuple[int, int]
    picture: tuple[int, int]
    at: tuple[int, int]


def outpaint(
    studio: Studio,
    picture: Image.Image,
    room: Room,
    prompt: str | None = None,
    strength: float | None = None,
    **asked: Any,
) -> PaintRequest:
    """The picture on a larger canvas. prompt: of the whole; by default the scene that clip sees in the picture, without
    its thing, which is there already."""
    picture, spec = clean_picture(picture), studio.painter.spec
    placed = place(picture.size, room, spec)
    canvas, mask = laid(picture, placed)
    note = noted(picture.size, room, placed, spec.name)
    source = Source(canvas, mask, STRENGTH if strength is None else strength, task="outpaint", note=note)
    if prompt is None:
        seen = describe(studio, picture)
        return PaintRequest(seen.scene or seen.text, source=source, **{**asked, "describe": False})
    return PaintRequest(prompt, source=source, **asked)


def place(size: tuple[int, int], room: Room, spec: PainterSpec) -> Placed:
    """On a canvas that the painter paints: the picture keeps its size if there is one, else it is shrunk."""
    asked = (size[0] + room.left + room.right, size[1] + room.top + room.bottom)
    canvas = canvas_size(asked, spec)
    scale = 1.0 if min(canvas[0] - asked[0], canvas[1] - asked[1]) >= 0 else min(np.divide(canvas, asked))
    width, height = (max(1, round(side * scale)) for side in size)
    if min(width, height) < SMALLEST:
        raise OutOfRange(
            f"{spec.name} paints {canvas[0]}x{canvas[1]}, where {width}x{height} pixels would be left of the picture: "
            "extend it by less",
            param="left",
        )
    return Placed(
        canvas,
        (width, height),
        (begins(canvas[0] - width, room.left, room.right), begins(canvas[1] - height, room.top, room.bottom)),
    )


def canvas_size(asked: tuple[int, int], spec: PainterSpec) -> tuple[int, int]:
    """The next larger size that the painter paints well, else the one of the nearest shape."""
    larger = [min((side for side in spec.sides if side >= wanted), default=0) for wanted in asked]
    if all(larger) and larger[0] * larger[1] <= LARGE * spec.side**2 and max(larger) <= LARGE * min(asked):
        return larger[0], larger[1]
    return nearest_size(asked, spec)


def begins(free: int, before: int, after: int) -> int:
    """Where the picture begins along one side of which so many pixels are free: as they were asked before and after,
    in the middle where none were."""
    return free // 2 if before + after == 0 else round(free * before / (before + after))


def laid(picture: Image.Image, placed: Placed) -> tuple[Image.Image, Image.Image]:
    """The canvas, its free part continuing the picture's edge, and the mask that rises to white there."""
    small = picture if picture.size == placed.picture else picture.resize(placed.picture, Image.Resampling.LANCZOS)
    (x, y), (width, height) = placed.at, placed.canvas
    around = ((y, height - y - small.height), (x, width - x - small.width), (0, 0))
    canvas = Image.fromarray(np.pad(np.asarray(small), around, mode="edge"))
    kept = Image.new("L", placed.canvas, 255)
    kept.paste(0, (x, y, x + small.width, y + small.height))
    return canvas, ramp(kept, max(1, min(placed.canvas) // RAMP))


def ramp(mask: Image.Image, width: int) -> Image.Image:
    """The mask, rising from 0 at its edge to 255 so many pixels inside."""
    layers = [np.asarray(mask, np.float32)]
    for _ in range(width - 1):
        mask = mask.filter(ImageFilter.MinFilter(3))
        layers.append(np.asarray(mask, np.float32))
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def noted(size: tuple[int, int], room: Room, placed: Placed, name: str) -> str:
    notes = []
    if placed.picture != size:
        notes.append(f"the picture was shrunk from {size[0]}x{size[1]} to {placed.picture[0]}x{placed.picture[1]}")
    if not room.left + room.right and placed.canvas[0] > placed.picture[0]:
        notes.append("room was added left and right too")
    if not room.top + room.bottom and placed.canvas[1] > placed.picture[1]:
        notes.append("room was added above and below too")
    return f"{' and '.join(notes)}: {name} paints {placed.canvas[0]}x{placed.canvas[1]}" if notes else ""
