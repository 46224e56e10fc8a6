"""Panoramas: all around in one picture, and the same as the six faces of a cube."""

from __future__ import annotations

from typing import Any

from PIL import Image

from flashpaint.paint.sphere import FACES, cube
from flashpaint.request import PaintRequest

__all__ = ["FACES", "coarse", "faces", "panorama", "strip"]
WIDTH = 2048


def panorama(prompt: str, width: int | None = None, **asked: Any) -> PaintRequest:
    """Equirectangular, half as high as wide. `asked` are PaintRequest's own fields. The prompt is painted as it is: a
    teller would put things into the landscape, which then stand there once a window."""
    return PaintRequest(prompt, **{"describe": False, **asked, "width": width or WIDTH, "canvas": "panorama"})


def coarse(prompt: str, **asked: Any) -> PaintRequest:
    """The smallest panorama of the prompt: with the same seed, the one that a larger is painted from."""
    return PaintRequest(prompt, **{"describe": False, **asked, "canvas": "panorama"})


def faces(picture: Image.Image) -> dict[str, Image.Image]:
    """Of a panorama, by name: front, right, back, left, up, down."""
    return cube(picture)


def strip(picture: Image.Image) -> Image.Image:
    """The six faces side by side, in that order."""
    found = cube(picture)
    side = found["front"].width
    row = Image.new("RGB", (len(FACES) * side, side))
    for k, name in enumerate(FACES):
        row.paste(found[name], (k * side, 0))
    return row
