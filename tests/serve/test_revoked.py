"""A key that is revoked opens nothing any more, and closes what it had opened: sockets, streams, waits and jobs."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from flashpaint.serve.keys import Keys
from tests.serve.conftest import Running

Another = Callable[..., Running]
LONG = {"steps": 200, "reuse": "off"}
UPGRADE = (
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
SOON_S = 3  # within seconds, whatever the client does


@pytest.fixture
def server(another: Another, tmp_path: Path) -> tuple[Running, Keys, str]:
    """One where two have keys: (server, keys, ann's)."""
    keys = Keys(tmp_path)
    keys.add("bob", ["generate"])
    return another(), keys, keys.add("ann", ["generate"])


def live(server: Running, key: str) -> ClientConnection:
    offered: Any = ["flashpaint", f"flashpaint-key.{key}"]
    return connect(f"ws://127.0.0.1:{server.port}/live", subprotocols=offered)


def heard_until_closed(typist: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """(texts, close code)."""
    said = []
    try:
        while True:
            message = typist.recv(timeout=SOON_S)
            if isinstance(message, str):
                said.append(json.loads(message))
    except ConnectionClosed as closed:
        return said, closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("painting", [True, False])
def test_a_socket_closes_within_seconds_of_its_keys_revocation(
    server: tuple[Running, Keys, str], painting: bool
) -> None:
    running, keys, ann = server
    with live(running, ann) as typist:
        if painting:
            typist.send(json.dumps({"id": 1, "prompt": "a sea", **LONG}))
            running.until(lambda service: service.line.painting == 1)
        keys.revoke("ann")
        said, code = heard_until_closed(typist)
    assert code == 1008
    assert said[-1]["error"]["code"] == "invalid_api_key"
    running.until(lambda service: service.line.painting == 0, 2)


def test_who_reads_nothing_is_closed_too(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", running.port))
        offered = f"sec-websocket-protocol: flashpaint, flashpaint-key.{ann}\r\n"
        deaf.sendall(f"GET /live HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}{offered}\r\n".encode())
        running.until(lambda service: service.metrics.sockets._value.get() == 1)
        for number in range(40):  # more pictures than buffers hold
            text = json.dumps({"id": number, "prompt": f"a noisy sea {number}", "steps": 1, "reuse": "off"}).encode()
            deaf.sendall(bytes([0x81, 0xFE]) + struct.pack(">H", len(text)) + bytes(4) + text)
            time.sleep(0.1)
        keys.revoke("ann")
        running.until(lambda service: service.metrics.sockets._value.get() == 0, 30)


def test_a_new_key_of_the_same_name_does_not_keep_the_old_ones_socket(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    with live(running, ann) as typist:
        keys.revoke("ann")
        keys.add("ann", ["generate"])
        assert heard_until_closed(typist)[1] == 1008


def test_the_last_key_of_a_server_closes_its_socket_too(another: Another, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    ann = keys.add("ann", ["generate"])
    with live(another(), ann) as typist:
        keys.revoke("ann")  # from now on this server asks for none, but the socket would still be ann's
        assert heard_until_closed(typist)[1] == 1008


def test_a_socket_without_a_key_closes_once_keys_are_asked_for(another: Another, tmp_path: Path) -> None:
    server = another()
    with connect(f"ws://127.0.0.1:{server.port}/live") as typist:
        Keys(tmp_path).add("ann", ["generate"])
        assert heard_until_closed(typist)[1] == 1008


def test_a_stream_ends_with_an_error_and_its_picture_is_called_off(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    stream = running.client(ann).images.generate(prompt="a sea", stream=True, partial_images=3, extra_body=LONG)
    running.until(lambda service: service.line.painting == 1)
    keys.revoke("ann")
    began = time.monotonic()
    with pytest.raises(openai.APIError, match="revoked"):
        list(stream)
    assert time.monotonic() - began < SOON_S
    running.until(lambda service: service.line.painting == 0, 2)


def test_a_request_that_waits_is_told_so(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    caught: list[openai.APIStatusError] = []

    def ask() -> None:
        with pytest.raises(openai.AuthenticationError) as found:
            running.client(ann).images.generate(prompt="a sea", extra_body=LONG)
        caught.append(found.value)

    thread = threading.Thread(target=ask)
    thread.start()
    running.until(lambda service: service.line.painting == 1)
    keys.revoke("ann")
    thread.join(SOON_S)
    assert [error.code for error in caught] == ["invalid_api_key"]


def test_a_job_is_called_off(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    assert running.http(ann).post("/api/jobs", json={"prompt": "a sea", **LONG}).status_code == 202
    running.until(lambda service: service.line.painting == 1)
    keys.revoke("ann")
    running.until(lambda service: service.line.painting == 0, SOON_S)


def test_others_paint_on(server: tuple[Running, Keys, str]) -> None:
    running, keys, ann = server
    with live(running, ann) as typist:
        keys.revoke("bob")
        time.sleep(1.5)
        typist.send(json.dumps({"id": 1, "prompt": "a cat", "steps": 1}))
        while not isinstance(message := typist.recv(timeout=5), bytes) or b'"type": "final"' not in message:
            assert '"error"' not in str(message)[:100]
