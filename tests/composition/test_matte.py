"""Cutting a thing off its ground, against Pillow's own flood fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from flashpaint.composition.matte import outside


def filled(thing: np.ndarray) -> np.ndarray:
    framed = Image.fromarray(np.pad(np.where(thing, 255, 0).astype(np.uint8), 1)).copy()
    ImageDraw.floodfill(framed, (0, 0), 128)
    return np.asarray(framed)[1:-1, 1:-1] == 128


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(1, 40), st.integers(1, 40))
def test_the_outside_is_what_a_flood_fill_reaches(seed: int, share: float, height: int, width: int) -> None:
    thing = np.random.default_rng(seed).random((height, width)) < share
    assert (outside(thing) == filled(thing)).all()


@pytest.mark.parametrize("turns", [1, 5, 9])
def test_a_spiral_is_followed_to_its_end(turns: int) -> None:
    side = 4 * turns + 3
    thing = np.zeros((side, side), bool)
    for k in range(0, 2 * turns, 2):
        thing[k : side - k, [k, side - k - 1]] = thing[[k, side - k - 1], k : side - k] = True
        thing[k + 1, k] = False
    assert (outside(thing) == filled(thing)).all()
