"""POST /v1/images/edits as JSON: pictures as data: URLs, and nothing is ever fetched."""

from __future__ import annotations

import base64
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.serve.conftest import Running, png
from tests.serve.test_errors import bomb

EDITS = "/v1/images/edits"
QUICK = {"prompt": "a cat", "steps": 2, "seed": 3}


def data_url(content: bytes, kind: str = "image/png") -> dict[str, str]:
    return {"image_url": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def pixels(answer: dict[str, Any]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"]))))


def test_json_paints_what_the_form_paints(serving: Running, picture: bytes, mask: bytes) -> None:
    http = serving.http()
    said = http.post(EDITS, json={**QUICK, "images": [data_url(picture)], "mask": data_url(mask)})
    form = http.post(EDITS, data={k: str(v) for k, v in QUICK.items()}, files={"image": picture, "mask": mask})
    assert said.status_code == 200, said.text
    assert (pixels(said.json()) == pixels(form.json())).all()
    before = np.asarray(Image.open(io.BytesIO(picture)))
    assert (pixels(said.json())[:60] == before[:60]).all()


def test_json_streams(serving: Running, picture: bytes) -> None:
    body = {**QUICK, "steps": 8, "stream": True, "partial_images": 1, "images": [data_url(picture)]}
    lines = serving.http().post(EDITS, json=body).text.splitlines()
    events = [line for line in lines if line.startswith("event:")]
    assert events == ["event: image_edit.partial_image", "event: image_edit.completed"]


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """(a picture's url on another server of this machine, the paths that were asked of it)."""
    asked: list[str] = []

    class Asked(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{other.server_port}/cat.png", asked
        other.shutdown()


@pytest.mark.parametrize("named", ["image_url", "mask"])
def test_no_url_is_fetched(serving: Running, picture: bytes, elsewhere: tuple[str, list[str]], named: str) -> None:
    url, asked = elsewhere
    body = {**QUICK, "images": [data_url(picture)], named: {"image_url": url}}
    if named == "image_url":
        body = {**QUICK, "images": [{"image_url": url}]}
    answer = serving.http().post(EDITS, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == ("images" if named == "image_url" else "mask")
    assert "data:" in answer.json()["error"]["message"]
    assert asked == []


PNG = png(Image.new("RGB", (64, 64), "red"))
ONE = data_url(PNG)


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("images", {}),
        ("images", {"images": []}),
        ("images", {"images": "x"}),
        ("images", {"images": ["x"]}),
        ("images", {"images": [ONE, ONE]}),
        ("images", {"images": [{"file_id": "file-1"}]}),
        ("images", {"images": [{**ONE, "file_id": "file-1"}]}),
        ("images", {"images": [{"image_url": 7}]}),
        ("images", {"images": [{"image_url": "file:///etc/passwd"}]}),
        ("images", {"images": [{"image_url": "data:image/png,abc"}]}),
        ("images", {"images": [{"image_url": "data:image/png;base64,@@@"}]}),
        ("images", {"images": [{"image_url": "data:image/png;base64,AAAA"}]}),
        ("images", {"images": [{"image_url": "data:image/svg+xml;base64,PHN2Zz4="}]}),
        ("images", {"images": [data_url(PNG[:50])]}),
        ("mask", {"images": [ONE], "mask": "x"}),
        ("mask", {"images": [ONE], "mask": [ONE, ONE]}),
        ("mask", {"images": [ONE], "mask": {"file_id": "file-1"}}),
        ("mask", {"images": [ONE], "mask": data_url(png(Image.new("RGBA", (16, 16), (0, 0, 0, 0))))}),
        ("markup", {"images": [ONE], "markup": ONE}),
        ("image", {"image": ONE}),
        ("fish", {"images": [ONE], "fish": 1}),
        ("prompt", {"images": [ONE], "prompt": ""}),
    ],
)
def test_what_json_cannot_say_is_refused_by_name(serving: Running, param: str, fields: dict[str, Any]) -> None:
    answer = serving.http().post(EDITS, json={**QUICK, **fields})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_the_limits_of_the_form_hold(another: Callable[..., Running], picture: bytes) -> None:
    http = another(upload_bytes=2000, upload_pixels=1000).http()
    for content in (bomb(), png(Image.effect_noise((64, 64), 50)), PNG):
        answer = http.post(EDITS, json={**QUICK, "images": [data_url(content)]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
        assert answer.json()["error"]["param"] == "images"
    small = png(Image.new("RGB", (30, 30), "red"))
    assert http.post(EDITS, json={**QUICK, "images": [data_url(small)]}).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"\xff\xfe", b'{"a":' * 5000])
def test_what_is_no_json_object_is_refused(serving: Running, body: bytes) -> None:
    answer = serving.http().post(EDITS, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_several_pictures_in_one_edit_are_refused_and_not_reduced_to_the_first(serving: Running) -> None:
    answer = serving.http().post(EDITS, data=QUICK, files=[("image[]", PNG), ("image[]", PNG)])
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "image")
    assert "send one" in answer.json()["error"]["message"]


def test_a_markup_is_refused_by_name(serving: Running) -> None:
    answer = serving.http().post(EDITS, data=QUICK, files={"image": PNG, "markup": PNG})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "markup")
    assert "mask" in answer.json()["error"]["message"]
