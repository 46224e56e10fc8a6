"""The wide vocabulary: what it names can be drawn, and its sentences are as the narrow one's."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from training.filters import FILTERS
from training.scenes import PAINTERS
from training.weather import OVERLAYS
from training.world import tables

WIDE = tables("vocabulary.toml", "wide.toml")


def test_what_it_names_is_there_to_be_drawn() -> None:
    assert {place["key"] for place in WIDE["place"]} == PAINTERS.keys()
    assert {weather["key"] for weather in WIDE["weather"][1:]} == OVERLAYS.keys()
    assert {style["filter"] for style in WIDE["style"] if "filter" in style} == FILTERS.keys()


def test_mini_s_own_words_keep_their_numbers_and_no_thing_or_place_is_named_twice() -> None:
    own = tables("vocabulary.toml")
    for kind in ("thing", "place", "style"):
        assert WIDE[kind][: len(own[kind])] == own[kind]
    assert max(Counter(thing["code"] for thing in WIDE["thing"]).values()) == 1
    for kind in ("thing", "place"):
        for language in ("en", "zh"):
            names = Counter(name for row in WIDE[kind] for name in row[language])
            assert [name for name, number in names.items() if number > 1] == []


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
    code = """
import random
from training.grammar import describe, prompts
from training.world import Item, Scene, sample, THINGS, PLACES, WEATHERS
names = {thing.en[0]: k for k, thing in enumerate(THINGS)}
places = {place.key: k for k, place in enumerate(PLACES)}
scene = Scene((Item(names["astronaut"], 0.5, 0.5, 0.6),), None, places["park"], 2, None, 0, 1)
print(describe(scene))
rng = random.Random(2)
for _ in range(2000):
    drawn = sample(rng, keep_held_out=True)
    for language in ("en", "zh"):
        for unseen in (False, True):
            assert prompts(drawn, rng, language, unseen)
said = {prompts(scene, rng, "zh") for _ in range(200)}
assert any("宇航员" in text and "雨" in text for text in said), said
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FLASHPAINT_VOCABULARY": "wide"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "an astronaut in the park at night in the rain"
