"""A thing in another colour, in pixels."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from flashpaint.composition.matte import CutOut
from flashpaint.composition.tint import TINTS, tinted, turn_hue
from training.world import TINTS as TRAINED


def thing(colour: str) -> CutOut:
    """A ball of this colour with a black stalk, on nothing."""
    picture, matte = Image.new("RGB", (64, 64)), Image.new("L", (64, 64))
    for image, fill in ((picture, TINTS[colour]), (matte, 255)):
        ImageDraw.Draw(image).ellipse((8, 16, 56, 63), fill=fill)
    for image, fill in ((picture, (20, 20, 20)), (matte, 255)):
        ImageDraw.Draw(image).rectangle((30, 0, 34, 16), fill=fill)
    return CutOut(picture, matte, 0.5, (128, 128, 128))


def hue_at(cut: CutOut, at: tuple[int, int]) -> float:
    return colorsys.rgb_to_hsv(*(np.array(cut.picture.getpixel(at)) / 255))[0]


@pytest.mark.parametrize("own", TINTS)
@pytest.mark.parametrize("asked", TINTS)
def test_the_main_colour_becomes_the_one_asked_for_and_black_stays(own: str, asked: str) -> None:
    turned = tinted(thing(own), asked)
    apart = abs(hue_at(turned, (32, 40)) - colorsys.rgb_to_hsv(*(np.array(TINTS[asked]) / 255))[0])
    assert min(apart, 1 - apart) < 0.03
    assert max(turned.picture.getpixel((32, 8))) < 40
    assert turned.matte.tobytes() == thing(own).matte.tobytes()


def in_hues(hues: range | list[int]) -> np.ndarray:
    """Stripes of these hues of 256, nothing see-through: an RGBA drawing (8, hues, 4)."""
    hsv = np.full((8, len(hues), 3), 220, np.uint8)
    hsv[..., 0] = np.array(hues) % 256
    return np.asarray(Image.fromarray(hsv, "HSV").convert("RGB").convert("RGBA"))


def hues_of(rgb: tuple[int, ...] | np.ndarray) -> np.ndarray:
    pixels = np.asarray(rgb, np.uint8).reshape(-1, 1, np.shape(rgb)[-1])[..., :3]
    return np.asarray(Image.fromarray(pixels).convert("HSV"), int)[..., 0].ravel()


def farthest(turned: np.ndarray, target: int) -> int:
    """How far the hues of a drawing lie from one, at most, around the circle."""
    return int(np.abs((hues_of(turned) - target + 128) % 256 - 128).max())


def test_a_red_that_lies_on_both_sides_of_0_turns_green_as_a_whole() -> None:
    apple = in_hues([250, 251, 252, 253, 254, 255, 0, 1, 2, 3, 4, 5])
    assert farthest(turn_hue(apple, TINTS["green"]), int(hues_of(TINTS["green"])[0])) < 8


@given(st.integers(0, 255), st.sampled_from(sorted(TINTS)))
def test_what_is_near_the_main_hue_ends_near_the_target_wherever_on_the_circle_both_lie(main: int, asked: str) -> None:
    thing = in_hues(range(main - 10, main + 11))
    assert farthest(turn_hue(thing, TINTS[asked]), int(hues_of(TINTS[asked])[0])) < 10


def test_what_has_no_colour_or_is_asked_for_none_stays_as_it_is() -> None:
    gray = CutOut(Image.new("RGB", (8, 8), (120, 120, 120)), Image.new("L", (8, 8), 255), 1.0, (0, 0, 0))
    assert tinted(gray, "red").picture.tobytes() == gray.picture.tobytes()
    assert tinted(thing("red"), None) is not None
    assert tinted(thing("red"), "striped").picture.tobytes() == thing("red").picture.tobytes()
    assert turn_hue(np.zeros((4, 4, 4), np.uint8), TINTS["red"]).sum() == 0


def test_the_colours_are_those_that_mini_learned() -> None:
    assert {colour.en[0]: tuple(colour.rgb) for colour in TRAINED} == TINTS
