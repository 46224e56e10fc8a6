"""The official `openai` client against a real server: what it may ask, and what it gets."""

from __future__ import annotations

import asyncio
import base64
import io
from collections import Counter
from typing import Any

import httpx2
import openai
import pytest
from PIL import Image, ImageChops, ImageStat

from flashpaint.marks import SOURCE_TYPE
from tests.serve.conftest import Running

QUICK = {"steps": 1, "reuse": "off"}


def opened(b64: str | None) -> Image.Image:
    picture = Image.open(io.BytesIO(base64.b64decode(b64 or "")))
    picture.load()
    return picture


def test_a_prompt_becomes_a_picture_with_its_seed_and_description(serving: Running) -> None:
    found = serving.client().images.generate(prompt="太空中的一只猫", extra_body=QUICK)
    one = found.data[0]
    assert opened(one.b64_json).size == (256, 256)
    assert one.revised_prompt == "a cat in space"
    assert isinstance(one.seed, int)
    assert one.steps == 1
    assert one.reuse["kind"] == "none"
    assert one.timings["total"] > 0
    assert (found.size, found.output_format, found.background) == ("256x256", "png", "opaque")
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens


def test_the_same_seed_paints_the_same_picture_and_several_seeds_count_up(serving: Running) -> None:
    client = serving.client()
    fields = {"steps": 2, "reuse": "off"}
    two = client.images.generate(prompt="a dog", n=2, extra_body={**fields, "seed": 5}).data
    again = client.images.generate(prompt="a dog", extra_body={**fields, "seed": 6}).data[0]
    assert [one.seed for one in two] == [5, 6]
    first, second, alone = (opened(one.b64_json) for one in (*two, again))
    assert apart(second, alone) < 4 < apart(first, second)  # a batch rounds otherwise than one alone


