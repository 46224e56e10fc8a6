"""More places out of doors, drawn as those in places.py are, which this is kept apart from for its length.

Knows colours and shapes; knows nothing of things or words. Keys are those of wide.toml.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from training.places import CANVAS, LIGHT, Colour, gradient, hills, ridge, shade, sky, stars, waves


def farm(rng: random.Random, time: str) -> Image.Image:
    """Rows of a field, a fence, a red barn or a silo at one side."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    hills(draw, rng, 0.5, shade((150, 190, 96), rng, light))
    barn(draw, rng, rng.choice([0.14, 0.84]) * CANVAS, light)
    draw.rectangle([0, CANVAS * 0.62, CANVAS, CANVAS], fill=shade((196, 170, 92), rng, light))
    for k in range(9):
        x, spread = CANVAS * k / 8, (k - 4) * 60
        draw.line([(x, CANVAS * 0.62), (x + spread, CANVAS)], fill=shade((160, 128, 66), rng, light), width=9)
    for y in (0.57, 0.605):
        draw.rectangle([0, CANVAS * y, CANVAS, CANVAS * y + 7], fill=shade((236, 228, 208), rng, light))
    for k in range(9):
        x = CANVAS * (k + 0.5) / 9
        draw.rectangle([x - 5, CANVAS * 0.545, x + 5, CANVAS * 0.64], fill=shade((236, 228, 208), rng, light))
    return picture


def barn(draw: ImageDraw.ImageDraw, rng: random.Random, x: float, light: float) -> None:
    red, white, base = shade((186, 58, 48), rng, light), shade((244, 236, 226), rng, light), CANVAS * 0.6
    draw.rectangle([x - 74, base - 110, x + 74, base], fill=red)
    draw.polygon(
        [(x - 84, base - 106), (x - 52, base - 160), (x, base - 186), (x + 52, base - 160), (x + 84, base - 106)],
        fill=red,
    )
    draw.rectangle([x - 30, base - 66, x + 30, base], outline=white, width=6)
    draw.line([(x - 30, base - 66), (x + 30, base)], fill=white, width=5)
    draw.line([(x + 30, base - 66), (x - 30, base)], fill=white, width=5)


def village(rng: random.Random, time: str) -> Image.Image:
    """Small houses with pitched roofs along a path over green ground."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    hills(draw, rng, 0.48, shade((120, 170, 100), rng, light))
    for k in range(5):
        x = CANVAS * (k + rng.uniform(0.3, 0.7)) / 5
        cottage(draw, rng, x, CANVAS * rng.uniform(0.62, 0.68), rng.uniform(38, 52), time)
    draw.polygon(ridge(rng, 0.68, 0.012), fill=shade((134, 186, 96), rng, light))
    draw.polygon(
        [
            (CANVAS * 0.42, CANVAS * 0.69),
            (CANVAS * 0.54, CANVAS * 0.69),
            (CANVAS * 0.78, CANVAS),
            (CANVAS * 0.2, CANVAS),
        ],
        fill=shade((214, 190, 146), rng, light),
    )
    return picture


def cottage(draw: ImageDraw.ImageDraw, rng: random.Random, x: float, base: float, w: float, time: str) -> None:
    light = LIGHT[time]
    wall = shade(rng.choice([(250, 238, 214), (240, 222, 196), (226, 232, 236)]), rng, light)
    roof = shade(rng.choice([(186, 80, 60), (160, 96, 66), (96, 110, 140)]), rng, light)
    lit = (255, 222, 120) if time == "night" else shade((150, 196, 226), rng, light)
    draw.rectangle([x - w, base - w * 1.2, x + w, base], fill=wall)
    draw.polygon([(x - w * 1.25, base - w * 1.1), (x, base - w * 2.2), (x + w * 1.25, base - w * 1.1)], fill=roof)
    draw.rectangle([x - w * 0.7, base - w * 0.85, x - w * 0.2, base - w * 0.35], fill=lit)
    draw.rectangle([x + w * 0.2, base - w * 0.75, x + w * 0.65, base], fill=shade((120, 80, 56), rng, light))


def garden(rng: random.Random, time: str) -> Image.Image:
    """A white fence, bushes and beds full of flowers on a lawn."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    for k in range(9):
        x, r = CANVAS * (k + rng.uniform(0, 1)) / 9, rng.uniform(50, 84)
        draw.ellipse([x - r, CANVAS * 0.5 - r, x + r, CANVAS * 0.5 + r], fill=shade((66, 140, 74), rng, light))
    white = shade((248, 248, 244), rng, light, 4)
    draw.rectangle([0, CANVAS * 0.62, CANVAS, CANVAS], fill=shade((120, 190, 92), rng, light))
    for k in range(15):
        x = CANVAS * (k + 0.5) / 15
        draw.polygon(
            [
                (x - 11, CANVAS * 0.64),
                (x - 11, CANVAS * 0.47),
                (x, CANVAS * 0.44),
                (x + 11, CANVAS * 0.47),
                (x + 11, CANVAS * 0.64),
            ],
            fill=white,
        )
    for y in (0.5, 0.58):
        draw.rectangle([0, CANVAS * y, CANVAS, CANVAS * y + 8], fill=white)
    for _ in range(46):
        x, y = rng.uniform(0, CANVAS), rng.choice([rng.uniform(0.66, 0.73), rng.uniform(0.9, 0.99)]) * CANVAS
        flower(draw, rng, x, y, light)
    return picture


