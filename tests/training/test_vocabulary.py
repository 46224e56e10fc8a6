"""The vocabulary: what it names can be drawn, and is said and laid out as its words mean."""

from __future__ import annotations

import random
from collections import Counter
from itertools import chain

import numpy as np
import pytest
from PIL import Image

from training.filters import FILTERS
from training.grammar import describe, prompts
from training.scenes import PAINTERS
from training.weather import OVERLAYS
from training.world import PLACES, RELATIONS, STYLES, THINGS, WEATHERS, Item, Scene, sample


def test_what_it_names_is_there_to_be_drawn() -> None:
    assert {place.key for place in PLACES} == PAINTERS.keys()
    assert {weather.key for weather in WEATHERS[1:]} == OVERLAYS.keys()
    assert {style.filter for style in STYLES if style.filter} == FILTERS.keys()


def test_no_thing_or_place_is_named_twice() -> None:
    assert max(Counter(thing.code for thing in THINGS).values()) == 1
    for words in (THINGS, PLACES):
        assert max(Counter(chain.from_iterable((*row.en, *row.zh) for row in words)).values()) == 1
    assert max(Counter(chain.from_iterable((*row.en, *row.zh, *row.also) for row in THINGS)).values()) == 1


@pytest.mark.parametrize("key", sorted(PAINTERS))
def test_a_place_is_painted_alike_from_one_seed_and_otherwise_from_another(key: str) -> None:
    for time in ("day", "night"):
        first, again, other = (PAINTERS[key](random.Random(seed), time) for seed in (1, 1, 2))
        assert first.tobytes() == again.tobytes()
        assert first.tobytes() != other.tobytes()
        assert np.asarray(first).std() > 10


@pytest.mark.parametrize("change", [*OVERLAYS.values(), *FILTERS.values()], ids=lambda change: change.__name__)
def test_weather_and_styles_change_a_picture_and_keep_its_shape(change: object) -> None:
    picture = PAINTERS["park"](random.Random(1), "day").resize((256, 256))
    changed = change(picture, random.Random(3))  # type: ignore[operator]
    assert (changed.size, changed.mode) == (picture.size, "RGB")
    assert changed.tobytes() == change(picture, random.Random(3)).tobytes()  # type: ignore[operator]
    difference = np.abs(np.asarray(changed, int) - np.asarray(picture, int)).mean()
    assert 3 < difference < 160
    small = np.asarray(changed.resize((32, 32), Image.Resampling.BOX), float).std()
    assert small > 2  # something is still to be seen


def test_its_sentences_say_thing_place_time_and_weather_in_both_languages() -> None:
    names = {thing.en[0]: k for k, thing in enumerate(THINGS)}
    park = next(k for k, place in enumerate(PLACES) if place.key == "park")
    scene = Scene((Item(names["astronaut"], 0.5, 0.5, 0.6),), None, park, 2, None, 0, 1)
    assert describe(scene) == "an astronaut in the park at night in the rain"
    rng = random.Random(2)
    said = {prompts(scene, rng, "zh") for _ in range(200)}
    assert any("宇航员" in text and "雨" in text for text in said), said


def test_only_hands_hold_and_only_what_is_hollow_has_another_inside() -> None:
    rng, seen = random.Random(3), set[str | None]()
    for _ in range(500):
        scene = sample(rng, "pair")
        seen.add(scene.relation)
        first, second = (THINGS[item.thing] for item in scene.items)
        assert first.code != second.code
        assert scene.relation != "holding" or first.hands
        assert scene.relation != "inside" or second.hollow
    assert seen == set(RELATIONS)


def test_things_that_touch_are_painted_so() -> None:
    rng = random.Random(4)
    for _ in range(300):
        scene = sample(rng, "pair_place")
        one, other = scene.items
        across, down = other.cx - one.cx, other.cy - one.cy
        if scene.relation == "on":
            assert abs(across) < other.size / 2
            assert 0 < down < (one.size + other.size) / 2
        if scene.relation in ("inside", "holding"):
            assert max(abs(across), abs(down)) < max(one.size, other.size) / 2
