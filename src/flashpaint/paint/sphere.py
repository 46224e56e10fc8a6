"""A panorama's latents: equirectangular, twice as many columns as rows, column 0 next to the last. Knows arrays alone.

Towards a pole the columns draw together, so that what is painted upright there would come out pinched. Two things keep
it round: tiles skip columns as these draw together, as a reduced grid does in weather models (Hortal and Simmons 1991),
and over each pole lie caps, views straight up or down (azimuthal equidistant, which keeps the rows' spacing). All take
cells as they are and so leave the noise as it was: of unit variance, and each cell's its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.arrays import Array
from flashpaint.paint.views import Decode, Mosaic, Tile, Tiling, Window, offsets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cap:
    """The view from inside straight up, or down, of as many cells across as rows. rows: of the sphere; turn: the column
    that lies ahead, which is at the bottom of the view up and at the top of the view down."""

    rows: int
    side: int
    south: bool
    turn: int

    def window(self) -> Window:
        columns = 2 * self.rows
        y, x = np.meshgrid(*2 * [np.arange(self.side) + 0.5 - self.side / 2], indexing="ij")
        row = np.minimum(np.hypot(x, y).astype(np.int64), self.rows - 1)
        ahead = -y if self.south else y
        column = np.floor(np.arctan2(x, ahead) / (2 * math.pi) * columns).astype(np.int64)
        ring, across = np.mgrid[: self.side // 2, :columns]
        place_y, place_x = (np.floor(at).astype(np.int64) for at in self.seen_at(ring, across, columns))
        return Window(
            self.cell(row, column),
            (place_y * self.side + place_x).ravel(),
            self.say(ring).ravel().astype(np.float32),
            self.cell(ring, across).ravel(),
            (self.rows, columns),
        )

    def cell(self, row: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of the sphere. row: from the pole; column: from the one ahead."""
        columns = 2 * self.rows
        return (self.rows - 1 - row if self.south else row) * columns + (column + self.turn) % columns

    def seen_at(self, ring: NDArray[np.int64], across: NDArray[np.int64], columns: int) -> tuple[Floats, Floats]:
        """(y, x) in the view, in cells from its corner, of a cell so many from the pole and from the column ahead."""
        angle, radius = (across + 0.5) * (2 * math.pi / columns), ring + 0.5
        middle = self.side * columns / (4 * self.rows)
        ahead = radius * np.cos(angle)
        return middle + (-ahead if self.south else ahead), middle + radius * np.sin(angle)

    def say(self, ring: NDArray[np.int64]) -> Floats:
        """It falls from the pole to the view's border."""
        return 1 - (ring + 0.5) / (ring.shape[0] or 1)

    def add(self, mosaic: Mosaic, picture: Floats) -> None:
        """Project the decoded view (h, h, 3) onto the pixels around the pole."""
        rows, columns = mosaic.sum.shape[:2]
        ring, across = np.mgrid[: len(picture) // 2, :columns]
        turn = self.turn * columns // (2 * self.rows)
        y, x = self.seen_at(ring, (across - turn) % columns, columns)
        pixels, say = bilinear(picture, y - 0.5, x - 0.5), self.say(ring)[..., None].astype(np.float32)
        where = slice(rows - 1, rows - 1 - len(ring), -1) if self.south else slice(len(ring))
        mosaic.sum[where] += say * pixels
        mosaic.weight[where] += say


@dataclass(frozen=True)
class Sphere(Tiling):
    """rows: of latents, pole to pole, `side` at least; columns: twice as many."""

    def tiles(self) -> list[Tile]:
        found = []
        for row in offsets(self.rows, self.side, False):
            stretch = self.stretch(row)
            found += [Tile(row, column, stretch) for column in offsets(self.columns, self.side * stretch, True)]
        return found

    def stretch(self, row: int) -> int:
        """Columns a place of tiles from this row on: as many as are one row wide at most at their middle, and fit."""
        latitude = math.pi * ((row + self.side / 2) / self.rows - 0.5)
        return min(int(1 / math.cos(latitude)), self.columns // self.side)

    def windows(self) -> list[Window]:
        return [*super().windows(), *(cap.window() for cap in self.caps())]

    def caps(self) -> list[Cap]:
        """Over each pole one, and the same turned around: half a turn carries one into the other. None where one would
        see down to the horizon."""
        if self.rows < 2 * self.side:
            return []
        turns = (0, self.columns // 2)
        return [Cap(self.rows, self.side, south, turn) for south, turn in product((False, True), turns)]

    def mosaic(self, decode: Decode, latents: Array) -> Mosaic:
        mosaic = super().mosaic(decode, latents)
        for cap in self.caps():
            cap.add(mosaic, np.asarray(decode(cap.window().look(latents))[0], np.float64))
        return mosaic


def bilinear(pixels: Floats, y: Floats, x: Floats) -> Floats:
    """pixels (h, w, channels) at points (...) in pixels, 0 in the middle of the first; what lies outside is the nearest
    inside -> (..., channels)."""
    height, width = pixels.shape[:2]
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    dy, dx = (y - top)[..., None], (x - left)[..., None]
    upper = pixels[top, left] * (1 - dx) + pixels[top, right] * dx
    lower = pixels[bottom, left] * (1 - dx) + pixels[bottom, right] * dx
    found: Floats = upper * (1 - dy) + lower * dy
    return found


FACES = ("front", "right", "back", "left", "up", "down")


def cube(panorama: Image.Image, side: int | None = None) -> dict[str, Image.Image]:
    """The six faces of a cube map by their names, each as seen from inside, upright as one turns or bows to it from the
    front, which is the panorama's middle. side: in pixels, by default a quarter of the width."""
    side = side or panorama.width // 4
    pixels = np.asarray(panorama, np.float64)
    at = (np.arange(side) + 0.5) * 2 / side - 1
    down, across = np.meshgrid(at, at, indexing="ij")
    ahead = np.ones_like(at)[:, None] * np.ones_like(at)
    directions = {  # right, down, ahead
        "front": (across, down, ahead),
        "right": (ahead, down, -across),
        "back": (-across, down, -ahead),
        "left": (-ahead, down, across),
        "up": (across, -ahead, down),
        "down": (across, ahead, -down),
    }
    return {name: Image.fromarray(np.rint(seen(pixels, *directions[name])).astype(np.uint8)) for name in FACES}


def seen(panorama: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
    """The panorama (h, 2h, 3) in directions right, down and ahead of its middle, of any length."""
    height, width = panorama.shape[:2]
    column = (np.arctan2(x, z) / (2 * math.pi) + 0.5) * width - 0.5
    row = (np.arctan2(y, np.hypot(x, z)) / math.pi + 0.5) * height - 0.5
    around = np.concatenate([panorama[:, -1:], panorama, panorama[:, :1]], axis=1)
    return bilinear(around, row, column + 1)
