"""Every error in OpenAI's shape: what is wrong, of which field, and whether to come back."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from flashpaint.errors import OutputUnwritable, PaintingFailed
from flashpaint.painting import Event, Progress
from flashpaint.serve.problems import problem_of
from flashpaint.serve.schemas import Generation
from tests.serve.conftest import Running, png

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("prompt", {"prompt": ""}),
    ("prompt", {"prompt": "a" * 2001}),
    ("prompt", {"prompt": 7}),
    ("size", {"size": "1024x1024"}),
    ("size", {"size": "large"}),
    ("size", {"size": "0x256"}),
    ("n", {"n": 0}),
    ("n", {"n": 11}),
    ("n", {"n": "many"}),
    ("quality", {"quality": "best"}),
    ("background", {"background": "transparent"}),
    ("output_format", {"output_format": "gif"}),
    ("output_format", {"output_format": "svg"}),
    ("output_compression", {"output_compression": 101, "output_format": "jpeg"}),
    ("output_compression", {"output_compression": 50}),
    ("partial_images", {"partial_images": 4, "stream": True}),
    ("partial_images", {"partial_images": 1}),
    ("response_format", {"response_format": "bytes"}),
    ("response_format", {"response_format": "url", "stream": True}),
    ("moderation", {"moderation": "none"}),
    ("style", {"style": "grim"}),
    ("complexity", {"complexity": "low"}),
    ("frame_count", {"frame_count": 2}),
    ("svg", {"svg": {"model": "x"}}),
    ("seed", {"seed": -1}),
    ("seed", {"seed": "seven"}),
    ("steps", {"steps": 0}),
    ("guidance_scale", {"guidance_scale": 99}),
    ("sampler", {"sampler": "magic"}),
    ("schedule", {"schedule": "late"}),
    ("sigmas", {"sigmas": [0, 1]}),
    ("loras", {"loras": {"ink": 1}}),
    ("reuse", {"reuse": "maybe"}),
    ("describe", {"describe": "perhaps"}),
    ("strength", {"strength": 0.5}),
    ("fish", {"fish": 1}),
]


@pytest.mark.parametrize(("param", "fields"), REFUSED, ids=[f"{p}={json.dumps(f)[:40]}" for p, f in REFUSED])
def test_a_refused_field_is_named(serving: Running, param: str, fields: dict[str, Any]) -> None:
    answer = serving.http().post("/v1/images/generations", json={"prompt": "a cat", **fields})
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert error["code"]
    assert answer.headers["x-should-retry"] == "false"


def test_the_client_reads_an_error_whole(serving: Running) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        serving.client().images.generate(prompt="a cat", size="1024x1024")
    assert (caught.value.param, caught.value.code) == ("size", "size_unsupported")
    assert caught.value.request_id
    assert "128 to 512 in steps of 16" in caught.value.message


def test_an_unknown_model_is_not_found(serving: Running) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        serving.client().images.generate(prompt="a cat", model="dall-e-9")
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "not_found"),
        ("GET", "/v1/models/nothing", {}, 404, "model_not_found"),
        ("GET", "/v1/images/generations", {}, 405, "method_not_allowed"),
        ("POST", "/v1/images/generations", {"content": b"a=1", "headers": {"content-type": "text/plain"}}, 415, None),
        ("POST", "/v1/images/generations", {"content": b"{"}, 400, "invalid_json"),
        ("POST", "/v1/images/generations", {"content": b"[]"}, 400, "invalid_json"),
        ("POST", "/v1/images/generations", {"content": b" " * 2_000_000}, 413, "too_large"),
        ("POST", "/v1/images/generations", {"json": {}}, 400, "missing_required_parameter"),
        ("POST", "/v1/images/edits", {"content": b"a", "headers": {"content-type": "text/plain"}}, 415, None),
        ("POST", "/v1/images/variations", {"json": {"prompt": "a"}}, 415, "unsupported_media_type"),
        ("POST", "/v1/images/edits", {"data": {"prompt": "a"}, "files": {"x": b"1"}}, 400, "unknown_parameter"),
        ("GET", "/api/history?number=1000", {}, 400, "invalid_value"),
        ("GET", "/api/jobs/job-none", {}, 404, "not_found"),
        ("GET", "/pictures/..%2f..%2fetc%2fpasswd", {}, 404, "not_found"),
        ("GET", "/pictures/x.png", {}, 403, "url_invalid"),
    ],
)
def test_every_answer_that_is_no_picture_has_the_same_shape(
    serving: Running, method: str, path: str, given: dict[str, Any], status: int, code: str | None
) -> None:
    if "content" in given:
        given = {"headers": {"content-type": "application/json"}, **given}
    answer = serving.http().request(method, path, **given)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert code is None or answer.json()["error"]["code"] == code
    assert answer.headers["x-request-id"]


def test_a_request_id_that_is_given_comes_back(serving: Running) -> None:
    assert serving.http().get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert serving.http().get("/healthz", headers={"x-request-id": "a b\tc"}).headers["x-request-id"] != "a b\tc"


def bomb() -> bytes:
    """A small file that says it is 30,000 pixels wide and high."""
    content = bytearray(png(Image.new("1", (16, 16))))
    content[16:24] = (30_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("image", "status"),
    [
        pytest.param(b"no picture at all", 400, id="no picture"),
        pytest.param(b"GIF89a" + b"0" * 100, 400, id="a gif"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"0" * 100, 400, id="a broken png"),
        pytest.param(bomb(), 413, id="a bomb"),
        pytest.param(b"", 400, id="nothing"),
    ],
)
def test_an_upload_that_is_no_picture_is_refused_by_name(serving: Running, image: bytes, status: int) -> None:
    answer = serving.http().post(
        "/v1/images/edits", data={"prompt": "a"}, files={"image": ("../../x.png", image, "image/png")}
    )
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == "image"


def test_a_truncated_upload_is_refused(serving: Running, picture: bytes) -> None:
    answer = serving.http().post(
        "/v1/images/edits", data={"prompt": "a"}, files={"image": picture[: len(picture) // 2]}
    )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image")


def test_a_mask_of_another_size_is_refused(serving: Running, picture: bytes) -> None:
    small = png(Image.new("RGBA", (64, 64), (0, 0, 0, 0)))
    answer = serving.http().post("/v1/images/edits", data={"prompt": "a"}, files={"image": picture, "mask": small})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "mask")


def test_more_uploads_than_allowed_are_refused(serving: Running, picture: bytes) -> None:
    files = [("image[]", picture)] * 18
    assert serving.http().post("/v1/images/edits", data={"prompt": "a"}, files=files).status_code == 400
    assert serving.http().post("/v1/images/edits", data={"prompt": "a"}, files=files[:2]).status_code == 400


def test_what_breaks_unforeseen_is_500_without_its_insides(serving: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Event]:
        raise RuntimeError("secret insides")

    monkeypatch.setattr(serving.service.studio, "stream", broken)
    answer = serving.http().post("/v1/images/generations", json={"prompt": "a cat"})
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("/home/ann/memory/x.png could not be written", "… could not be written"),
        ("no room in '/data/store': free some", "no room in '…': free some"),
        (r"C:\Users\ann\x.png is gone", "… is gone"),
        ("give 1/2 or 3/4, and/or euler", "give 1/2 or 3/4, and/or euler"),
    ],
)
def test_no_error_says_where_things_lie_on_the_server(said: str, told: str) -> None:
    assert problem_of(OutputUnwritable(said)).message == told


def test_a_stream_that_fails_midway_ends_with_an_error(serving: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[Event]:
        def events() -> Iterator[Event]:
            yield Progress("denoise", 1, 4)
            raise PaintingFailed("the engine failed on this picture")

        return events()

    monkeypatch.setattr(serving.service.studio, "stream", broken)
    with pytest.raises(openai.APIError, match="the engine failed"):
        list(serving.client().images.generate(prompt="a cat", stream=True))
    with pytest.raises(openai.InternalServerError) as caught:
        serving.client().images.generate(prompt="a cat")
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_picture_with_sides_that_mini_does_not_paint_is_fitted_and_said(serving: Running) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), "red").save(out, "JPEG")
    found = serving.client().images.edit(image=out.getvalue(), prompt="a cat", extra_body={"steps": 2}).data[0]
    assert any("300x200" in note for note in found.notes)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted({*Generation.model_fields} - {"steps", "n", "stream"})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_nothing_that_is_sent_breaks_the_server(serving: Running, fields: dict[str, Any]) -> None:
    body = json.dumps({"prompt": "a cat", "steps": 1, "reuse": "off", **fields}).encode()
    headers = {"content-type": "application/json"}
    answer = serving.http().post("/v1/images/generations", content=body, headers=headers)
    assert answer.status_code in (200, 400, 404), answer.text
    assert answer.status_code == 200 or answer.json()["error"]["param"] in fields
