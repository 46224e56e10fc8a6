"""A thing in another colour: its own main hue is turned, light and shade stay. Pixels only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.matte import CutOut

TINTS = {
    "red": (222, 52, 52),
    "orange": (244, 140, 40),
    "yellow": (250, 212, 60),
    "green": (64, 170, 80),
    "blue": (54, 110, 220),
    "purple": (140, 80, 200),
    "pink": (246, 150, 186),
}
NEAR = 28  # of 256 hues: those that turn with the main one
WIDE = 21  # hues that are counted together to find it


def tinted(cut: CutOut, colour: str | None) -> CutOut:
    """The thing in this colour, if it is one of TINTS; it itself where it has no colour to turn."""
    if colour not in TINTS:
        return cut
    drawing = np.concatenate([np.asarray(cut.picture), np.asarray(cut.matte)[..., None]], -1)
    return replace(cut, picture=Image.fromarray(turn_hue(drawing, TINTS[colour])[..., :3]))


def turn_hue(drawing: NDArray[np.uint8], rgb: tuple[int, ...]) -> NDArray[np.uint8]:
    """Turn the main hue of an RGBA drawing (height, width, 4), and what is near it, to that of `rgb`."""
    hsv = np.asarray(Image.fromarray(drawing[..., :3]).convert("HSV")).astype(np.int32)
    coloured = (drawing[..., 3] > 128) & (hsv[..., 1] > 60) & (hsv[..., 2] > 40)
    if not coloured.any():
        return drawing
    hues = np.bincount(hsv[..., 0][coloured], minlength=256)
    main = int(np.argmax(np.convolve(np.tile(hues, 3), np.ones(WIDE), "same")[256:512]))
    target, saturation, _ = (int(c) for c in np.asarray(Image.new("RGB", (1, 1), tuple(rgb)).convert("HSV"))[0, 0])
    aside = (hsv[..., 0] - main + 128) % 256 - 128  # around the circle, -128 to 127
    near = (np.abs(aside) < NEAR) & (hsv[..., 1] > 40)
    hsv[..., 0] = np.where(near, aside // 3 + target, hsv[..., 0]) % 256
    hsv[..., 1] = np.where(near, (hsv[..., 1] + saturation) // 2, hsv[..., 1])
    turned = np.asarray(Image.fromarray(hsv.astype(np.uint8), "HSV").convert("RGB"))
    return np.concatenate([turned, drawing[..., 3:]], -1)
