"""/live: as one types, the newest prompt wins."""

from __future__ import annotations

import io
import json
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from flashpaint.serve.keys import Keys
from flashpaint.serve.live import Outbox
from tests.serve.conftest import Running

Frame = tuple[dict[str, Any], bytes]


def address(server: Running) -> str:
    return f"ws://127.0.0.1:{server.port}/live"


def read(message: str | bytes) -> Frame:
    """(header, picture): a picture's frame, or a text as a header without one."""
    if isinstance(message, str):
        return json.loads(message), b""
    (length,) = struct.unpack(">I", message[:4])
    return json.loads(message[4 : 4 + length]), message[4 + length :]


def frames(socket: ClientConnection, until: Callable[[dict[str, Any]], bool]) -> list[Frame]:
    found: list[Frame] = []
    while not found or not until(found[-1][0]):
        found.append(read(socket.recv(timeout=20)))
    return found


def finals(header: dict[str, Any]) -> bool:
    return header["type"] in ("final", "error")


@pytest.fixture
def socket(serving: Running) -> Iterator[ClientConnection]:
    with connect(address(serving)) as found:
        yield found


def say(socket: ClientConnection, **fields: Any) -> None:
    socket.send(json.dumps({"reuse": "off", **fields}))


def test_a_prompt_is_told_previewed_and_painted(socket: ClientConnection) -> None:
    say(socket, id=7, prompt="太空中的一只猫", steps=4)
    found = frames(socket, finals)
    kinds = [header["type"] for header, _ in found]
    assert {"told", "progress", "preview", "final"} <= set(kinds)
    assert {header["id"] for header, _ in found} == {7}
    for header, content in found:
        if header["type"] in ("preview", "final"):
            assert Image.open(io.BytesIO(content)).size == (256, 256)
    final = found[-1][0]
    assert final["revised_prompt"] == "a cat in space"
    assert final["media_type"] == "image/png"
    assert isinstance(final["seed"], int)


def test_the_newest_prompt_wins_and_stale_work_is_called_off(serving: Running, socket: ClientConnection) -> None:
    cancelled = serving.service.metrics.cancelled._value.get()
    for number in range(5):
        say(socket, id=number, prompt=f"a cat {'very ' * number}small", steps=200)
        time.sleep(0.05)
    say(socket, id=5, prompt="a dog", steps=2)
    began = time.monotonic()
    found = frames(socket, finals)
    assert (found[-1][0]["type"], found[-1][0]["id"]) == ("final", 5)
    assert time.monotonic() - began < 5
    assert [header["id"] for header, _ in found if header["type"] == "final"] == [5]
    serving.until(lambda service: service.line.painting == 0, 2)
    assert serving.service.metrics.cancelled._value.get() - cancelled >= 5


def test_a_picture_can_be_called_off(serving: Running, socket: ClientConnection) -> None:
    say(socket, id=1, prompt="a cat", steps=200)
    frames(socket, lambda header: header["type"] == "progress")
    socket.send(json.dumps({"type": "cancel", "id": 1}))
    frames(socket, lambda header: header["type"] == "cancelled")
    serving.until(lambda service: service.line.painting == 0, 2)


def test_hanging_up_calls_off(serving: Running) -> None:
    with connect(address(serving)) as socket:
        say(socket, prompt="a cat", steps=200)
        frames(socket, lambda header: header["type"] == "progress")
    serving.until(lambda service: service.line.painting == 0, 2)
    assert serving.service.metrics.sockets._value.get() == 0


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("no json", None),
        ("[]", None),
        ('{"id": 3}', "prompt"),
        ('{"id": 3, "prompt": ""}', "prompt"),
        ('{"id": 3, "prompt": "a", "fish": 1}', "fish"),
        ('{"id": 3, "prompt": "a", "size": "9x9"}', "size"),
        ('{"id": 3, "prompt": "a", "n": 2}', "n"),
    ],
)
def test_what_cannot_be_painted_is_told_and_the_socket_stays(
    socket: ClientConnection, message: str, param: str | None
) -> None:
    socket.send(message)
    header = frames(socket, finals)[-1][0]
    assert header["error"]["param"] == param
    say(socket, prompt="a cat", steps=1)
    assert frames(socket, finals)[-1][0]["type"] == "final"


def test_a_slow_reader_never_has_more_than_one_message_of_each_kind_waiting() -> None:
    outbox = Outbox()
    for step in range(100):
        outbox.put("preview", bytes([step]))
        outbox.put("progress", str(step))
    outbox.put("final", b"picture")
    assert outbox._waiting == {"preview": bytes([99]), "progress": "99", "final": b"picture"}
    outbox.stale()
    assert outbox._waiting == {"final": b"picture"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_a_page_elsewhere_gets_no_socket(serving: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(address(serving), origin=origin)  # type: ignore[arg-type]
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "origin_refused"


def test_its_own_page_gets_one(serving: Running) -> None:
    with connect(address(serving), origin=serving.url) as socket:  # type: ignore[arg-type]
        say(socket, prompt="a cat", steps=1)
        assert frames(socket, finals)[-1][0]["type"] == "final"


def test_a_browser_sends_its_key_as_a_protocol(another: Callable[..., Running], tmp_path: Path) -> None:
    secret = Keys(tmp_path).add("ann", ["generate"])
    server = another()
    with pytest.raises(InvalidStatus) as caught:
        connect(address(server))
    assert caught.value.response.status_code == 401
    with connect(address(server), subprotocols=["flashpaint", f"flashpaint-key.{secret}"]) as socket:  # type: ignore[list-item]
        assert socket.subprotocol == "flashpaint"
        say(socket, prompt="a cat", steps=1)
        assert frames(socket, finals)[-1][0]["type"] == "final"


def test_a_socket_hears_that_the_server_stops(another: Callable[..., Running]) -> None:
    server = another()
    with connect(address(server)) as socket:
        say(socket, prompt="a cat", steps=200)
        frames(socket, lambda header: header["type"] == "progress")
        server.server.should_exit = True
        with pytest.raises(ConnectionClosed) as caught:
            frames(socket, lambda _: False)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1012  # come back: it restarts
