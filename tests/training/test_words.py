"""The words that slips are read as are those of all prompts that mini trains on."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs PyTorch: make test installs it")

from training.grammar import carried, describe, prompts
from training.words import own, words_of
from training.world import sample

OWN = own()


@given(st.integers(0, 10_000))
def test_every_word_of_a_prompt_and_of_its_description_is_one_of_them(seed: int) -> None:
    rng = random.Random(seed)
    scene = sample(rng)
    said = carried(prompts(scene, rng, "en"), rng, "en")
    assert words_of([said, describe(scene)]) <= {*OWN}


def test_they_are_sorted_and_each_is_there_once() -> None:
    assert sorted(set(OWN)) == OWN
    assert all(word.isascii() and word.isalpha() and word.islower() for word in OWN)


def test_things_are_there_with_their_synonyms_and_plurals_and_what_stands_between_them() -> None:
    assert {"cat", "kitty", "kitties", "beach", "ocean", "sunset", "violet", "sticker", "lovely", "three"} <= {*OWN}
    assert {"left", "right", "above", "below", "under", "beside", "behind", "inside", "background"} <= {*OWN}
