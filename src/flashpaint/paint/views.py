"""Views: windows onto a picture's latents, each denoised under a condition of its own and joined by a weighted mean
(MultiDiffusion, Bar-Tal et al. 2023, eq. 5). Of regions, of pictures larger than the model's own, and of those that
wrap around. Knows arrays and conditions, no model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.arrays import Array
from flashpaint.paint.denoiser import Conditioning

Decode = Callable[[Array], list[Image.Image]]
Wraps = tuple[bool, bool]  # whether rows (the bottom meets the top), and columns, wrap around


@dataclass(frozen=True)
class Window:
    """A window of h x w onto a grid of rows x columns; cells of both are numbered row by row.

    shown (h, w): the cell of the grid at each place of the window; place (rows, columns): the place in the window of
    each cell of the grid, anything where it has none; weight (rows, columns): the window's say at each cell, 0 there.
    """

    shown: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.float32]

    def look(self, grid: Array) -> Array:
        """(n, channels, rows, columns) -> (n, channels, h, w)."""
        flat = grid.reshape(*grid.shape[:2], -1)[:, :, self.shown.ravel()]
        return flat.reshape(*grid.shape[:2], *self.shown.shape)

    def back(self, seen: Array) -> Array:
        """(n, channels, h, w) -> (n, channels, rows, columns), meaningless where the weight is 0."""
        flat = seen.reshape(*seen.shape[:2], -1)[:, :, self.place.ravel()]
        return flat.reshape(*seen.shape[:2], *self.place.shape)


@dataclass(frozen=True)
class View:
    """A window and what is painted in it; it falls silent once sigma is not above `until`."""

    window: Window
    conditioning: Conditioning
    until: float = 0.0


def joined(windows: Sequence[Window], seen: Sequence[Array]) -> Array:
    """One grid (1, channels, rows, columns) of what each window shows (1, channels, h, w)."""
    xp = array_namespace(seen[0])
    total = np.maximum(np.sum([window.weight for window in windows], axis=0), 1e-12)
    parts = []
    for window, part in zip(windows, seen, strict=True):
        share = xp.asarray(window.weight / total, dtype=part.dtype, device=part.device)
        parts.append(share * window.back(part))
    return sum(parts[1:], parts[0])


@dataclass(frozen=True)
class Tiling:
    """Square windows of `side` cells that cover a grid of rows x columns, each cell by several."""

    rows: int
    columns: int
    side: int
    wraps: Wraps = (False, False)

    def windows(self, scale: int = 1) -> list[Window]:
        """scale: cells a cell, such as pixels a latent."""
        sides = (self.rows * scale, self.columns * scale)
        axes = [
            [stretch(scale * at, number, self.side * scale) for at in offsets(number // scale, self.side, wraps)]
            for number, wraps in zip(sides, self.wraps, strict=True)
        ]
        return [window(down, across) for down, across in product(*axes)]

    def decoded(self, decode: Decode, latents: Array) -> Image.Image:
        """The picture of latents (1, channels, rows, columns), decoded in windows: a decoder of one size serves any,
        and what wraps around in latents does so in pixels."""
        pictures = [decode(window.look(latents))[0] for window in self.windows()]
        pixels = [np.asarray(picture, np.float32).transpose(2, 0, 1)[None] for picture in pictures]
        joint = joined(self.windows(pictures[0].width // self.side), pixels)[0]
        return Image.fromarray(np.rint(joint.transpose(1, 2, 0)).astype(np.uint8))


@dataclass(frozen=True)
class Stretch:
    """A window along one axis: the cells that it shows, the place of each cell in it, and its say there."""

    shown: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.float32]


def offsets(number: int, side: int, wraps: bool) -> list[int]:
    """Where windows of this side begin on an axis of `number` cells, half a side apart or less. Half a turn of what
    wraps around changes nothing where it is a whole number of windows."""
    if wraps:
        windows = math.ceil(2 * number / side)
        return [round(k * number / windows) for k in range(windows)]
    windows = 1 + math.ceil(2 * (number - side) / side)
    return [round(at) for at in np.linspace(0, number - side, windows)]


def stretch(offset: int, number: int, side: int) -> Stretch:
    """The say falls from the middle to both ends."""
    cells = np.arange(side)
    place = (np.arange(number) - offset) % number
    inside = place < side
    place = np.where(inside, place, 0)
    tent = np.minimum(cells + 0.5, side - cells - 0.5) / (side / 2)
    return Stretch((cells + offset) % number, place, np.where(inside, tent[place], 0).astype(np.float32))


def window(down: Stretch, across: Stretch) -> Window:
    columns, side = len(across.place), len(across.shown)
    return Window(
        down.shown[:, None] * columns + across.shown[None],
        down.place[:, None] * side + across.place[None],
        down.weight[:, None] * across.weight[None],
    )


def whole(rows: int, columns: int, weight: NDArray[np.float32] | None = None) -> Window:
    """All of the grid as it is; weight (rows, columns), by default 1."""
    cells = np.arange(rows * columns).reshape(rows, columns)
    return Window(cells, cells, np.ones((rows, columns), np.float32) if weight is None else weight)
