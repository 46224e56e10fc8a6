"""Long and many: what 10,000 sockets, a crowd of slow ones and 64 typists leave behind in a process of its own.

The typists type for ten seconds; for two minutes with FLASHPAINT_LONG=1.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import time
from collections.abc import Iterator

import httpx2
import pytest
from websockets.asyncio.client import connect

from tests.serve.conftest import Spawned, spawned

TYPING_S = 120.0 if os.environ.get("FLASHPAINT_LONG") == "1" else 10.0
TYPISTS = 64
FLAT_MB = 40  # what an allocator may hold on to


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawned]:
    with spawned(tmp_path_factory.mktemp("enduring")) as found:
        yield found


def until_few_files(server: Spawned, most: int, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while server.files() > most:
        assert time.monotonic() < end, f"{server.files()} files are open, not {most}"
        time.sleep(0.1)


OPENINGS = (
    b"",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n\r\n{",
    b"\x16\x03\x01 no http at all\r\n\r\n",
    b"GET /live HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
)


def open_and_close(server: Spawned, number: int) -> None:
    """Hardly more than a hundred at once: what a crowd needs, it needs once."""
    few = server.files() + 100
    for k in range(number):
        if k % 100 == 0:
            until_few_files(server, few)
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as one:
            if k % 2:  # half of them are cut, not closed
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.sendall(OPENINGS[k % len(OPENINGS)])


def test_ten_thousand_sockets_that_open_and_close_leave_nothing(server: Spawned) -> None:
    files = server.files()
    open_and_close(server, 1000)  # the first fill pools
    until_few_files(server, files + 10)
    before = server.rss()
    open_and_close(server, 10_000)
    until_few_files(server, files + 10)
    grown = server.rss() - before
    print(f"{grown:+.1f} MB")
    assert grown < FLAT_MB
    assert httpx2.get(f"{server.url}/readyz").status_code == 200
    sockets = next(
        line for line in httpx2.get(f"{server.url}/metrics").text.splitlines() if line.startswith("flashpaint_live_s")
    )
    assert sockets.split()[1] == "0.0"


def test_a_crowd_of_slow_ones_keeps_nobody_from_painting(server: Spawned) -> None:
    crowd = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    try:
        for k, slow in enumerate(crowd):
            slow.sendall(b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\n"[: 5 + k])
        for _ in range(3):
            for slow in crowd:
                slow.sendall(b"x")
            began = time.monotonic()
            answer = httpx2.post(f"{server.url}/v1/images/generations", json={"prompt": "a cat", "steps": 1})
            assert answer.status_code == 200
            assert time.monotonic() - began < 5
    finally:
        for slow in crowd:
            slow.close()


async def type_on(server: Spawned, number: int, until: float) -> tuple[int, int]:
    """(pictures, errors) of one who types a word, sometimes waits for the picture, and sometimes hangs up."""
    finals, errors, words = 0, 0, 0
    while time.monotonic() < until:
        async with connect(f"ws://127.0.0.1:{server.port}/live", max_size=None) as socket_:
            for _ in range(20):
                words += 1
                prompt = f"a boat of typist {number}" + " and another" * (words % 5)
                await socket_.send(json.dumps({"id": words, "prompt": prompt, "steps": 2, "reuse": "off"}))
                try:
                    async with asyncio.timeout(0.2 if words % 3 else 30):
                        kind = await outcome(socket_, words)
                except TimeoutError:
                    continue
                finals, errors = finals + (kind == "final"), errors + (kind == "error")
                if time.monotonic() > until:
                    break
    return finals, errors


async def outcome(socket_: object, number: int) -> str:
    """How the picture of that id ended."""
    async for message in socket_:  # type: ignore[attr-defined]
        if isinstance(message, bytes):
            (length,) = struct.unpack(">I", message[:4])
            message = message[4 : 4 + length]
        header = json.loads(message)
        if header["id"] == number and header["type"] in ("final", "error"):
            return str(header["type"])
    return "closed"


async def crowd_types(server: Spawned, seconds: float) -> list[tuple[int, int]]:
    until = time.monotonic() + seconds
    return [*await asyncio.gather(*(type_on(server, k, until) for k in range(TYPISTS)))]


@pytest.mark.timeout(400)
def test_sixty_four_typists_all_get_pictures_and_memory_stays_flat(server: Spawned) -> None:
    files = server.files()
    asyncio.run(crowd_types(server, 2))  # the first fill pools
    before = server.rss()
    found = asyncio.run(crowd_types(server, TYPING_S))
    until_few_files(server, files + 10)
    grown = server.rss() - before
    print(f"{grown:+.1f} MB")
    assert grown < FLAT_MB
    assert all(finals for finals, _ in found)
    metrics = httpx2.get(f"{server.url}/metrics").text
    errors = [line for line in metrics.splitlines() if line.startswith("flashpaint_errors_total")]
    assert sum(failed for _, failed in found) == 0, errors
