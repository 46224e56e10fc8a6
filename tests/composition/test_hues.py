"""A thing's colour in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.composition.hues import bare, coloured, hue, named, recoloured, spoken, untinted
from flashpaint.composition.scene import Scene, Thing, scene_of
from flashpaint.composition.sentence import parsed
from flashpaint.composition.tint import TINTS

NOUNS = ("a car", "an apple", "cherries", "the earth", "a palm tree", "a unicorn", "an orange")


def scene(text: str) -> Scene:
    return scene_of(parsed(text))


def hues(found: Scene) -> dict[str, str | None]:
    return {thing.name: hue(thing) for thing in found.things}


@given(st.sampled_from(NOUNS), st.sampled_from(sorted(TINTS)), st.sampled_from(sorted(TINTS)))
def test_a_colour_that_is_put_on_comes_off_again_and_is_there_once(text: str, colour: str, other: str) -> None:
    assert untinted(coloured(text, colour), colour) == text
    assert coloured(coloured(text, colour), colour) == coloured(text, colour)
    if other != colour:
        assert untinted(coloured(text, colour), other) == coloured(text, colour)
    assert coloured(text, None) == untinted(text, None) == text


def test_articles_follow_the_colour() -> None:
    assert coloured("an apple", "green") == "a green apple"
    assert coloured("a car", "orange") == "an orange car"
    assert (coloured("cherries", "blue"), coloured("the earth", "red")) == ("blue cherries", "the red earth")


def test_what_is_turned_is_told_without_its_colour_and_what_is_not_with_it() -> None:
    assert bare(Thing(name="apple", colour="green")) == "an apple"
    assert bare(Thing(name="苹果", colour="绿色")) == "苹果"
    assert bare(Thing(name="cat", colour="white")) == "a white cat"
    assert bare(Thing(name="cat", colour="red", description="a cat with a hat")) == "a cat with a hat"


ASKED = [
    ("a green apple", {"apple": "green"}),
    ("green apple", {"apple": "green"}),
    ("a violet car", {"car": "purple"}),
    ("a bright green apple and a dark-blue car", {"apple": "green", "car": "blue"}),
    ("a big red car", {"big car": "red"}),
    ("the dinosaur is red", {"dinosaur": "red"}),
    ("a dinosaur in light blue on the beach", {"dinosaur": "blue"}),
    ("a chair painted yellow next to a cat", {"chair": "yellow", "cat": None}),
    ("three pink balloons", {"balloon": "pink"}),
    ("a white cat", {"cat": None}),
    ("an orange", {"orange": None}),
    ("一个绿色的苹果", {"苹果": "green"}),
    ("绿色苹果", {"苹果": "green"}),
    ("一辆深红色的汽车", {"汽车": "red"}),
    ("红的苹果和一把天蓝色的椅子", {"苹果": "red", "椅子": "blue"}),
    ("一只可爱的红色的恐龙", {"可爱的恐龙": "red"}),
    ("恐龙是绿色的", {"恐龙": "green"}),
    ("粉色背景，一个黄色的礼物", {"礼物": "yellow"}),
    ("给我一个橘色的气球", {"气球": "orange"}),
    ("海边的一辆红色的卡车", {"卡车": "red"}),
    ("沙漠里有一辆蓝色的汽车", {"汽车": "blue"}),
]


@pytest.mark.parametrize(("text", "wanted"), ASKED, ids=[text for text, _ in ASKED])
def test_the_colour_of_each_thing_is_read(text: str, wanted: dict[str, str | None]) -> None:
    assert hues(scene(text)) == wanted


def test_a_ground_of_a_colour_is_no_colour_of_a_thing() -> None:
    found: Any = parsed("请给我看粉色背景两个气球")
    assert found == {"background": {"colour": "pink"}, "things": [{"name": "气球", "count": 2}]}


def test_colours_are_heard_in_both_languages() -> None:
    assert spoken("the dinosaur, which is Violet") == {"purple"}
    assert spoken("一个红苹果在黄昏的海滩上") == {"red"}
    assert spoken("a hundred greenhouses") == set()


LOST = [
    ("a green apple", "an apple", {"apple": "green"}),
    ("a purple apple", "an apple on a purple background", {"apple": "purple"}),
    ("a yellow apple", "a yellow apple and a yellow apple", {"apple": "yellow"}),
    ("a pink apple", "an apple and a pink apple", {"apple": "pink"}),
    ("a red car and a cat", "a car and a red cat", {"car": "red", "cat": None}),
    ("a red car and a cat", "a cat and a car", {"car": "red", "cat": None}),
    ("a red car and a cat", "a dog and a bus", {"dog": None, "bus": None}),
    ("a car and a cat", "a red car and a cat", {"car": "red", "cat": None}),
    ("an orange desert", "an orange in the desert", {"orange": None}),
]


@pytest.mark.parametrize(("asked", "told", "wanted"), LOST)
def test_a_colour_that_is_lost_or_moved_in_telling_comes_back(
    asked: str, told: str, wanted: dict[str, str | None]
) -> None:
    found = recoloured(scene(told), scene(asked), {})
    assert hues(found) == wanted
    assert found.background.colour is None


def test_things_are_known_by_what_they_are_told_as() -> None:
    found = recoloured(scene("a bus and a cat"), scene("a red coach and a kitten"), {"a coach": "bus"})
    assert hues(found) == {"bus": "red", "cat": None}


def test_a_colour_that_was_not_read_is_taken_from_the_telling_if_it_is_named() -> None:
    asked = Scene(things=(Thing(name="something that is red, a car"), Thing(name="cat")))
    told = {"a something that is red, a car": "a red car", "a cat": "a red cat"}
    assert [hue(thing) for thing in named(asked, told).things] == ["red", None]
