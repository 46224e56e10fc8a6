"""Sentences as scenes: what is read of where things are."""

from __future__ import annotations

import pytest

from flashpaint.composition.scene import scene_of
from flashpaint.composition.sentence import parsed
from flashpaint.composition.wording import ground_words, where


@pytest.mark.parametrize(
    ("text", "ground", "said"),
    [
        ("a horse under the sea", "underwater", " under the sea"),
        ("i want an elephant under the ocean", "underwater", " under the sea"),
        ("dolphin, underwater", "underwater", " under the sea"),
        ("a dolphin under water, cartoon", "underwater", " under the sea"),
        ("海底的一匹马", "underwater", " under the sea"),
        ("a ship on the sea at night", "sea, night", " on the sea at night"),
        ("a ship by the sea", "sea", " on the sea"),
    ],
)
def test_what_is_under_the_sea_is_not_on_it(text: str, ground: str, said: str) -> None:
    scene = scene_of(parsed(text) or {})
    assert [thing.count for thing in scene.things] == [1]
    assert (ground_words(scene.background, None), where(ground)) == (ground, said)