def apart(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of two pictures, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3


def test_a_stream_has_partial_pictures_and_ends_completed(serving: Running) -> None:
    events = list(
        serving.client().images.generate(
            prompt="a red car", stream=True, partial_images=2, extra_body={"steps": 4, "reuse": "off"}
        )
    )
    assert [event.type.partition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert all(opened(event.b64_json).size == (256, 256) for event in events)
    assert events[-1].usage.total_tokens > 0
    assert events[-1].revised_prompt


def test_a_warm_start_shows_partial_pictures_too(serving: Running) -> None:
    ask = serving.client().images.generate
    for seed in range(3):
        ask(prompt="a sailboat on the sea", extra_body={"seed": seed})
    events = list(
        ask(prompt="a sailboat on the sea", stream=True, partial_images=1, extra_body={"seed": 99, "reuse": "auto"})
    )
    assert events[-1].reuse["skipped"] > 0
    assert len(events) == (2 if events[-1].steps - events[-1].reuse["skipped"] > 1 else 1)


def test_a_stream_of_several_tells_which_picture_each_event_is_of(serving: Running) -> None:
    events = serving.client().images.generate(
        prompt="a red car", n=2, stream=True, partial_images=1, extra_body={"steps": 2, "reuse": "off"}
    )
    counted = Counter((event.type.partition(".")[2], event.image_index) for event in events)
    assert counted == dict.fromkeys([("partial_image", 0), ("partial_image", 1), ("completed", 0), ("completed", 1)], 1)


def test_the_async_client_gets_answers_and_streams(serving: Running) -> None:
    async def ask() -> tuple[Any, list[Any]]:
        async with openai.AsyncOpenAI(base_url=f"{serving.url}/v1", api_key="x") as client:
            stream = await client.images.generate(prompt="a tree", stream=True, extra_body=QUICK)
            return await client.images.generate(prompt="a tree", extra_body=QUICK), [event async for event in stream]

    found, events = asyncio.run(ask())
    assert opened(found.data[0].b64_json).size == (256, 256)
    assert [event.type for event in events] == ["image_generation.completed"]


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg"])
def test_every_format_says_that_a_machine_made_it(serving: Running, kind: str) -> None:
    found = serving.client().images.generate(prompt="a boat", output_format=kind, extra_body=QUICK).data[0]
    picture = opened(found.b64_json)
    assert picture.format == kind.upper()
    assert SOURCE_TYPE in str(picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp"))
    assert ("parameters" in picture.info) == (kind == "png")


def test_compression_makes_a_smaller_file(serving: Running) -> None:
    ask = serving.client().images.generate
    sizes = [
        len(
            ask(prompt="a boat", output_format="jpeg", output_compression=level, extra_body={**QUICK, "seed": 1})
            .data[0]
            .b64_json
        )
        for level in (20, 90)
    ]
    assert sizes[0] < sizes[1]


def test_a_url_opens_the_picture_without_a_key(serving: Running) -> None:
    found = serving.client().images.generate(prompt="a boat", response_format="url", extra_body=QUICK).data[0]
    assert found.b64_json is None
    answer = httpx2.get(found.url)
    assert answer.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (256, 256)


@pytest.mark.parametrize("many", [False, True], ids=["one file", "a list"])
def test_what_a_mask_keeps_is_kept_to_the_bit(serving: Running, picture: bytes, mask: bytes, many: bool) -> None:
    found = serving.client().images.edit(
        image=[picture] if many else picture, mask=mask, prompt="a cat", n=1, extra_body={"steps": 2}
    )
    before, after = Image.open(io.BytesIO(picture)), opened(found.data[0].b64_json)
    for box in ((0, 0, 256, 60), (0, 200, 256, 256), (0, 0, 60, 256)):
        assert before.crop(box).tobytes() == after.crop(box).tobytes()
    middle = (96, 96, 160, 160)
    assert before.crop(middle).tobytes() != after.crop(middle).tobytes()


def test_an_edit_by_strength_streams(serving: Running, picture: bytes) -> None:
    events = list(
        serving.client().images.edit(
            image=("cat.png", picture, "application/octet-stream"),
            prompt="a cat",
            stream=True,
            partial_images=1,
            extra_body={"steps": 4, "strength": 0.5},
        )
    )
    assert events[-1].type == "image_edit.completed"
    assert {event.type for event in events[:-1]} <= {"image_edit.partial_image"}


def test_an_edit_may_extend_the_picture_or_follow_an_instruction(serving: Running, picture: bytes) -> None:
    edit = serving.client().images.edit
    wider = edit(image=picture, prompt="a meadow", extra_body={"steps": 2, "extend": {"left": 64, "right": 64}})
    assert opened(wider.data[0].b64_json).size == (256, 256)
    assert any("384x256" in note or "shrunk" in note for note in wider.data[0].notes)
    night = edit(image=picture, prompt="make it night", extra_body={"steps": 2, "instruct": True})
    assert opened(night.data[0].b64_json).tobytes() != opened(wider.data[0].b64_json).tobytes()


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("extend", {"extend": {"up": 3}}),
        ("left", {"extend": {"left": -3}}),
        ("extend", {"extend": {"left": 3}, "instruct": True}),
        ("strength", {"strength": 0}),
        ("input_fidelity", {"input_fidelity": "total"}),
        ("style", {"style": "vivid"}),
        ("n", {"n": "two"}),
        ("stream", {"stream": "maybe"}),
    ],
)
def test_a_refused_field_of_an_edit_is_named(
    serving: Running, picture: bytes, param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        serving.client().images.edit(image=picture, prompt="a cat", extra_body=fields)
    assert caught.value.param == param


def test_nested_fields_of_a_form_come_in_brackets(serving: Running, picture: bytes) -> None:
    found = serving.client().images.edit(image=picture, prompt="a cat", extra_body={"sigmas": [1.0, 0.5, 0.0]})
    assert found.data[0].steps == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_variation_is_another_picture(serving: Running, picture: bytes) -> None:
    found = serving.client().images.create_variation(image=picture, n=1, extra_body={"steps": 2}).data[0]
    assert opened(found.b64_json).tobytes() != Image.open(io.BytesIO(picture)).tobytes()


def test_models_are_listed_and_found(serving: Running) -> None:
    models = serving.client().models
    assert "mini" in [model.id for model in models.list()]
    assert models.retrieve("mini").object == "model"


def test_an_identical_request_with_a_seed_is_answered_from_memory(serving: Running) -> None:
    ask = serving.client().images.generate
    first, second = (ask(prompt="a lighthouse at night", extra_body={"seed": 11, "steps": 2}).data[0] for _ in "ab")
    assert second.reuse["kind"] == "identical"
    assert opened(first.b64_json).tobytes() == opened(second.b64_json).tobytes()


def test_quality_says_the_steps(serving: Running) -> None:
    ask = serving.client().images.generate
    own = ask(prompt="a tree", extra_body={"reuse": "off"}).data[0].steps
    assert ask(prompt="a tree", quality="low", extra_body={"reuse": "off"}).data[0].steps == own // 2
    assert ask(prompt="a tree", quality="low", extra_body=QUICK).data[0].steps == 1
