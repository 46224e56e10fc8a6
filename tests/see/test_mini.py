from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from flashpaint import PaintRequest, Studio
from flashpaint.models.folder import ModelFolder
from flashpaint.see.mini import MiniSeer
from flashpaint.see.opening import open_seer


def test_a_folder_of_minis_type_is_opened_where_it_lies_and_named_by_its_version(model_copy: Path) -> None:
    seer = open_seer(model_copy, ModelFolder.open("mini"))
    assert isinstance(seer, MiniSeer)
    assert seer.name.startswith("mini ")


def test_features_are_unit_vectors_and_do_not_depend_on_their_batch(studio: Studio) -> None:
    texts = ["a cat in space", "太空中的一只猫", "a red car on the road"]
    z = studio.seer.see_text(texts)
    assert z.shape == (3, studio.seer.dim)
    assert np.allclose(np.linalg.norm(z, axis=1), 1, atol=1e-4)
    assert np.allclose(z[1], studio.seer.see_text(texts[1:2])[0], atol=1e-4)


def test_the_two_languages_meet(studio: Studio) -> None:
    english, chinese, other = studio.seer.see_text(["a cat in space", "太空中的一只猫", "a bus in the city"])
    assert english @ chinese > 0.8 > english @ other


def test_a_painting_looks_more_like_its_own_words_than_like_others(studio: Studio) -> None:
    texts = ["a cat in space", "a red strawberry", "a tree in a meadow", "a fish under the sea"]
    pictures = [p.picture for p in studio.paint_many([PaintRequest(t, seed=1) for t in texts])]
    likeness = studio.seer.see_images(pictures) @ studio.seer.see_text(texts).T
    assert (likeness.argmax(1) == np.arange(4)).mean() >= 0.75


def test_pictures_of_any_size_and_mode_are_seen(studio: Studio) -> None:
    z = studio.seer.see_images([Image.new("RGBA", (31, 400)), Image.new("L", (1, 1)), Image.new("P", (640, 480))])
    assert z.shape == (3, studio.seer.dim)
    assert np.isfinite(z).all()
