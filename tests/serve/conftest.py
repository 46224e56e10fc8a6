"""Real servers on free ports, with the real mini model: one for most laws, others with settings of their own."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest
from PIL import Image

from flashpaint import Studio
from flashpaint.serve.server import Server, server
from flashpaint.serve.service import Service
from flashpaint.serve.settings import Settings


@dataclass
class Running:
    """A server in a thread."""

    server: Server
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def service(self) -> Service:
        return self.server.service

    def client(self, key: str = "anything", **given: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, **{"max_retries": 0, **given})

    def http(self, key: str | None = None) -> httpx2.Client:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=60)

    def until(self, wanted: Callable[[Service], bool], seconds: float = 10) -> None:
        """Wait for the service to be so."""
        end = time.monotonic() + seconds
        while not wanted(self.service):
            assert time.monotonic() < end, "it never came to that"
            time.sleep(0.005)


@contextmanager
def running(studio: Studio, folder: Path, **settings: Any) -> Iterator[Running]:
    made = server(studio, Settings(folder=folder, **{"port": 0, **settings}))
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        end = time.monotonic() + 60
        while not (made.started and made.service.ready):
            assert thread.is_alive()
            assert time.monotonic() < end, "it never got ready"
            time.sleep(0.01)
        yield Running(made, made.servers[0].sockets[0].getsockname()[1])
    finally:
        made.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@dataclass
class Spawned:
    """`flashpaint serve` in a process of its own. log: all that it wrote, once it has ended."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rss(self) -> float:
        """Resident memory in MB."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def files(self) -> int:
        """File descriptors that are open."""
        return psutil.Process(self.process.pid).num_fds()


@contextmanager
def spawned(folder: Path, *options: str) -> Iterator[Spawned]:
    """Ready. folder: its data and memory, which it may have from an earlier one."""
    port, log = free_port(), folder / "log"
    environment = {**os.environ, "FLASHPAINT_DATA": str(folder), "FLASHPAINT_MEMORY": str(folder / "memory")}
    command = [sys.executable, "-m", "flashpaint.cli", "serve", "--port", str(port), *options]
    with log.open("ab") as out:
        process = subprocess.Popen(command, env=environment, stderr=out)
    found = Spawned(process, port, log)
    try:
        until_ready(found.url)
        yield found
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def until_ready(url: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError("it never got ready")


@pytest.fixture(scope="session")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return Studio.open(memory=tmp_path_factory.mktemp("remembered"))


@pytest.fixture(scope="session")
def serving(remembering: Studio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """As `flashpaint serve` does, without keys, on loopback."""
    with running(remembering, tmp_path_factory.mktemp("served")) as found:
        yield found


@pytest.fixture
def another(remembering: Studio, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Servers with settings of their own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(remembering, tmp_path, **settings))


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def picture() -> bytes:
    return png(Image.linear_gradient("L").convert("RGB").resize((256, 256)))


@pytest.fixture(scope="session")
def mask() -> bytes:
    """Its middle is transparent: to be edited."""
    found = Image.new("RGBA", (256, 256), "black")
    found.paste((0, 0, 0, 0), (64, 64, 192, 192))
    return png(found)
