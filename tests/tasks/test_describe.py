"""What is seen in a picture, in the words that its clip was taught, on the real mini."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from PIL import Image

from flashpaint import PaintRequest, Studio
from flashpaint.see.seer import Seer
from flashpaint.see.taught import TaughtSeer, presence, teaches
from flashpaint.tasks.describe import COLOURS, PLACES, Described, Phrase, Words, describe, seen

SCENES = [
    ("carrot", "in the forest"),
    ("rabbit", "in a meadow"),
    ("car", "on the road"),
    ("cake", "in the city"),
    ("rocket", "in space"),
    ("fish", "under the sea"),
    ("cactus", "in the desert"),
    ("castle", "in the snowy mountains"),
]


@pytest.fixture(scope="module")
def described(studio: Studio) -> list[Described]:
    asked = [PaintRequest(f"a {thing} {place}", seed=3) for thing, place in SCENES]
    return [describe(studio, painting.picture) for painting in studio.paint_many(asked)]


@pytest.fixture
def taught(studio: Studio) -> Mapping[str, Sequence[str]]:
    assert isinstance(studio.seer, TaughtSeer)
    return studio.seer.taught


def test_most_things_and_all_but_one_place_are_told(described: list[Described]) -> None:
    right = [
        (f"{thing} {place}" in one.text, one.text.endswith(place))
        for (thing, place), one in zip(SCENES, described, strict=True)
    ]
    assert sum(thing for thing, _ in right) >= 6, [one.text for one in described]
    assert sum(place for _, place in right) >= 7, [one.text for one in described]


def test_a_scene_is_the_place_as_a_painter_of_it_is_asked(described: list[Described]) -> None:
    assert described[0].scene == "forest"
    assert described[1].scene == "meadow"


def test_no_word_is_told_that_was_not_taught(described: list[Described], taught: Mapping[str, Sequence[str]]) -> None:
    known = {word for words in taught.values() for name in words for word in name.replace(",", "").split()}
    told = {word for one in described for word in one.text.replace(",", "").split()}
    assert told <= known | {"a", "an", "the", "on", "background"}
    assert {word for one in described for word, _ in one.words} <= {*taught["things"]}
    hits = [thing in [word for word, _ in one.words] for (thing, _), one in zip(SCENES, described, strict=True)]
    assert sum(hits) >= 7, "the nearest things are those that are nearest where they are"


def test_a_plain_ground_of_a_colour_is_told_and_is_no_scene(studio: Studio) -> None:
    picture = studio.paint(PaintRequest("a pizza on a green background", seed=1)).picture
    found = describe(studio, picture)
    assert found.text.endswith("pizza on a green background")
    assert found.scene == ""


def test_a_seer_that_was_taught_nothing_is_asked_for_everyday_words(studio: Studio) -> None:
    looking = Studio(Untaught(studio.seer), studio.teller, studio.painter)
    phrase, words = seen(looking, studio.paint(PaintRequest("a pizza", seed=1)).picture)
    assert phrase.place in PLACES
    assert phrase.colour in COLOURS
    assert "pizza" in [word for word, _ in words]


class Untaught:
    def __init__(self, seer: Seer) -> None:
        self.name, self.dim = seer.name, seer.dim
        self.see_text, self.see_images, self.notes_on = seer.see_text, seer.see_images, seer.notes_on


def test_the_words_are_those_of_the_captions() -> None:
    known = {"things": ["cat"], "tints": ["red"], "place": ["in space"], "time": ["", "at night"]}
    known |= {"ground": ["orange"], "style": ["flat", "sticker"]}
    words = Words.taught(known)
    assert words.place == ("", " in space", " on an orange background")
    assert (list(words.time), words.colour, words.style) == (["", " at night"], ("", "red "), ("", ", sticker"))
    rainy = Words.taught({**known, "weather": ["", "in the rain"]})
    assert list(rainy.time) == ["", " in the rain", " at night", " at night in the rain"]


@pytest.mark.parametrize(
    "text", ["a cat", "an apple", "grapes", "an octopus", "the earth", "fire", "a unicorn", "a bus", "a pine tree"]
)
def test_articles_are_those_of_the_captions(text: str) -> None:
    thing = text.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    assert str(Phrase("", thing, "", "", "")) == text


def test_a_thing_is_as_likely_as_in_the_cell_where_it_is_likeliest() -> None:
    logits = np.zeros((1, 3, 2, 2), np.float32)
    logits[0, 1, 0, 1] = 20
    assert presence(logits) == pytest.approx(np.array([[1 / 3, 1.0]]), abs=1e-6)


def test_the_reader_reads_pictures_of_any_size_and_mode(studio: Studio) -> None:
    picture = studio.paint(PaintRequest("a pizza", seed=1)).picture
    assert isinstance(studio.seer, TaughtSeer)
    likely = studio.seer.likely_things([picture, picture.resize((512, 384)), Image.new("L", (64, 64))])
    assert likely.shape == (3, len(studio.seer.taught["things"]))
    assert studio.seer.taught["things"][int(likely[0].argmax())] == "pizza"
    assert likely.min() >= 0
    assert likely.max() <= 1
    assert teaches(studio.seer._folder)
