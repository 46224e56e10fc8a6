"""What a prompt's own words say, in the words that mini was taught."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint import Studio
from flashpaint.reading import Reading
from training.grammar import describe, prompts
from training.world import sample


@pytest.fixture(scope="module")
def reading(studio: Studio) -> Reading:
    return studio.sights.reading


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ("太空中的一只猫", "a cat in space"),
        ("cat, beach, night", "a cat on the beach at night"),
        ("beach cat", "a cat on the beach"),
        ("a kitty in a box", "a cat inside a box"),
        ("an elephant with a monkey on it", "a monkey on an elephant"),
        ("a dog to the right of a cat", "a cat to the left of a dog"),
        ("a dog below a bird", "a bird above a dog"),
        ("a dog and a cat", "a cat and a dog"),
        ("三位医生，水彩画", "three doctors, watercolour"),
        ("a red car in the rain in the city", "a red car in the city in the rain"),
        ("a white dove", "a dove"),
        ("the sun", "the sun"),
        ("glasses", "glasses"),
        ("日落时的沙滩", "beach at sunset"),
        ("月球", "the moon's surface"),
        ("🐈", "a cat"),
    ],
)
def test_one_scene_has_one_description(reading: Reading, prompt: str, description: str) -> None:
    assert reading.read(prompt) == description


@pytest.mark.parametrize(
    "prompt",
    [
        "a happy cat dreaming",
        "a black cat",
        "four cats",
        "a cat behind a dog",
        "a cat and a dog and a cow",
        "a swamp",
        "",
    ],
)
def test_what_is_not_known_for_sure_is_not_read(reading: Reading, prompt: str) -> None:
    assert reading.read(prompt) == ""


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ("a happy cat dreaming of summer on the beach", "a cat on the beach"),
        ("两只正在跳舞的小狗，在雪地里", "a dog in the snow"),
        ("wolves howling under a bright moon", "the moon above a wolf"),
        ("an orange fox running", "a fox"),
        ("a happy cat sitting on top of a huge old elephant", "a cat on an elephant"),
        ("一只开心的猫坐在一头巨大的大象上面", "a cat on an elephant"),
        ("一头巨大的大象上面的胖猫", "a cat on an elephant"),
        ("一个勇敢的宇航员拿着一把吉他", "an astronaut holding a guitar"),
        ("a brave dog to the right of a sleeping cat", "a cat to the left of a dog"),
        ("something entirely different", ""),
    ],
)
def test_what_is_known_is_spotted_in_any_words(reading: Reading, prompt: str, description: str) -> None:
    assert reading.spot(prompt) == description


@given(st.integers(0, 10_000), st.sampled_from(["en", "zh"]))
def test_what_is_read_of_a_scene_is_its_description(reading: Reading, seed: int, language: str) -> None:
    rng = random.Random(seed)
    scene = sample(rng, rng.choice(["single", "count", "pair", "landscape"]))
    assert reading.read(prompts(scene, rng, language)) in (describe(scene), "")


def test_a_clip_that_was_taught_no_captions_reads_nothing() -> None:
    assert Reading({}, {}).read("a cat") == Reading({}, {}).spot("a cat") == ""
    assert Reading({"things": ["cat"]}, {}).read("a cat") == ""
