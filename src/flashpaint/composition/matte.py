"""Cutting a thing off the plain ground that it was painted on, and laying it onto another picture. Pixels only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

NEAR = 22  # levels of 255 by which a pixel may differ from the ground and still be ground
LIKELY = (0.04, 0.8)  # shares of a picture that a thing alone in it covers
OUTSIDE = 128


@dataclass(frozen=True)
class CutOut:
    """A thing cropped to what it covers: RGB, its matte ("L", 255 where it is), and the share of the picture that is
    covered; one outside LIKELY was not told from its ground. ground: the colour of that, (r, g, b)."""

    picture: Image.Image
    matte: Image.Image
    covered: float
    ground: tuple[int, int, int]

    @property
    def likely(self) -> bool:
        return LIKELY[0] < self.covered < LIKELY[1]


def cut_out(picture: Image.Image) -> CutOut:
    """What differs from the ground and what it encloses; the ground is a plain ramp through the picture's border."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    ground = ramp(pixels)
    matte = enclosed(np.abs(pixels - ground).max(2) >= NEAR)
    covered = float(np.asarray(matte).mean()) / 255
    box = matte.getbbox() or (0, 0, *picture.size)
    red, green, blue = (int(level) for level in np.clip(ground.mean((0, 1)), 0, 255))
    return CutOut(picture.crop(box), matte.crop(box), covered, (red, green, blue))


def ramp(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, 1, 3): the border's colour, which may rise or fall from top to bottom; strays are left out."""
    height, width, _ = pixels.shape
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    rows = np.concatenate([np.zeros(width), np.full(width, height - 1), np.arange(height), np.arange(height)])
    usual = np.abs(border - np.median(border, 0)).max(1) < 2 * NEAR
    if not usual.any():
        usual[:] = True
    line = np.stack([np.ones_like(rows), rows], 1)
    (start, slope), *_ = np.linalg.lstsq(line[usual], border[usual], rcond=None)
    return np.asarray(start + np.arange(height)[:, None] * slope, np.float32)[:, None]


def enclosed(thing: NDArray[np.bool_]) -> Image.Image:
    """The mask with its holes filled and its specks gone."""
    inside = ~outside(thing)
    return Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).filter(ImageFilter.MedianFilter(5))


def outside(thing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The ground that is reached from the border, from cell to cell of a side in common: swept along rows and columns
    until nothing more is reached."""
    free = np.pad(~thing, 1, constant_values=True)
    reached = np.zeros_like(free)
    reached[0, 0] = True
    while True:
        before = reached.sum()
        for turn in range(4):
            ahead = swept(np.rot90(free, turn), np.rot90(reached, turn))
            reached = np.rot90(ahead, -turn)
        if reached.sum() == before:
            return reached[1:-1, 1:-1]


def swept(free: NDArray[np.bool_], reached: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is reached from the left, row by row, until something stands in the way."""
    at = np.arange(free.shape[1])
    wall = np.maximum.accumulate(np.where(free, -1, at), axis=1)
    last = np.maximum.accumulate(np.where(reached, at, -1), axis=1)
    return free & (last > wall)


def fitted(cut: CutOut, box: tuple[float, float, float, float], size: tuple[int, int]) -> CutOut:
    """The thing as large as its box in a picture of this size allows, keeping its shape."""
    width, height = (box[2] - box[0]) * size[0], (box[3] - box[1]) * size[1]
    scale = min(width / cut.picture.width, height / cut.picture.height)
    new = max(1, round(cut.picture.width * scale)), max(1, round(cut.picture.height * scale))
    small = cut.picture.resize(new, Image.Resampling.LANCZOS)
    return CutOut(small, cut.matte.resize(new, Image.Resampling.BOX), cut.covered, cut.ground)


def corner(cut: CutOut, box: tuple[float, float, float, float], size: tuple[int, int], stands: bool) -> tuple[int, int]:
    """Where its left upper corner goes: in the box's middle, or with its feet on the box's bottom."""
    x = (box[0] + box[2]) / 2 * size[0] - cut.picture.width / 2
    y = box[3] * size[1] - cut.picture.height if stands else (box[1] + box[3]) / 2 * size[1] - cut.picture.height / 2
    return round(x), round(y)


def lay(canvas: Image.Image, cut: CutOut, at: tuple[int, int]) -> NDArray[np.bool_]:
    """Paste it, and tell which pixels (height, width) it covers now."""
    canvas.paste(cut.picture, at, cut.matte)
    mask = Image.new("L", canvas.size)
    mask.paste(cut.matte, at)
    covered: NDArray[np.bool_] = np.asarray(mask) >= OUTSIDE
    return covered
