from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashpaint import PaintRequest, Studio
from flashpaint.see.concepts import Concepts
from flashpaint.tell.check import NEAR
from flashpaint.tell.teller import Sight, Telling


def test_minis_clip_finds_the_word_for_what_a_prompt_shows_in_both_languages(studio: Studio) -> None:
    concepts = Concepts(studio.seer)
    assert len(set(concepts.words)) == len(concepts.words) > 300
    found = concepts.near(studio.seer.see_text(["a kitty", "一只熊猫", "太空"]), 5)
    assert [word in near for word, near in zip(("cat", "panda", "space"), found, strict=True)] == [True] * 3


def test_a_teller_that_reads_concepts_is_shown_them_and_others_cost_nothing(studio: Studio) -> None:
    class Curious:
        concepts = 3
        seen: tuple[str, ...] = ()
        near = 0.0

        def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
            self.seen = sights[0].concepts
            assert sights[0].nearness is not None
            self.near = sights[0].nearness("a panda")
            return [Telling("a cat")]

    teller = Curious()
    Studio(studio.seer, teller, studio.painter).paint(PaintRequest("a panda", seed=1, steps=1))
    assert len(teller.seen) == 3
    assert "panda" in teller.seen
    assert teller.near > NEAR


def test_a_description_lies_nearer_to_its_prompt_than_other_words_in_both_languages(studio: Studio) -> None:
    concepts = Concepts(studio.seer)
    assert concepts.read_chinese
    for prompt in ("太空中的一只猫", "a cat in space"):
        nearness = concepts.nearness(prompt, studio.seer.see_text([prompt])[0])
        assert nearness is not None
        assert nearness("a cat in space") > NEAR > nearness("a bus in the city")


def test_a_clip_that_reads_no_chinese_is_not_asked_about_it(studio: Studio) -> None:
    class English:
        name, dim, notes_on, see_images = "english", 8, studio.seer.notes_on, studio.seer.see_images

        def see_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
            read = [sum(map(ord, text)) if text.isascii() else 0 for text in texts]
            rows = np.stack([np.random.default_rng(seed).normal(size=8) for seed in read])
            return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    concepts = Concepts(English())
    z = English().see_text(["a cat"])[0]
    assert concepts.nearness("一只猫", z) is None
    assert concepts.nearness("a cat", z) is not None