def flower(draw: ImageDraw.ImageDraw, rng: random.Random, x: float, y: float, light: float) -> None:
    draw.line([(x, y), (x, y + 20)], fill=shade((60, 130, 60), rng, light), width=4)
    petals = shade(
        rng.choice([(240, 80, 100), (250, 200, 70), (220, 110, 220), (255, 255, 250), (250, 140, 70)]), rng, light
    )
    draw.ellipse([x - 10, y - 10, x + 10, y + 10], fill=petals)
    draw.ellipse([x - 4, y - 4, x + 4, y + 4], fill=shade((250, 220, 90), rng, light))


def park(rng: random.Random, time: str) -> Image.Image:
    """Round trees, a lawn, a winding path and a bench."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    hills(draw, rng, 0.55, shade((140, 200, 110), rng, light))
    for k in range(6):
        x, r = CANVAS * (k + rng.uniform(0.2, 0.8)) / 6, rng.uniform(44, 66)
        y = CANVAS * rng.uniform(0.36, 0.44)
        draw.rectangle([x - 8, y, x + 8, CANVAS * 0.62], fill=shade((120, 84, 56), rng, light))
        draw.ellipse([x - r, y - r, x + r, y + r * 0.9], fill=shade((72, 156, 80), rng, light))
    draw.rectangle([0, CANVAS * 0.61, CANVAS, CANVAS], fill=shade((128, 200, 100), rng, light))
    draw.polygon(
        [(0, CANVAS * 0.78), (CANVAS, CANVAS * 0.7), (CANVAS, CANVAS * 0.8), (0, CANVAS * 0.92)],
        fill=shade((226, 208, 170), rng, light),
    )
    x, wood = rng.choice([0.16, 0.84]) * CANVAS, shade((150, 100, 62), rng, light)
    for y in (0.585, 0.615, 0.65):
        draw.rectangle([x - 58, CANVAS * y, x + 58, CANVAS * y + 9], fill=wood)
    for dx in (-46, 40):
        draw.rectangle([x + dx, CANVAS * 0.6, x + dx + 7, CANVAS * 0.7], fill=shade((80, 84, 92), rng, light))
    return picture


def snow(rng: random.Random, time: str) -> Image.Image:
    """White ground, bare hills and firs with snow on them."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    hills(draw, rng, 0.52, shade((222, 232, 244), rng, light, 6))
    for k in range(7):
        x, h, y = CANVAS * (k + rng.uniform(0.1, 0.9)) / 7, rng.uniform(90, 150), CANVAS * rng.uniform(0.62, 0.68)
        for level in range(3):
            top, w = y - h * (0.45 + 0.28 * level), h * (0.32 - 0.07 * level)
            draw.polygon(
                [(x - w, top + h * 0.42), (x, top), (x + w, top + h * 0.42)], fill=shade((60, 120, 104), rng, light)
            )
            draw.polygon(
                [(x - w * 0.5, top + h * 0.2), (x, top), (x + w * 0.5, top + h * 0.2)],
                fill=shade((246, 250, 255), rng, light, 4),
            )
    draw.polygon(ridge(rng, 0.68, 0.02), fill=shade((240, 246, 252), rng, light, 5))
    for _ in range(8):
        x, y, w = rng.uniform(0, CANVAS), rng.uniform(0.76, 0.97) * CANVAS, rng.uniform(40, 90)
        draw.ellipse([x - w, y - 8, x + w, y + 8], fill=shade((222, 232, 246), rng, light, 5))
    return picture


def lake(rng: random.Random, time: str) -> Image.Image:
    """Still water between a far shore of hills and a near one with reeds."""
    picture, draw = sky(rng, time)
    light = LIGHT[time]
    for height, green in ((0.36, (120, 160, 140)), (0.44, (88, 146, 96))):
        hills(draw, rng, height, shade(green, rng, light))
    draw.rectangle([0, CANVAS * 0.54, CANVAS, CANVAS], fill=shade((92, 168, 206), rng, light))
    waves(draw, rng, 0.57, 0.76, shade((150, 206, 230), rng, light))
    draw.polygon(ridge(rng, 0.8, 0.02), fill=shade((122, 176, 88), rng, light))
    for _ in range(16):
        x = rng.choice([rng.uniform(0, 0.24), rng.uniform(0.76, 1)]) * CANVAS
        y = CANVAS * rng.uniform(0.84, 0.95)
        draw.line(
            [(x, y), (x + rng.uniform(-10, 10), y - rng.uniform(70, 120))],
            fill=shade((70, 130, 66), rng, light),
            width=5,
        )
    return picture


