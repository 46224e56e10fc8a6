"""Scene files: what is read, what is refused and how that is told, and the published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flashpaint.composition.scene import as_yaml, read_scene, schema
from flashpaint.errors import OutOfRange

SCHEMA = Path(__file__).parents[2] / "docs" / "scene.schema.json"
SCENE = """
background: {place: road, time: night}
things:
  - {name: cat, count: 2, on: car}
  - {name: car, colour: red, box: [0.2, 0.5, 0.8, 1]}
style: cartoon
seed: 3
"""


def test_the_published_schema_is_current() -> None:
    assert SCHEMA.read_text("utf-8") == schema(), "write flashpaint.composition.scene.schema() there"


def test_a_scene_reads_alike_from_yaml_json_and_its_own_yaml() -> None:
    scene = read_scene(SCENE)
    assert read_scene(scene.model_dump_json()) == scene
    assert read_scene(as_yaml(scene)) == scene
    assert scene.things[0].on == ("car",), "`on` is a key, not YAML 1.1's true"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("things: [{name: cat, leftof: car}, {name: car}]", "things.1.leftof': did you mean 'left_of'"),
        ("backgruond: {}\nthings: [{name: cat}]", "did you mean 'background'"),
        ("background: {tmie: night}\nthings: [{name: cat}]", "did you mean 'time'"),
        ("things: [{name: cat, left_of: kar}, {name: car}]", "there is no 'kar': did you mean 'car'"),
        ("things: [{name: cat, left_of: cat}]", "no relation to itself"),
        ("things: [{name: cat}, {name: cat}]", "an id of its own"),
        ("things: [{name: cat, count: 200}]", "200 things: 32 are the most"),
        ("things: []", "no things"),
        ("things: [{name: cat, count: 0}]", "things.1.count"),
        ("things: [{name: cat, box: [0.5, 0, 0.5, 1]}]", "no size"),
        ("things: [{name: cat, box: [0, 0, 2, 1]}]", "things.1.box.3: input should be less than or equal to 1"),
        ("things: [{name: cat, depth: .nan}]", "things.1.depth"),
        ("background: {place: road, colour: red}\nthings: [{name: cat}]", "not both"),
        ("things: &a [*a]", "aliases"),
        ("things: [", "no YAML"),
        ("things: !!python/object/apply:os.system [ls]", "no YAML"),
        ("a cat", "a scene is a mapping"),
        ("[" * 5000, "no YAML"),
        ("x" * 200_000, "100000 are the most"),
    ],
)
def test_what_is_no_scene_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(OutOfRange) as refused:
        read_scene(text)
    assert told in refused.value.message


def test_an_unknown_key_is_refused_by_the_schema_too() -> None:
    found = json.loads(schema())
    assert found["additionalProperties"] is False
    assert found["$defs"]["Thing"]["additionalProperties"] is False
