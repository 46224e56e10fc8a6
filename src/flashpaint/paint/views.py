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
from numpy.typing import NDArray
from PIL import Image, ImageChops

from flashpaint.paint.arrays import Array, array_namespace
from flashpaint.paint.denoiser import Conditioning

Decode = Callable[[Array], list[Image.Image]]
Encode = Callable[[Sequence[Image.Image]], Array]
Wraps = tuple[bool, bool]  # whether rows (the bottom meets the top), and columns, wrap around


@dataclass(frozen=True)
class Window:
    """A window of h x w onto a grid of rows x columns; cells of both are numbered row by row.

    shown (h, w): the cell of the grid at each place of the window; place: the place in the window of each cell of the
    grid, anything where it has none; weight: the window's say at each cell, 0 there. Both (rows, columns); or, of a
    window that covers little of a large grid, (m,) for the m cells that `cells` names, with the grid's (rows, columns).
    """

    shown: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.float32]
    cells: NDArray[np.int64] | None = None
    grid: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """The grid's rows and columns."""
        return self.grid or (self.weight.shape[0], self.weight.shape[1])

    @property
    def covered(self) -> NDArray[np.int64] | slice:
        """The cells that it speaks of, of a flat grid."""
        return slice(None) if self.cells is None else self.cells

    def look(self, grid: Array) -> Array:
        """(n, channels, rows, columns) -> (n, channels, h, w)."""
        flat = grid.reshape(*grid.shape[:2], -1)[:, :, self.shown.ravel()]
        return flat.reshape(*grid.shape[:2], *self.shown.shape)

    def back(self, seen: Array) -> Array:
        """(n, channels, h, w) -> (n, channels, m), meaningless where the weight is 0."""
        return seen.reshape(*seen.shape[:2], -1)[:, :, self.place.ravel()]


@dataclass(frozen=True)
class View:
    """A window and what is painted in it; it falls silent once sigma is not above `until`."""

    window: Window
    conditioning: Conditioning
    until: float = 0.0


def joined(windows: Sequence[Window], seen: Sequence[Array]) -> Array:
    """One grid (1, channels, rows, columns) of what each window shows (1, channels, h, w)."""
    xp, (rows, columns), like = array_namespace(seen[0]), windows[0].size, seen[0]
    total = np.full(rows * columns, 1e-12, np.float32)
    for window in windows:
        total[window.covered] += window.weight.ravel()
    grid = xp.zeros((*like.shape[:2], rows * columns), dtype=like.dtype, device=like.device)
    for window, part in zip(windows, seen, strict=True):
        share = xp.asarray(window.weight.ravel() / total[window.covered], dtype=like.dtype, device=like.device)
        grid[:, :, window.covered] += share * window.back(part)
    return grid.reshape(*like.shape[:2], rows, columns)


@dataclass(frozen=True)
class Span:
    """What a window covers along one axis: the cells of the axis, the place of each in the window, and its say there;
    and the one cell that each place shows."""

    cells: NDArray[np.int64]
    place: NDArray[np.int64]
    weight: NDArray[np.float32]
    shown: NDArray[np.int64]


