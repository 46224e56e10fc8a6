"""Sentences as scenes: what is read of where things are."""

from __future__ import annotations

import pytest

from flashpaint.composition.scene import scene_of
from flashpaint.composition.sentence import parsed, place_alone
from flashpaint.composition.wording import ground_words, where
from flashpaint.composition.words import plural, single


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


@pytest.mark.parametrize(
    ("text", "ground", "said"),
    [
        ("a cat on the beach in the rain", {"place": "beach", "weather": "rain"}, " on the beach in the rain"),
        (
            "a fox in the forest at night in the fog",
            {"place": "forest", "time": "night", "weather": "fog"},
            " in the forest at night in the fog",
        ),
        (
            "a bear in falling snow in the city",
            {"place": "city", "weather": "snowfall"},
            " in the city in falling snow",
        ),
        ("on a rainy day, a duck by the lake", {"place": "lake", "weather": "rain"}, " by the lake in the rain"),
        ("下雪天森林里的一只狐狸", {"place": "forest", "weather": "snowfall"}, " in the forest in falling snow"),
        ("雨中公园里的一只猫", {"place": "park", "weather": "rain"}, " in the park in the rain"),
        ("a robot on the moon", {"place": "moon"}, " on the moon"),
        ("a dinosaur in front of a volcano", {"place": "volcano"}, " in front of a volcano"),
        ("火山前的一只恐龙", {"place": "volcano"}, " in front of a volcano"),
        ("a cow on a farm", {"place": "farm"}, " on the farm"),
    ],
)
def test_weather_is_read_beside_the_place_and_the_time(text: str, ground: dict[str, str], said: str) -> None:
    scene = scene_of(parsed(text) or {})
    assert len(scene.things) == 1
    assert scene.background.model_dump(exclude_none=True) == ground
    assert where(ground_words(scene.background, None)) == said


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("two houses", "house"),
        ("three mice", "mouse"),
        ("two octopuses", "octopus"),
        ("two wooden boxes", "wooden box"),
        ("five cookies", "cookie"),
        ("three cherries", "cherry"),
        ("two old men", "old man"),
        ("four horses", "horse"),
    ],
)
def test_several_of_a_thing_are_named_as_one(text: str, name: str) -> None:
    (thing,) = (parsed(text) or {})["things"]
    assert thing["name"] == name


@pytest.mark.parametrize(
    ("text", "style"), [("a cat, neon", "neon"), ("一只猫，蓝图风格", "blueprint"), ("素描的猫", "pencil sketch")]
)
def test_styles_are_called_as_the_painter_calls_them(text: str, style: str) -> None:
    assert (parsed(text) or {})["style"] == style


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("沙滩", ({"place": "beach"}, "")),
        ("日落时的海底世界，卡通", ({"place": "underwater", "time": "sunset"}, "cartoon")),
        ("下雨天的城市", ({"place": "city", "weather": "rain"}, "")),
        ("沙滩上的一只狗", None),
        ("一只狗", None),
        ("a dog on the beach", None),
    ],
)
def test_a_place_alone_is_told_from_a_thing_in_a_place(text: str, found: object) -> None:
    assert place_alone(text) == found


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("a monkey on top of an elephant", "on"),
        ("an elephant with a monkey on it", "on"),
        ("一只猴子坐在一头大象上面", "on"),
        ("大象上的猴子", "on"),
        ("a monkey inside of an elephant", "inside"),
        ("an elephant with a monkey in it", "inside"),
        ("大象里面有一只猴子", "inside"),
        ("a monkey carrying an elephant", "holding"),
        ("an elephant held by a monkey", "holding"),
        ("猴子手里拿着一头大象", "holding"),
        ("抱着大象的猴子", "holding"),
    ],
)
def test_what_touches_is_read_from_either_side(text: str, relation: str) -> None:
    things = (parsed(text) or {})["things"]
    by_name = {thing["name"]: thing for thing in things}
    one, other = ("monkey", "elephant") if text.isascii() else ("猴子", "大象")
    assert by_name.keys() == {one, other}
    assert by_name[one][relation] == [other]
    assert by_name[other].keys() == {"name"}


@pytest.mark.parametrize(
    ("text", "name", "count"),
    [
        ("三位医生", "医生", 3),
        ("两本书", "书", 2),
        ("三明治", "三明治", 1),
        ("一份三明治", "三明治", 1),
        ("头骨", "头骨", 1),
        ("一道彩虹", "彩虹", 1),
        ("帮我生成一幅一件外套的插画", "外套", 1),
        ("three glasses of milk", "glass of milk", 3),
        ("two loaves of bread", "loaf of bread", 2),
    ],
)
def test_measures_count_and_are_no_part_of_the_thing(text: str, name: str, count: int) -> None:
    assert (parsed(text) or {})["things"] == [{"name": name} | ({"count": count} if count > 1 else {})]


@pytest.mark.parametrize("noun", ["mouse", "box", "baby", "glass of milk", "wolf", "old man", "sheep", "bus", "t-rex"])
def test_a_plural_has_its_singular(noun: str) -> None:
    assert single(plural(noun)) == noun


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("at the park a panda", "park", "panda"),
        ("in the desert, two cats", "desert", "cat"),
        ("a cat in the classroom, 8-bit pixel art", "classroom", "cat"),
        ("舞台上出现了一位舞者", "stage", "舞者"),
        ("雨天的湖畔有一只鸭子", "lake", "鸭子"),
    ],
)
def test_a_place_is_read_wherever_it_stands(text: str, place: str, name: str) -> None:
    found = parsed(text) or {}
    assert found["background"]["place"] == place
    assert [thing["name"] for thing in found["things"]] == [name]
