"""clip's text tower remembers what it read, and nothing else of it changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.models import text_tower
from flashpaint.models.folder import EMBEDDED, ModelFolder
from flashpaint.models.text_tower import TextTower, open_text_tower

FOLDER = ModelFolder.open(EMBEDDED["mini"])
TEXTS = ["a cat", "a dog in space", "一只猫", "", "a very long text " * 20]


def fresh() -> TextTower:
    return TextTower(FOLDER.file("tokenizer.json"), FOLDER.file("clip_text.onnx"), FOLDER.manifest.clip.context)


@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.lists(st.sampled_from(TEXTS), max_size=3))
def test_a_text_reads_the_same_whatever_was_read_before_or_beside_it(texts: list[str], before: list[str]) -> None:
    tower, alone = fresh(), fresh()
    if before:
        tower.read(before)
    found = tower.read(texts)
    for k, text in enumerate(texts):
        for name, row in alone.read([text]).items():
            np.testing.assert_array_equal(found[name][k], row[0], err_msg=name)


def test_no_more_texts_are_kept_than_that() -> None:
    tower = fresh()
    for k in range(text_tower.KEPT // 64 + 2):
        tower.read([f"{k} {n}" for n in range(64)])
    assert len(tower._read) == text_tower.KEPT


def test_more_texts_at_once_than_are_kept_are_all_read() -> None:
    texts = [str(k) for k in range(text_tower.KEPT + 10)]
    assert len(fresh().read(texts)["pooled"]) == len(texts)


def test_what_is_given_out_may_be_changed() -> None:
    tower = fresh()
    found = tower.read(["a cat"])
    found["pooled"][:] = 0
    assert np.abs(tower.read(["a cat"])["pooled"]).max() > 0


def test_seer_and_painter_share_one() -> None:
    assert open_text_tower(FOLDER) is open_text_tower(ModelFolder.open("mini"))