def span(offset: int, side: int, number: int, step: int = 1) -> Span:
    """`side` places of `step` cells each from `offset` on, around an axis of `number` cells; the say falls from the
    middle to both ends, where it is all but none, so that no window's edge shows (Hann)."""
    along = np.arange(side * step)
    cells = (offset + along) % number
    hann = np.sin(np.pi * (along + 0.5) / (side * step)) ** 2
    return Span(cells, along // step, hann.astype(np.float32), cells[step // 2 :: step])


def offsets(number: int, side: int, wraps: bool) -> list[int]:
    """Where windows of this side begin on an axis of `number` cells, a quarter of each shared with the next, or more.
    Of what wraps around they are evenly many, so that half a turn carries windows into windows."""
    apart = side - side // 4
    if wraps:
        windows = 2 * math.ceil(number / (2 * apart))
        return [(2 * k * number + windows) // (2 * windows) for k in range(windows)]
    windows = 1 + math.ceil((number - side) / apart)
    return [round(at) for at in np.linspace(0, number - side, windows)]


def window(down: Span, across: Span, grid: tuple[int, int]) -> Window:
    columns, side = grid[1], len(across.shown)
    return Window(
        down.shown[:, None] * columns + across.shown,
        (down.place[:, None] * side + across.place).ravel(),
        (down.weight[:, None] * across.weight).ravel(),
        (down.cells[:, None] * columns + across.cells).ravel(),
        grid,
    )


def whole(rows: int, columns: int, weight: NDArray[np.float32] | None = None) -> Window:
    """All of the grid as it is; weight (rows, columns), by default 1."""
    cells = np.arange(rows * columns).reshape(rows, columns)
    return Window(cells, cells, np.ones((rows, columns), np.float32) if weight is None else weight)


@dataclass(frozen=True)
class Tile:
    """A square window whose corner lies at (row, column); each of its places covers `stretch` columns."""

    row: int
    column: int
    stretch: int = 1


@dataclass(frozen=True)
class Tiling:
    """Square windows of `side` cells that cover a grid of rows x columns, each cell by several."""

    rows: int
    columns: int
    side: int
    wraps: Wraps = (False, False)

    def tiles(self) -> list[Tile]:
        down = offsets(self.rows, self.side, self.wraps[0])
        across = offsets(self.columns, self.side, self.wraps[1])
        return [Tile(row, column) for row, column in product(down, across)]

    def windows(self) -> list[Window]:
        return [window(*self.spans(tile), (self.rows, self.columns)) for tile in self.tiles()]

    def spans(self, tile: Tile, scale: int = 1) -> tuple[Span, Span]:
        """Of a tile, down and across; scale: cells a cell, such as pixels a latent."""
        side = scale * self.side
        down = span(scale * tile.row, side, scale * self.rows)
        return down, span(scale * tile.column, side, scale * self.columns, tile.stretch)

    def decoded(self, decode: Decode, latents: Array) -> Image.Image:
        """The picture of latents (1, channels, rows, columns), decoded in windows: a decoder of one size serves any,
        and what wraps around in latents does so in pixels."""
        return self.aside(self.mosaic(decode, latents).picture(), 1)

    def aside(self, picture: Image.Image, way: int) -> Image.Image:
        """Turned a little around the axes that wrap; way: 1 or -1, back. Decoders leave faint steps between latents,
        their halves and quarters: so the picture's borders meet beside these."""
        pixels = way * (3 * (picture.width // self.columns) // 8)
        return ImageChops.offset(picture, pixels * self.wraps[1], pixels * self.wraps[0])

    def mosaic(self, decode: Decode, latents: Array) -> Mosaic:
        """Of the tiles, each with the say that it has in the latents."""
        mosaic = None
        for tile in self.tiles():
            picture = decode(window(*self.spans(tile), (self.rows, self.columns)).look(latents))[0]
            scale = picture.width // self.side
            mosaic = mosaic or Mosaic(scale * self.rows, scale * self.columns)
            wide = picture.resize((tile.stretch * picture.width, picture.height), Image.Resampling.BILINEAR)
            mosaic.add(*self.spans(tile, scale), np.asarray(wide, np.float32))
        assert mosaic is not None
        return mosaic

    def encoded(self, encode: Encode, picture: Image.Image) -> Array:
        """Latents (1, channels, rows, columns) of a picture of the grid's size, encoded in windows."""
        pixels, scale = np.asarray(self.aside(picture, -1)), picture.width // self.columns
        plain = Tiling(self.rows, self.columns, self.side, self.wraps)
        seen = []
        for tile in plain.tiles():
            down, across = plain.spans(tile, scale)
            seen.append(encode([Image.fromarray(pixels[np.ix_(down.cells, across.cells)])]))
        return joined(plain.windows(), seen)


class Mosaic:
    """Pictures on one canvas, joined by a weighted mean."""

    def __init__(self, rows: int, columns: int) -> None:
        self.sum = np.zeros((rows, columns, 3), np.float32)
        self.weight = np.zeros((rows, columns, 1), np.float32)

    def add(self, down: Span, across: Span, pixels: NDArray[np.float32]) -> None:
        """pixels (h, w, 3) of 0..255, at the cells of both spans."""
        where, weight = np.ix_(down.cells, across.cells), (down.weight[:, None] * across.weight)[..., None]
        self.sum[where] += weight * pixels
        self.weight[where] += weight

    def picture(self) -> Image.Image:
        return Image.fromarray(np.rint(self.sum / self.weight).clip(0, 255).astype(np.uint8))
