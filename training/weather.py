"""Weather over a finished picture: rain, snow and fog, drawn by lot. Knows pixels, nothing of scenes."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.places import gradient


def rain(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Slanted streaks under a grayed sky."""
    side = picture.width
    grayed = Image.blend(picture, Image.new("RGB", picture.size, (96, 110, 130)), 0.3)
    draw = ImageDraw.Draw(grayed, "RGBA")
    slant = rng.uniform(-0.35, 0.35)
    for _ in range(110):
        x, y, long = rng.uniform(-0.1, 1.1) * side, rng.uniform(-0.05, 1) * side, rng.uniform(0.04, 0.09) * side
        draw.line([(x, y), (x + slant * long, y + long)], fill=(214, 232, 255, 190), width=max(1, side // 110))
    return grayed


def snowfall(picture: Image.Image, rng: random.Random) -> Image.Image:
    """White flakes of several sizes."""
    side = picture.width
    paled = Image.blend(picture, Image.new("RGB", picture.size, (214, 224, 238)), 0.22)
    draw = ImageDraw.Draw(paled)
    for _ in range(120):
        x, y, r = rng.uniform(0, side), rng.uniform(0, side), rng.choice([0.005, 0.007, 0.010, 0.013]) * side
        draw.ellipse([x - r, y - r, x + r, y + r], fill=(255, 255, 255))
    return paled


def fog(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A pale veil, denser in soft bands."""
    side = picture.width
    bands = np.array([[rng.uniform(0.3, 0.72)] * 2 for _ in range(6)], np.float32)
    veil = Image.fromarray((255 * bands).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)
    pale = gradient((226, 230, 234), (206, 212, 218)).resize(picture.size)
    return Image.composite(pale, picture, veil.filter(ImageFilter.GaussianBlur(side / 24)))


OVERLAYS = {"rain": rain, "snowfall": snowfall, "fog": fog}
