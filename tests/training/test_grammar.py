"""The grammar's laws: captions are true, one scene has one description, the held-out lists are fixed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs PyTorch: make test installs it")

from training.grammar import CHINESE, CHINESE_HELD_OUT, describe, prompts
from training.trials import LISTS_SHA256, lists_sha256
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, held_out, sample


@given(st.integers(0, 10_000))
def test_a_description_names_what_is_in_the_scene_and_a_training_scene_is_not_held_out(seed: int) -> None:
    scene = sample(random.Random(seed))
    assert not held_out(scene)
    told = describe(scene)
    for item in scene.items:
        assert THINGS[item.thing].en[0].split()[-1].removesuffix("y") in told
        assert item.cx - item.size / 2 + 0.06 > 0
        assert item.cx + item.size / 2 - 0.06 < 1
    if scene.place is not None:
        assert PLACES[scene.place].en[0] in told or PLACES[scene.place].terse[0] in told


@given(st.integers(0, 10_000), st.sampled_from(["en", "zh"]), st.booleans())
def test_every_scene_can_be_asked_for_in_both_languages(seed: int, language: str, unseen: bool) -> None:
    rng = random.Random(seed)
    prompt = prompts(sample(rng), rng, language, unseen)
    assert prompt == prompt.strip()
    assert prompt
    assert "{" not in prompt
    assert "  " not in prompt
    if language == "zh":
        assert not any(c.isascii() and c.isalpha() for c in prompt.replace("3D", "").replace("T恤", ""))


def test_held_out_phrasings_are_not_trained_on() -> None:
    assert not set(CHINESE) & set(CHINESE_HELD_OUT)


def test_about_a_twentieth_of_the_combinations_is_held_out() -> None:
    rng = random.Random(0)
    share = sum(held_out(sample(rng, "place", keep_held_out=True)) for _ in range(4000)) / 4000
    assert 0.03 < share < 0.08


def test_words_are_distinct_and_both_languages_name_everything() -> None:
    assert len({t.en[0] for t in THINGS}) == len({t.code for t in THINGS}) == len(THINGS) >= 100
    assert all(row.en and row.zh for table in (THINGS, PLACES, TIMES, COLOURS, STYLES) for row in table)


def test_the_evaluation_prompts_are_the_ones_that_scores_were_taken_on() -> None:
    assert lists_sha256() == LISTS_SHA256
