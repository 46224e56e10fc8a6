from __future__ import annotations

from collections.abc import Sequence

from flashpaint import PaintRequest, Studio
from flashpaint.see.concepts import Concepts
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

        def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
            self.seen = sights[0].concepts
            return [Telling("a cat")]

    teller = Curious()
    Studio(studio.seer, teller, studio.painter).paint(PaintRequest("a panda", seed=1, steps=1))
    assert len(teller.seen) == 3
    assert "panda" in teller.seen
