"""scenes: paint a scene's ground truth: drawings on places. As a stage it paints the places once and shows a sheet.

Knows pixels and the sprite files; the grammar knows what there is to paint.
"""

from __future__ import annotations

import random
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from flashpaint.composition.tint import turn_hue
from training import interiors, outdoors, places
from training.filters import FILTERS
from training.grammar import describe
from training.run import RUNS, Stage, contact_sheet
from training.weather import OVERLAYS
from training.world import (
    COLOURS,
    PLACES,
    STYLES,
    THINGS,
    TIMES,
    TINTS,
    WEATHERS,
    Item,
    Scene,
    held_out,
    sample,
    under_the_sky,
)

PAINTERS = places.PAINTERS | outdoors.PAINTERS | interiors.PAINTERS
VARIANTS = {"day": 48, "sunset": 20, "night": 24}
LIFTED = {"above": (0, 1), "on": (0,), "inside": (0,), "holding": (1,)}  # those of two things that no ground bears
UNSEEN_SET = "emojione"  # this artist's drawings of every tenth thing are seen by no training stage


class Painter:
    """Paints scenes at `side` pixels from the sprites and places under `runs`.

    `sets` says which drawing set each style uses; extra sets (for clip and judge) are mixed in by `extra`, the share
    of items whose drawing comes from a set without a style of its own.
    """

    def __init__(self, runs: Path = RUNS, side: int = 256, extra: float = 0.0) -> None:
        self.side, self.extra = side, extra
        files = {path.stem: dict(np.load(path)) for path in sorted((runs / "sprites").glob("*.npz"))}
        self.sprites: dict[str, dict[str, np.ndarray]] = files
        self.others = [name for name in files if name not in {s.set for s in STYLES}]
        self.backgrounds = dict(np.load(runs / "scenes" / "places.npz"))

    @cached_property
    def styles(self) -> list[int]:
        """The styles whose set was fetched (a small run fetches only some)."""
        return [i for i, style in enumerate(STYLES) if style.set in self.sprites]

    def paint(self, scene: Scene, rng: random.Random) -> Image.Image:
        """(side, side) RGB picture of the scene."""
        picture = self.background(scene, rng)
        for item in sorted(scene.items, key=lambda item: -item.size):  # what is in or before another is the smaller
            self.place(picture, item, self.sprite(scene.style, item, rng), shadow=self.stands(scene, item))
        if weather := WEATHERS[scene.weather].key:
            picture = OVERLAYS[weather](picture, rng)
        if style := STYLES[scene.style].filter:
            picture = FILTERS[style](picture, rng)
        return picture

    def background(self, scene: Scene, rng: random.Random) -> Image.Image:
        if scene.place is not None:
            pool = self.backgrounds[f"{PLACES[scene.place].key}.{TIMES[scene.time].key}"]
            ground = pool[rng.randrange(len(pool))]
            picture = Image.fromarray(ground[:, ::-1] if rng.random() < 0.5 else ground)
            return picture if self.side == places.SIDE else picture.resize((self.side,) * 2, Image.Resampling.BOX)
        if scene.ground is not None:
            base = np.array(COLOURS[scene.ground].rgb, np.float32) + rng.uniform(-10, 10)
        else:  # silence means a pale ground of any hue
            base = 255 - 44 * np.array([rng.random(), rng.random(), rng.random()], np.float32)
        ramp = np.linspace(1.03, 0.95, self.side, dtype=np.float32)[:, None, None]
        return Image.fromarray(
            np.broadcast_to(np.clip(base * ramp, 0, 255), (self.side, self.side, 3)).astype(np.uint8)
        )

    def stands(self, scene: Scene, item: Item) -> bool:
        return (
            scene.place is not None
            and PLACES[scene.place].ground == "stand"
            and not THINGS[item.thing].float
            and not any(item is scene.items[k] for k in LIFTED.get(scene.relation, ()))
        )

    def sprite(self, style: int, item: Item, rng: random.Random) -> Image.Image:
        code = THINGS[item.thing].code
        if self.extra and item.tint is None and rng.random() < self.extra:
            sets = [
                s for s in self.others if code in self.sprites[s] and not (s == UNSEEN_SET and unseen_drawing(code))
            ]
            if sets:
                return Image.fromarray(self.sprites[rng.choice(sets)][code])
        name = STYLES[style if style in self.styles else self.styles[0]].set
        if code not in self.sprites[name]:  # an artist left it out
            name = STYLES[0].set
        return Image.fromarray(self.sprites[name][code] if item.tint is None else self.tinted(name, code, item.tint))

    @lru_cache(maxsize=1024)  # noqa: B019  one painter lives as long as its stage
    def tinted(self, name: str, code: str, tint: int) -> np.ndarray:
        return turn_hue(self.sprites[name][code], TINTS[tint].rgb)

    def place(self, picture: Image.Image, item: Item, sprite: Image.Image, shadow: bool) -> None:
        pixels = max(8, round(item.size * self.side))
        x, y = round(item.cx * self.side - pixels / 2), round(item.cy * self.side - pixels / 2)
        small = sprite.resize((pixels, pixels), Image.Resampling.BILINEAR, reducing_gap=2.0)
        if shadow:
            foot = y + (small.getbbox() or (0, 0, 0, pixels))[3]
            veil = Image.new("RGBA", (pixels, pixels // 8))
            ImageDraw.Draw(veil).ellipse([pixels * 0.1, 0, pixels * 0.9, pixels // 8 - 1], fill=(20, 20, 40, 70))
            picture.paste(veil, (x, foot - pixels // 12), veil)
        picture.paste(small, (x, y), small)


def unseen_drawing(code: str) -> bool:
    return sum(code.encode()) % 10 == 0


def captioned(picture: Image.Image, caption: str) -> Image.Image:
    """The picture over its caption, for contact sheets."""
    sheet = Image.new("RGB", (picture.width, picture.height + 16), "white")
    sheet.paste(picture, (0, 0))
    ImageDraw.Draw(sheet).text((2, picture.height + 2), caption[:42], fill="black", font=ImageFont.load_default(9))
    return sheet


def main() -> None:
    stage = Stage.from_arguments("scenes", __doc__, minutes=5)
    target = stage.folder / "places.npz"
    if not target.exists():
        pools = {
            f"{place.key}.{time.key}": places.variants(
                PAINTERS[place.key], place.key, time.key, 2 if stage.small else VARIANTS[time.key]
            )
            for number, place in enumerate(PLACES)
            for time in (TIMES if under_the_sky(number) else TIMES[:1])
        }
        np.savez(target, **pools)
    painter, rng = Painter(stage.runs), random.Random(7)
    scenes = [sample(rng, keep_held_out=True) for _ in range(64)]
    contact_sheet(
        [
            captioned(painter.paint(s, rng).resize((192, 192)), ("* " if held_out(s) else "") + describe(s))
            for s in scenes
        ],
        8,
        stage.folder / "scenes.png",
    )
    stage.log(f"painted {len(scenes)} scenes on {len(PLACES)} places")


if __name__ == "__main__":
    main()
