"""A colour by the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from flashpaint.bench.colour import colour_seen
from flashpaint.composition.tint import TINTS

APART = ("red", "yellow", "green", "blue", "purple")  # by more hues than are taken for one


def ball(fill: tuple[int, int, int], side: int = 256, radius: int = 64) -> Image.Image:
    """In the middle of a light ground."""
    picture = Image.new("RGB", (side, side), (208, 224, 238))
    middle = side // 2
    ImageDraw.Draw(picture).ellipse((middle - radius, middle - radius, middle + radius, middle + radius), fill=fill)
    return picture


@pytest.mark.parametrize("own", TINTS)
def test_a_thing_has_its_own_colour_and_none_that_is_far_from_it(own: str) -> None:
    assert colour_seen(ball(TINTS[own]), own)
    assert colour_seen(ball(TINTS[own], 512, 128), own), "whatever the picture's size"
    if own in APART:
        assert [other for other in APART if colour_seen(ball(TINTS[own]), other)] == [own]


def test_a_speck_of_it_or_a_shade_of_gray_is_not_it() -> None:
    assert not colour_seen(ball(TINTS["red"], radius=12), "red")
    assert not any(colour_seen(ball((120, 118, 118)), colour) for colour in TINTS)


def test_red_lies_on_both_sides_of_0() -> None:
    for hue in (250, 5):
        red = Image.fromarray(np.full((1, 1, 3), (hue, 220, 220), np.uint8), "HSV").convert("RGB").getpixel((0, 0))
        assert isinstance(red, tuple)
        assert colour_seen(ball((red[0], red[1], red[2])), "red")
