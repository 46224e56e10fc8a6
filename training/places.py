"""The places, drawn by rule: each function paints one variant of a place on a canvas, at a time of day.

Knows colours and shapes; knows nothing of things or words. Keys are those of vocabulary.toml.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 256
CANVAS = 512  # drawn at twice the side and reduced, for smooth edges
Colour = tuple[int, int, int]

SKIES: dict[str, list[tuple[Colour, Colour]]] = {
    "day": [((92, 170, 240), (206, 234, 252)), ((110, 190, 246), (226, 242, 250)), ((80, 156, 226), (190, 222, 246))],
    "sunset": [((92, 70, 150), (255, 160, 90)), ((196, 84, 110), (255, 200, 120)), ((120, 80, 160), (250, 140, 110))],
    "night": [((10, 14, 44), (40, 52, 104)), ((8, 10, 34), (30, 40, 86)), ((16, 20, 58), (52, 58, 110))],
}
LIGHT = {"day": 1.0, "sunset": 0.82, "night": 0.42}  # how bright the land is


def gradient(top: Colour, bottom: Colour) -> Image.Image:
    ramp = np.linspace(0, 1, CANVAS)[:, None]
    column = (1 - ramp) * np.array(top) + ramp * np.array(bottom)
    return Image.fromarray(np.repeat(column[:, None], CANVAS, 1).astype(np.uint8))


def shade(colour: Colour, rng: random.Random, light: float = 1.0, spread: int = 12) -> Colour:
    shift = rng.randint(-spread, spread)
    r, g, b = (min(255, max(0, round((c + shift) * light))) for c in colour)
    return (r, g, b + round(18 * (1 - light)))


def ridge(rng: random.Random, height: float, roughness: float, points: int = 9) -> list[tuple[float, float]]:
    """A skyline polygon: `height` and `roughness` as fractions of the canvas."""
    tops = [(CANVAS * i / (points - 1), CANVAS * (height + rng.uniform(-roughness, roughness))) for i in range(points)]
    return [(0, CANVAS), *tops, (CANVAS, CANVAS)]


def hills(draw: ImageDraw.ImageDraw, rng: random.Random, height: float, fill: Colour) -> None:
    for _ in range(3):
        x, r = rng.uniform(-0.1, 1.1) * CANVAS, rng.uniform(0.3, 0.6) * CANVAS
        draw.ellipse([x - r, height * CANVAS, x + r, height * CANVAS + r], fill=fill)
    draw.rectangle([0, (height + 0.1) * CANVAS, CANVAS, CANVAS], fill=fill)


def sky(rng: random.Random, time: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A sky with its sun, moon, stars or clouds."""
    picture = gradient(*rng.choice(SKIES[time]))
    draw = ImageDraw.Draw(picture)
    x, y = rng.choice([0.14, 0.86]) * CANVAS, rng.uniform(0.1, 0.2) * CANVAS
    if time == "night":
        stars(draw, rng, 40, 0.6)
        draw.ellipse([x - 30, y - 30, x + 30, y + 30], fill=(246, 240, 210))
    elif time == "sunset":
        draw.ellipse([x - 44, 200, x + 44, 288], fill=(255, 226, 150))
    else:
        for _ in range(rng.randint(1, 3)):
            cloud(draw, rng, rng.uniform(0, 1) * CANVAS, rng.uniform(0.06, 0.28) * CANVAS, rng.uniform(0.5, 0.9))
    return picture, draw


def stars(draw: ImageDraw.ImageDraw, rng: random.Random, number: int, depth: float = 1.0) -> None:
    for _ in range(number):
        x, y, r = rng.uniform(0, CANVAS), rng.uniform(0, CANVAS * depth), rng.choice([1.5, 2, 2, 3, 4])
        draw.ellipse([x - r, y - r, x + r, y + r], fill=rng.choice([(255, 255, 255), (255, 244, 200), (200, 220, 255)]))


