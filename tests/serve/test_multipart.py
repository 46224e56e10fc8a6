"""Forms that no honest client sends: broken boundaries, floods of parts, and file names that point elsewhere."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.serve.conftest import Running, png

EDITS = "/v1/images/edits"
PNG = png(Image.new("RGB", (64, 64), "red"))
FORM = {"content-type": "multipart/form-data; boundary=x"}


def part(name: str, content: bytes, file: str | None = None) -> bytes:
    named = f'form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")
    return f"--x\r\nContent-Disposition: {named}\r\n\r\n".encode() + content + b"\r\n"


GOOD = part("prompt", b"a cat") + part("steps", b"1") + part("image", PNG, "a.png")
END = b"--x--\r\n"


def post(server: Running, body: bytes, headers: dict[str, str] = FORM) -> httpx2.Response:
    return server.http().post(EDITS, content=body, headers=headers)


def test_the_form_that_the_others_are_spoilt_from_is_good(serving: Running) -> None:
    assert post(serving, GOOD + END).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(END, id="no parts"),
        pytest.param(GOOD[:200], id="cut off in the picture"),
        pytest.param(b"--y\r\n\r\n--y--\r\n", id="another boundary"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n" + END, id="a part without a name"),
        pytest.param(b"--x\r\n\r\na\r\n" + END, id="a part without headers"),
        pytest.param(b"--x\r\n" + b"A" * 100_000 + b": b\r\n\r\na\r\n" + END, id="a huge header"),
        pytest.param(b"--x\r\n" + b"a: b\r\n" * 10_000 + b"\r\na\r\n" + END, id="a flood of headers"),
        pytest.param(b"".join(part(f"f{k}", b"1") for k in range(1000)) + END, id="a flood of fields"),
        pytest.param(b"".join(part("image[]", b"1", "a") for _ in range(1000)) + END, id="a flood of files"),
        pytest.param(part("prompt", b"a" * 2_000_000) + END, id="a huge field"),
        pytest.param(part("extend" + "[a]" * 500, b"1") + END, id="deep brackets"),
        pytest.param(part("extend[", b"1") + END, id="an open bracket"),
        pytest.param(GOOD + part("prompt", b"a dog") + END, id="a field twice"),
        pytest.param(part("prompt", b"a") + part("image", b"a.png") + END, id="a picture as text"),
        pytest.param(part("prompt", b"a", "prompt.txt") + part("image", PNG, "a") + END, id="text as a file"),
        pytest.param(GOOD + part("mask", PNG, "m.png") + part("mask", PNG, "m.png") + END, id="two masks"),
        pytest.param(GOOD.replace(b'"image"', b'"\r\nimage"') + END, id="a line break in a name"),
    ],
)
def test_a_spoilt_form_is_refused_in_our_own_shape(serving: Running, body: bytes) -> None:
    answer = post(serving, body)
    assert answer.status_code in (400, 413), answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "said",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 10_000,
        'multipart/form-data; boundary="x',
        "multipart/form-data; boundary=x; charset=nonsense",
    ],
)
def test_a_content_type_that_is_half_one_breaks_nothing(serving: Running, said: str) -> None:
    answer = post(serving, GOOD + END, {"content-type": said})
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or answer.json()["error"]["message"]


NAMES = [
    "../../keys.json",
    "..\\..\\keys.json",
    "/etc/passwd",
    "C:\\Windows\\win.ini",
    "secret",
    "%2e%2e%2fkeys.json",
    "a" * 5000,
    "猫.png",
    "a\x00.png",
    "|sh",
    "",
]


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name[:20]) for name in NAMES])
def test_what_a_file_is_called_changes_nothing_on_the_server(serving: Running, name: str) -> None:
    folder = serving.service.settings.folder
    before = contents(folder)
    answer = post(serving, part("prompt", b"a cat") + part("steps", b"1") + part("image", PNG, name) + END)
    assert answer.status_code in (200, 400), answer.text
    assert contents(folder) == before
    assert serving.http().get("/healthz").status_code == 200


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
