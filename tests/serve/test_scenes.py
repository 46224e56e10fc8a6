"""Scenes over the API: as data or as a sentence, in the prompt's stead."""

from __future__ import annotations

import base64
import io
from typing import Any

import openai
import pytest
from PIL import Image

from tests.serve.conftest import Running

SCENE = {
    "background": {"place": "beach"},
    "things": [{"name": "cat", "left_of": "red car"}, {"name": "car", "colour": "red", "id": "red car"}],
}


def painted(serving: Running, **body: Any) -> Any:
    return serving.client().images.generate(prompt="", n=body.pop("n", 1), extra_body=body).data


def pixels(one: Any) -> bytes:
    return Image.open(io.BytesIO(base64.b64decode(one.b64_json))).convert("RGB").tobytes()


def test_a_scene_is_painted_and_says_its_description(serving: Running) -> None:
    (one,) = painted(serving, scene=SCENE, seed=5)
    assert len(pixels(one)) == 256 * 256 * 3
    assert "cat" in one.revised_prompt
    assert "car" in one.revised_prompt


def test_one_seed_is_one_picture_and_several_are_several(serving: Running) -> None:
    first, second = painted(serving, scene=SCENE, seed=5, n=2)
    assert pixels(first) != pixels(second)
    assert pixels(painted(serving, scene=SCENE, seed=5)[0]) == pixels(first)


@pytest.mark.parametrize("sentence", ["a cat left of a red car on the beach", "左边一只猫，右边一辆红色的汽车"])
def test_a_sentence_becomes_a_scene(serving: Running, sentence: str) -> None:
    (one,) = painted(serving, scene=sentence, seed=3)
    assert "cat" in one.revised_prompt
    assert "car" in one.revised_prompt


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"scene": {"things": []}}, "things"),
        ({"scene": {"things": [{"nam": "cat"}]}}, "name"),
        ({"scene": {"things": [{"name": "cat", "left_of": "dog"}, {"name": "dog", "left_of": "cat"}]}}, "dog"),
        ({"scene": {"things": [{"name": "cat", "count": 200}]}}, "32"),
        ({"scene": SCENE, "canvas": "panorama"}, "flat canvas"),
        ({}, "empty"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_by_name(serving: Running, body: Any, said: str) -> None:
    with pytest.raises(openai.BadRequestError, match=said):
        painted(serving, **body)


def test_a_scene_and_a_prompt_exclude_one_another(serving: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="prompt's stead"):
        serving.client().images.generate(prompt="a dog", extra_body={"scene": SCENE})


def test_a_panorama_comes_twice_as_wide_and_says_so_in_every_format(serving: Running) -> None:
    for kind in ("png", "webp", "jpeg"):
        found = serving.client().images.generate(
            prompt="a meadow", size="512x256", output_format=kind, extra_body={"canvas": "panorama", "describe": False}
        )
        raw = base64.b64decode(found.data[0].b64_json or "")
        assert Image.open(io.BytesIO(raw)).size == (512, 256)
        assert b"equirectangular" in raw
