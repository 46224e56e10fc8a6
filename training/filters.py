"""Drawing styles that are made from a finished picture, not from another artist's drawings. Knows pixels alone."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps


def edges(picture: Image.Image, gain: float) -> Image.Image:
    """Outlines: 0 where the picture is even, 255 along its strongest edges (mode L)."""
    smooth = picture.filter(ImageFilter.GaussianBlur(picture.width / 256))
    down, across = (np.abs(np.diff(np.asarray(smooth, np.float32), axis=axis, append=0)).max(-1) for axis in (0, 1))
    strength = np.maximum(down, across)
    strength[-1], strength[:, -1] = 0, 0
    return Image.fromarray(np.clip(strength * gain, 0, 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(3))


def pixels(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Pixel art: 32 squares a side, few colours."""
    small = picture.resize((32, 32), Image.Resampling.BOX).quantize(24).convert("RGB")
    return small.resize(picture.size, Image.Resampling.NEAREST)


def sketch(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Pencil: gray outlines and light shading on paper."""
    shading = ImageOps.grayscale(picture).point(lambda v: 200 + v * 50 // 255)
    drawn = ImageChops.subtract(shading, edges(picture, 7.0).point(lambda v: v * 170 // 255))
    return Image.merge("RGB", (drawn, drawn, drawn.point(lambda v: v * 246 // 255)))


def watercolour(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Colours run together and pale, darker where they end, on paper."""
    run = picture.filter(ImageFilter.MedianFilter(7)).filter(ImageFilter.GaussianBlur(picture.width / 150))
    low = np.random.default_rng(rng.randrange(2**32)).normal(0, 1, (24, 24)).astype(np.float32)
    stains = Image.fromarray(np.clip(128 + 50 * low, 0, 255).astype(np.uint8)).resize(
        picture.size, Image.Resampling.BICUBIC
    )
    depth = np.asarray(stains, np.float32)[..., None] / 255 * 0.3 + 0.5
    paper = np.array((252, 248, 240), np.float32)
    washed = paper + (np.asarray(run, np.float32) - paper) * depth * 1.25
    rim = np.asarray(edges(run, 3.0), np.float32)[..., None] / 255
    return Image.fromarray(np.clip(washed * (1 - 0.3 * rim), 0, 255).astype(np.uint8))


def neon(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Glowing coloured outlines on a dark ground."""
    lines = edges(picture, 6.0)
    hue = picture.convert("HSV").split()[0]
    bright = Image.merge("HSV", (hue, Image.new("L", hue.size, 200), Image.new("L", hue.size, 255))).convert("RGB")
    lit = ImageChops.multiply(bright, Image.merge("RGB", (lines,) * 3))
    glow = lit.filter(ImageFilter.GaussianBlur(picture.width / 64))
    dark = picture.point(lambda v: v // 9)
    return ImageChops.add(ImageChops.add(dark, glow), lit)


def blueprint(picture: Image.Image, rng: random.Random) -> Image.Image:
    """White lines on blue paper with a grid."""
    lines = np.asarray(edges(picture, 6.0), np.float32)[..., None] / 255
    paper = np.full((picture.height, picture.width, 3), (28, 74, 150), np.float32)
    step = picture.width // 16
    paper[::step], paper[:, ::step] = (60, 108, 184), (60, 108, 184)
    return Image.fromarray((paper + (np.array((236, 244, 255), np.float32) - paper) * lines).astype(np.uint8))


FILTERS = {
    "pixels": pixels,
    "sketch": sketch,
    "watercolour": watercolour,
    "neon": neon,
    "blueprint": blueprint,
}
