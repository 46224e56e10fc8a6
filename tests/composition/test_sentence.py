"""Sentences as scenes: what is read of where things are."""

from __future__ import annotations

import pytest

from flashpaint.composition.scene import scene_of
from flashpaint.composition.sentence import parsed, place_alone
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