def jungle(rng: random.Random, time: str) -> Image.Image:
    """Dense green: trunks, hanging vines, large leaves from both sides."""
    light = LIGHT[time]
    picture = gradient(shade((96, 170, 110), rng, light), shade((30, 90, 60), rng, light))
    draw = ImageDraw.Draw(picture)
    for _ in range(7):
        x, w = rng.uniform(0, CANVAS), rng.uniform(14, 30)
        draw.rectangle([x - w, 0, x + w, CANVAS * 0.8], fill=shade((72, 84, 54), rng, light))
    for _ in range(7):
        x = rng.uniform(0, CANVAS)
        draw.arc([x - 70, -120, x + 70, rng.uniform(90, 220)], 0, 180, fill=shade((60, 130, 60), rng, light), width=6)
    draw.polygon(ridge(rng, 0.76, 0.02), fill=shade((64, 122, 58), rng, light))
    for _ in range(22):
        side, y = rng.choice([0, CANVAS]), rng.uniform(0.0, 0.95) * CANVAS
        tip = abs(side - rng.uniform(0.1, 0.3) * CANVAS)
        leaf = shade((40, 140, 66), rng, light, 26)
        draw.polygon([(side, y - 24), (tip, y + rng.uniform(-50, 50)), (side, y + 24)], fill=leaf)
    return picture


def moon(rng: random.Random, time: str) -> Image.Image:
    """Gray ground full of craters under a black sky with the earth in it."""
    picture = gradient((4, 4, 12), (16, 16, 30))
    draw = ImageDraw.Draw(picture)
    stars(draw, rng, 70, 0.62)
    x, y, r = rng.choice([0.16, 0.84]) * CANVAS, rng.uniform(0.13, 0.2) * CANVAS, rng.uniform(34, 48)
    draw.ellipse([x - r, y - r, x + r, y + r], fill=(64, 130, 220))
    draw.chord([x - r * 0.7, y - r * 0.6, x + r * 0.4, y + r * 0.4], 100, 300, fill=(96, 176, 96))
    gray: Colour = rng.choice([(168, 168, 174), (182, 178, 172), (156, 158, 168)])
    draw.polygon(ridge(rng, 0.62, 0.02), fill=shade(gray, rng))
    for _ in range(13):
        x, y = rng.uniform(0, CANVAS), rng.uniform(0.68, 0.98) * CANVAS
        w = rng.uniform(16, 56) * (y / CANVAS)
        draw.ellipse([x - w, y - w * 0.36, x + w, y + w * 0.36], fill=shade((118, 118, 126), rng))
        draw.arc([x - w, y - w * 0.36, x + w, y + w * 0.36], 180, 360, fill=(84, 84, 94), width=5)
    return picture


def volcano(rng: random.Random, time: str) -> Image.Image:
    """A dark cone with lava running down and smoke above."""
    picture, draw = sky(rng, time)
    light = max(LIGHT[time], 0.6)
    x, top, base = CANVAS * rng.uniform(0.35, 0.65), CANVAS * rng.uniform(0.24, 0.3), CANVAS * 0.72
    for _ in range(9):
        dx, dy, r = rng.uniform(-80, 80), rng.uniform(10, 130), rng.uniform(26, 50)
        draw.ellipse([x + dx - r, top - dy - r, x + dx + r, top - dy + r], fill=shade((112, 104, 108), rng, light))
    draw.polygon([(x - 250, base), (x - 46, top), (x + 46, top), (x + 250, base)], fill=shade((92, 70, 66), rng, light))
    glow: Colour = (255, 120, 40)
    draw.ellipse([x - 46, top - 12, x + 46, top + 12], fill=glow)
    for dx in (-34, 4, 34):
        end = x + dx * rng.uniform(2.2, 3.6)
        draw.line([(x + dx * 0.8, top + 4), (end, rng.uniform(0.46, 0.66) * CANVAS)], fill=glow, width=15)
    draw.polygon(ridge(rng, 0.7, 0.02), fill=shade((74, 62, 62), rng, light))
    for _ in range(7):
        px, py, w = rng.uniform(0, CANVAS), rng.uniform(0.78, 0.97) * CANVAS, rng.uniform(24, 56)
        draw.ellipse([px - w, py - 7, px + w, py + 7], fill=rng.choice([glow, (54, 46, 48)]))
    return picture


PAINTERS: dict[str, Callable[[random.Random, str], Image.Image]] = {
    "farm": farm,
    "village": village,
    "garden": garden,
    "park": park,
    "snow": snow,
    "lake": lake,
    "jungle": jungle,
    "moon": moon,
    "volcano": volcano,
}
