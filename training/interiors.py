"""Places under a roof, drawn as those in places.py are. Knows colours and shapes; knows nothing of things or words.

Keys are those of wide.toml. Times of day do not show here.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from training.places import CANVAS, Colour, gradient, ridge, shade


def walls(rng: random.Random, colours: list[Colour], floor: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """An empty room: a wall, a skirting board and a floor."""
    picture = Image.new("RGB", (CANVAS, CANVAS), shade(rng.choice(colours), rng))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, CANVAS * 0.7, CANVAS, CANVAS], fill=shade(floor, rng))
    draw.rectangle([0, CANVAS * 0.685, CANVAS, CANVAS * 0.705], fill=(250, 248, 242))
    return picture, draw


def window(draw: ImageDraw.ImageDraw, x: float, y: float, w: float, h: float) -> None:
    draw.rectangle([x, y, x + w, y + h], fill=(252, 250, 246))
    draw.rectangle([x + 9, y + 9, x + w - 9, y + h - 9], fill=(160, 212, 246))
    draw.line([(x + w / 2, y), (x + w / 2, y + h)], fill=(252, 250, 246), width=8)


def kitchen(rng: random.Random, time: str) -> Image.Image:
    """Tiles, cupboards on the wall, a counter with a stove, a chequered floor."""
    picture, draw = walls(rng, [(232, 240, 236), (250, 240, 220), (226, 236, 246)], (214, 206, 194))
    for k in range(8):
        for row in range(4):
            if (k + row) % 2:
                x, y = CANVAS * k / 8, CANVAS * (0.71 + 0.075 * row)
                draw.rectangle([x, y, x + CANVAS / 8, y + CANVAS * 0.075], fill=shade((176, 166, 156), rng, 1, 4))
    wood = shade(rng.choice([(96, 150, 150), (196, 140, 90), (120, 136, 176)]), rng)
    for x in (10, 132, 300, 422):
        draw.rectangle([x, 24, x + 110 if x != 422 else CANVAS, 150], fill=wood)
        draw.ellipse([x + 84, 118, x + 96, 130], fill=(250, 250, 244))
    draw.rectangle([0, CANVAS * 0.46, CANVAS, CANVAS * 0.5], fill=shade((240, 236, 230), rng))
    draw.rectangle([0, CANVAS * 0.5, CANVAS, CANVAS * 0.7], fill=wood)
    x = rng.choice([0.06, 0.7]) * CANVAS
    draw.rectangle([x, CANVAS * 0.46, x + 120, CANVAS * 0.7], fill=(214, 218, 224))
    draw.rectangle([x + 16, CANVAS * 0.55, x + 104, CANVAS * 0.67], fill=(70, 76, 88))
    return picture


def bedroom(rng: random.Random, time: str) -> Image.Image:
    """A bed along the wall, a window with curtains, a lamp."""
    picture, draw = walls(rng, [(222, 214, 238), (206, 222, 240), (244, 222, 222)], (196, 156, 116))
    x, left = (0.1, True) if rng.random() < 0.5 else (0.62, False)
    window(draw, x * CANVAS, 60, 150, 160)
    curtain = shade(rng.choice([(230, 120, 130), (110, 140, 200), (240, 200, 110)]), rng)
    for side in (-34, 138):
        draw.polygon(
            [
                (x * CANVAS + side, 46),
                (x * CANVAS + side + 46, 46),
                (x * CANVAS + side + 34, 236),
                (x * CANVAS + side, 236),
            ],
            fill=curtain,
        )
    bed = CANVAS * (0.52 if left else -0.04)
    blanket = shade(rng.choice([(90, 130, 190), (200, 100, 120), (110, 170, 140)]), rng)
    draw.rectangle([bed, CANVAS * 0.42, bed + 270, CANVAS * 0.74], fill=shade((140, 96, 66), rng))
    draw.rectangle([bed + 14, CANVAS * 0.58, bed + 256, CANVAS * 0.78], fill=blanket)
    draw.ellipse([bed + 40, CANVAS * 0.52, bed + 220, CANVAS * 0.62], fill=(252, 250, 246))
    draw.ellipse([CANVAS * 0.14, CANVAS * 0.83, CANVAS * 0.86, CANVAS * 0.98], fill=shade((226, 206, 190), rng))
    return picture


def classroom(rng: random.Random, time: str) -> Image.Image:
    """A blackboard with chalk on it, a clock, desks."""
    picture, draw = walls(rng, [(246, 236, 206), (226, 238, 226), (236, 230, 220)], (198, 160, 118))
    draw.rectangle([60, 60, CANVAS - 60, 290], fill=shade((156, 108, 70), rng))
    draw.rectangle([74, 74, CANVAS - 74, 276], fill=shade(rng.choice([(44, 94, 74), (50, 60, 66)]), rng, 1, 6))
    for k in range(4):
        y, w = 108 + 40 * k, rng.uniform(90, 280)
        draw.line([(104, y), (104 + w, y + rng.uniform(-6, 6))], fill=(232, 238, 232), width=5)
    for k in range(3):
        x = CANVAS * (k + 0.5) / 3 + rng.uniform(-16, 16)
        draw.rectangle([x - 66, CANVAS * 0.66, x + 66, CANVAS * 0.695], fill=shade((222, 176, 116), rng))
        for dx in (-56, 48):
            draw.rectangle([x + dx, CANVAS * 0.69, x + dx + 8, CANVAS * 0.8], fill=(110, 116, 126))
    return picture


def stage(rng: random.Random, time: str) -> Image.Image:
    """Red curtains to both sides, spotlights from above, boards."""
    picture = gradient((30, 18, 34), (70, 34, 52))
    draw = ImageDraw.Draw(picture, "RGBA")
    for k in range(3):
        x, aim = CANVAS * (k + 0.5) / 3, CANVAS * rng.uniform(0.3, 0.7)
        draw.polygon(
            [(x - 10, 0), (x + 10, 0), (aim + 96, CANVAS * 0.8), (aim - 96, CANVAS * 0.8)], fill=(255, 240, 190, 64)
        )
    draw.rectangle([0, CANVAS * 0.74, CANVAS, CANVAS], fill=shade((150, 98, 62), rng))
    for k in range(7):
        y = CANVAS * (0.76 + 0.036 * k)
        draw.line([(0, y), (CANVAS, y)], fill=shade((120, 76, 48), rng, 1, 4), width=4)
    red = rng.choice([(176, 34, 50), (150, 30, 70), (190, 50, 40)])
    for k in range(5):
        fold = shade(red, rng, 1, 22)
        draw.rectangle([k * 22, 0, k * 22 + 22, CANVAS * 0.8], fill=fold)
        draw.rectangle([CANVAS - k * 22 - 22, 0, CANVAS - k * 22, CANVAS * 0.8], fill=fold)
    for k in range(6):
        x = CANVAS * (k + 0.5) / 6
        draw.pieslice([x - 50, -50, x + 50, 60], 0, 180, fill=shade(red, rng, 1, 16))
    return picture


def cave(rng: random.Random, time: str) -> Image.Image:
    """Dark rock all around, its mouth bright, stalactites above, crystals below."""
    rock = rng.choice([(70, 62, 72), (84, 70, 62), (58, 66, 82)])
    picture = Image.new("RGB", (CANVAS, CANVAS), shade(rock, rng))
    draw = ImageDraw.Draw(picture)
    x, y = CANVAS * rng.uniform(0.35, 0.65), CANVAS * 0.42
    for r, light in ((210, 1.25), (160, 1.6), (110, 2.2)):
        draw.ellipse([x - r, y - r * 0.9, x + r, y + r * 0.9], fill=shade(rock, rng, light, 4))
    draw.ellipse([x - 66, y - 62, x + 66, y + 62], fill=(176, 214, 236))
    for k in range(9):
        px, h = CANVAS * (k + rng.uniform(0.1, 0.9)) / 9, rng.uniform(50, 150)
        draw.polygon([(px - 26, 0), (px + 26, 0), (px, h)], fill=shade(rock, rng, 0.66, 8))
    draw.polygon(ridge(rng, 0.76, 0.03), fill=shade(rock, rng, 0.72))
    for _ in range(6):
        px = rng.choice([rng.uniform(0, 0.24), rng.uniform(0.76, 1)]) * CANVAS
        h, fill = rng.uniform(40, 90), rng.choice([(120, 220, 230), (190, 140, 240), (250, 150, 200)])
        draw.polygon(
            [(px - 15, CANVAS * 0.86), (px + rng.uniform(-9, 9), CANVAS * 0.86 - h), (px + 15, CANVAS * 0.86)],
            fill=fill,
        )
    return picture


PAINTERS: dict[str, Callable[[random.Random, str], Image.Image]] = {
    "kitchen": kitchen,
    "bedroom": bedroom,
    "classroom": classroom,
    "stage": stage,
    "cave": cave,
}