def cloud(
    draw: ImageDraw.ImageDraw, rng: random.Random, x: float, y: float, size: float, fill: Colour = (255, 255, 255)
) -> None:
    for dx, dy, r in ((-60, 8, 32), (-20, -12, 44), (30, -4, 40), (70, 12, 28)):
        draw.ellipse([x + size * (dx - r), y + size * (dy - r), x + size * (dx + r), y + size * (dy + r)], fill=fill)


def space(rng: random.Random, time: str) -> Image.Image:
    picture = gradient(
        *rng.choice([((10, 8, 32), (38, 20, 72)), ((6, 10, 30), (16, 36, 78)), ((14, 6, 36), (60, 24, 84))])
    )
    glow = Image.new("RGB", (CANVAS, CANVAS))
    brush = ImageDraw.Draw(glow)
    for _ in range(3):
        x, y, r = rng.uniform(0, CANVAS), rng.uniform(0, CANVAS), rng.uniform(60, 150)
        brush.ellipse([x - r, y - r, x + r, y + r], fill=rng.choice([(70, 20, 90), (20, 50, 110), (90, 30, 60)]))
    glow = glow.filter(ImageFilter.GaussianBlur(60))
    picture = Image.fromarray(np.clip(np.asarray(picture, int) + np.asarray(glow, int), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    stars(draw, rng, 80)
    x, y, r = rng.choice([0.12, 0.88]) * CANVAS, rng.choice([0.14, 0.86]) * CANVAS, rng.uniform(34, 60)
    fill = rng.choice([(226, 140, 90), (120, 170, 230), (210, 120, 180), (230, 200, 130)])
    draw.ellipse([x - r, y - r, x + r, y + r], fill=fill)
    if rng.random() < 0.5:
        draw.ellipse([x - 1.7 * r, y - 0.35 * r, x + 1.7 * r, y + 0.35 * r], outline=(240, 220, 190), width=5)
    return picture


def underwater(rng: random.Random, time: str) -> Image.Image:
    picture = gradient(*rng.choice([((70, 190, 226), (10, 60, 130)), ((60, 170, 210), (6, 70, 120))]))
    draw = ImageDraw.Draw(picture)
    draw.polygon(ridge(rng, 0.9, 0.02), fill=(214, 190, 130))
    for _ in range(5):
        x = rng.choice([rng.uniform(0, 0.25), rng.uniform(0.75, 1)]) * CANVAS
        fill = rng.choice([(30, 140, 90), (230, 100, 110), (60, 160, 70), (240, 140, 80)])
        for k in range(3):
            top = CANVAS * rng.uniform(0.62, 0.8)
            draw.line([(x + 14 * k, CANVAS * 0.95), (x + 14 * k + rng.uniform(-16, 16), top)], fill=fill, width=12)
    for _ in range(14):
        x, y, r = rng.uniform(0, CANVAS), rng.uniform(0, CANVAS * 0.8), rng.uniform(4, 11)
        draw.ellipse([x - r, y - r, x + r, y + r], outline=(210, 240, 255), width=3)
    return picture


def sea(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    water = shade((36, 116, 196), rng, LIGHT[time])
    draw.rectangle([0, CANVAS * 0.55, CANVAS, CANVAS], fill=water)
    waves(draw, rng, 0.58, 0.98, shade((110, 180, 232), rng, LIGHT[time]))
    return picture


def waves(draw: ImageDraw.ImageDraw, rng: random.Random, top: float, bottom: float, fill: Colour) -> None:
    for _ in range(26):
        x, y, w = rng.uniform(0, CANVAS), rng.uniform(top, bottom) * CANVAS, rng.uniform(20, 60)
        draw.arc([x - w, y - 8, x + w, y + 8], 200, 340, fill=fill, width=4)


def beach(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    draw.rectangle([0, CANVAS * 0.45, CANVAS, CANVAS], fill=shade((46, 150, 210), rng, LIGHT[time]))
    waves(draw, rng, 0.48, 0.6, shade((140, 210, 240), rng, LIGHT[time]))
    draw.polygon(ridge(rng, 0.66, 0.015), fill=shade((250, 250, 245), rng, LIGHT[time]))
    draw.polygon(ridge(rng, 0.685, 0.015), fill=shade((238, 212, 150), rng, LIGHT[time]))
    return picture


def mountains(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    for _ in range(4):
        x, y, w = rng.uniform(0, 1) * CANVAS, rng.uniform(0.14, 0.4) * CANVAS, rng.uniform(0.25, 0.4) * CANVAS
        base, light = CANVAS * 0.75, LIGHT[time]
        draw.polygon([(x - w, base), (x, y), (x + w, base)], fill=shade((116, 130, 160), rng, light))
        cap = 0.42
        draw.polygon(
            [
                (x - w * cap, y + (base - y) * cap),
                (x, y),
                (x + w * cap, y + (base - y) * cap),
                (x + w * 0.15, y + (base - y) * 0.3),
                (x - w * 0.12, y + (base - y) * 0.36),
            ],
            fill=shade((246, 250, 255), rng, light, 4),
        )
    draw.polygon(ridge(rng, 0.72, 0.02), fill=shade((236, 242, 250), rng, LIGHT[time], 6))
    return picture


def forest(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    for layer, (base, size) in enumerate(((0.66, 0.5), (0.74, 0.62))):
        for i in range(8):
            x = CANVAS * (i + rng.uniform(0.1, 0.9)) / 8
            h, fill = (
                CANVAS * size * rng.uniform(0.8, 1.1),
                shade((30 + 14 * layer, 110 + 16 * layer, 64), rng, LIGHT[time]),
            )
            y = CANVAS * base
            draw.rectangle([x - 7, y - h * 0.2, x + 7, y], fill=shade((110, 76, 48), rng, LIGHT[time]))
            for k in range(3):
                top, w = y - h * (0.4 + 0.3 * k) - h * 0.12, h * (0.24 - 0.05 * k)
                draw.polygon([(x - w, top + h * 0.38), (x, top), (x + w, top + h * 0.38)], fill=fill)
    draw.polygon(ridge(rng, 0.73, 0.01), fill=shade((86, 146, 70), rng, LIGHT[time]))
    return picture


def desert(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    for height, colour in ((0.55, (226, 170, 96)), (0.64, (236, 186, 112)), (0.75, (246, 204, 132))):
        hills(draw, rng, height, shade(colour, rng, LIGHT[time]))
    return picture


def city(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    x = -10.0
    while x < CANVAS:
        w, top = rng.uniform(44, 84), CANVAS * rng.uniform(0.18, 0.5)
        fill = shade(rng.choice([(110, 124, 150), (140, 140, 160), (90, 110, 140), (160, 130, 120)]), rng, LIGHT[time])
        draw.rectangle([x, top, x + w, CANVAS * 0.78], fill=fill)
        lit = (255, 222, 120) if time == "night" else shade((206, 226, 240), rng, LIGHT[time])
        for wy in range(int(top) + 14, int(CANVAS * 0.74), 26):
            for wx in range(int(x) + 9, int(x + w) - 12, 20):
                if time != "night" or rng.random() < 0.6:
                    draw.rectangle([wx, wy, wx + 9, wy + 12], fill=lit)
        x += w + rng.uniform(0, 8)
    draw.rectangle([0, CANVAS * 0.76, CANVAS, CANVAS], fill=shade((150, 152, 160), rng, LIGHT[time]))
    draw.rectangle([0, CANVAS * 0.76, CANVAS, CANVAS * 0.785], fill=shade((190, 192, 196), rng, LIGHT[time]))
    return picture


def meadow(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    hills(draw, rng, 0.56, shade((110, 186, 90), rng, LIGHT[time]))
    hills(draw, rng, 0.66, shade((130, 204, 96), rng, LIGHT[time]))
    for _ in range(26):
        x, y = rng.uniform(0, CANVAS), rng.uniform(0.8, 0.98) * CANVAS
        fill = shade(rng.choice([(255, 240, 120), (255, 255, 255), (250, 150, 170)]), rng, LIGHT[time])
        draw.ellipse([x - 5, y - 5, x + 5, y + 5], fill=fill)
    return picture


def open_sky(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    white = {"day": (255, 255, 255), "sunset": (255, 214, 190), "night": (96, 106, 150)}[time]
    for _ in range(11):
        cloud(draw, rng, rng.uniform(0, 1) * CANVAS, rng.uniform(0.82, 1.0) * CANVAS, rng.uniform(1.0, 1.5), white)
    return picture


def room(rng: random.Random, time: str) -> Image.Image:
    wall = shade(rng.choice([(244, 226, 196), (206, 226, 222), (238, 214, 206), (216, 220, 240)]), rng)
    picture = Image.new("RGB", (CANVAS, CANVAS), wall)
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, CANVAS * 0.68, CANVAS, CANVAS], fill=shade((190, 140, 94), rng))
    draw.rectangle([0, CANVAS * 0.66, CANVAS, CANVAS * 0.685], fill=(252, 250, 246))
    x = rng.choice([0.08, 0.62]) * CANVAS
    draw.rectangle([x, 60, x + 150, 220], fill=(252, 250, 246))
    draw.rectangle([x + 10, 70, x + 140, 210], fill=(160, 212, 246))
    draw.line([(x + 75, 70), (x + 75, 210)], fill=(252, 250, 246), width=8)
    x = CANVAS * 0.7 - x + 40
    draw.rectangle([x, 90, x + 100, 170], fill=shade((150, 100, 70), rng))
    draw.rectangle([x + 8, 98, x + 92, 162], fill=shade(rng.choice([(240, 190, 110), (130, 180, 150)]), rng))
    draw.ellipse(
        [CANVAS * 0.12, CANVAS * 0.78, CANVAS * 0.88, CANVAS * 0.96],
        fill=shade(rng.choice([(200, 90, 90), (90, 130, 180), (226, 190, 140)]), rng),
    )
    return picture


def road(rng: random.Random, time: str) -> Image.Image:
    picture, draw = sky(rng, time)
    hills(draw, rng, 0.5, shade((104, 176, 92), rng, LIGHT[time]))
    draw.rectangle([0, CANVAS * 0.6, CANVAS, CANVAS], fill=shade((120, 186, 96), rng, LIGHT[time]))
    draw.rectangle([0, CANVAS * 0.7, CANVAS, CANVAS], fill=shade((86, 88, 96), rng, LIGHT[time]))
    draw.rectangle([0, CANVAS * 0.7, CANVAS, CANVAS * 0.715], fill=shade((230, 230, 224), rng, LIGHT[time]))
    offset = rng.uniform(-60, 0)
    for k in range(7):
        x = offset + 92 * k
        draw.rectangle([x, CANVAS * 0.925, x + 52, CANVAS * 0.945], fill=shade((250, 214, 90), rng, LIGHT[time]))
    return picture


PAINTERS: dict[str, Callable[[random.Random, str], Image.Image]] = {
    "space": space,
    "underwater": underwater,
    "sea": sea,
    "beach": beach,
    "mountains": mountains,
    "forest": forest,
    "desert": desert,
    "city": city,
    "meadow": meadow,
    "sky": open_sky,
    "room": room,
    "road": road,
}


def variants(paint: Callable[[random.Random, str], Image.Image], key: str, time: str, number: int) -> np.ndarray:
    """(number, SIDE, SIDE, 3) uint8 variants of one place at one time; the same ones for the same arguments."""
    rng = random.Random(f"{key}|{time}")
    return np.stack([np.asarray(paint(rng, time).resize((SIDE, SIDE), Image.Resampling.BOX)) for _ in range(number)])
