"""Regions as views: each paints its part under its own description, beside the whole. Knows arrays, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashpaint.paint.denoiser import Conditioning
from flashpaint.paint.views import View, Window, whole
from flashpaint.request import Region

GROUND = 0.1  # the say of the whole where a region covers it


def views_of(
    regions: Sequence[Region],
    own: Sequence[Conditioning],
    untils: Sequence[float],
    conditioning: Conditioning,
    rows: int,
    columns: int,
) -> list[View]:
    """The whole, which speaks at every level, and each region, down to its own (untils, in sigma)."""
    covers = [cover(region, rows, columns) for region in regions]
    rest = np.maximum(1 - np.sum(covers, axis=0), GROUND).astype(np.float32)
    views = [View(whole(rows, columns, rest), conditioning)]
    for region, condition, until, weight in zip(regions, own, untils, covers, strict=True):
        views.append(View(centred(region, weight), condition, until))
    return views


def centred(region: Region, weight: NDArray[np.float32]) -> Window:
    """The whole grid, turned so that the region's middle is in the middle, where a thing painted alone stands."""
    rows, columns = weight.shape
    turn = round((region.box[0] + region.box[2] - 1) / 2 * columns)
    cells = np.arange(rows * columns).reshape(rows, columns)
    return Window(np.roll(cells, -turn, axis=1), np.roll(cells, turn, axis=1), weight)


def cover(region: Region, rows: int, columns: int) -> NDArray[np.float32]:
    """(rows, columns): the share of each cell that lies in the region's box."""
    left, top, right, bottom = region.box
    down, across = covered(top, bottom, rows), covered(left, right, columns)
    return (down[:, None] * across[None]).astype(np.float32)


def covered(low: float, high: float, number: int) -> NDArray[np.float64]:
    """The share of each of `number` cells of 0..1 that lies in low..high."""
    edges = np.linspace(0, 1, number + 1)
    share: NDArray[np.float64] = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * number
    return share
