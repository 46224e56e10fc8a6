"""The process under load, told to stop or killed: whoever was let in hears how it ended, and nothing told is lost."""

from __future__ import annotations

import base64
import io
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from flashpaint.memory.sqlite import SqliteStore
from tests.serve.conftest import Spawned, free_port, spawned

DRAIN_S = 10
LIMITS = ("--at-once", "4", "--max-queue", "8", "--drain", str(DRAIN_S))
GRACE_S = 0.3  # a connection that is made as the server closes its door may be cut without an answer


def whole(content: bytes) -> bool:
    """Raises where the picture is cut off."""
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture.size == (256, 256)


@dataclass
class Load:
    """Clients that ask again and again. answers: (when asked, the answer or what broke the connection)."""

    url: str
    answers: list[tuple[float, httpx2.Response | httpx2.TransportError]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    seeds: Any = field(default_factory=itertools.count)

    def __enter__(self) -> Load:
        for kind in [{}] * 4 + [{"stream": True, "partial_images": 1}] * 3 + [{"response_format": "url"}] * 3:
            self.threads.append(threading.Thread(target=self.ask, args=(kind,)))
            self.threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(DRAIN_S + 10)

    def ask(self, kind: dict[str, Any]) -> None:
        while not self.over.is_set():
            when, seed = time.monotonic(), next(self.seeds)
            body = {"prompt": f"a boat, number {seed}", "steps": 6, "seed": seed, **kind}
            try:
                answer = httpx2.post(f"{self.url}/v1/images/generations", json=body, timeout=60)
            except httpx2.TransportError as broken:
                self.answers.append((when, broken))
                if isinstance(broken, httpx2.ConnectError):
                    return
            else:
                self.answers.append((when, answer))
                time.sleep(0.05 if answer.status_code == 429 else 0)

    def until(self, pictures: int) -> None:
        end = time.monotonic() + 60
        while sum(isinstance(a, httpx2.Response) and a.status_code == 200 for _, a in self.answers) < pictures:
            assert time.monotonic() < end
            time.sleep(0.02)


def ended_well(answer: httpx2.Response) -> bool:
    """A whole picture, or an error that says to come back."""
    if answer.status_code != 200:
        return answer.status_code in (429, 503) and answer.headers["x-should-retry"] == "true"
    if answer.headers["content-type"].startswith("text/event-stream"):
        last = answer.text.rstrip().rpartition("\n\n")[2]
        return last.startswith(("event: image_generation.completed", "event: error")) and "data: {" in last
    row = answer.json()["data"][0]
    return bool(row["url"]) or whole(base64.b64decode(row["b64_json"]))


def test_told_to_stop_under_load_everyone_who_was_let_in_hears_how_it_ended(tmp_path: Path) -> None:
    with spawned(tmp_path, *LIMITS) as server, Load(server.url) as load:
        load.until(8)
        told = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DRAIN_S + 5) == 0
        load.over.set()
        for thread in load.threads:
            thread.join(20)
    answered = [answer for _, answer in load.answers if isinstance(answer, httpx2.Response)]
    assert all(map(ended_well, answered))
    broken = [(when - told, error) for when, error in load.answers if isinstance(error, httpx2.TransportError)]
    assert [(at, error) for at, error in broken if at < -GRACE_S] == []
    assert "Traceback" not in server.log.read_text()


def test_what_was_taken_on_is_finished_and_nothing_new_is(tmp_path: Path) -> None:
    with spawned(tmp_path, "--at-once", "1") as server:
        answers: list[int] = []

        def ask() -> None:
            body = {"prompt": "a sea", "steps": 20, "reuse": "off"}
            answers.append(httpx2.post(f"{server.url}/v1/images/generations", json=body, timeout=30).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]  # one paints, one waits
        for thread in threads:
            thread.start()
        job = httpx2.post(f"{server.url}/api/jobs", json={"prompt": "a job", "steps": 2}, timeout=10).json()
        assert job["state"] == "waiting"
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        with pytest.raises(httpx2.HTTPError):
            httpx2.post(f"{server.url}/v1/images/generations", json={"prompt": "late"}, timeout=5)
        for thread in threads:
            thread.join()
        assert server.process.wait(20) == 0
    said = server.log.read_text()
    assert answers == [200, 200]
    assert "Traceback" not in said
    assert '"status": 202' in said
    assert [entry.prompt for entry in SqliteStore(tmp_path / "memory").entries("")] == ["a job"]


def test_what_outlives_its_time_is_told_to_come_back_and_the_process_goes_on_time(tmp_path: Path) -> None:
    with spawned(tmp_path, "--drain", "1") as server:
        found: list[httpx2.Response] = []

        def ask(**more: Any) -> None:
            body = {"prompt": "a sea", "steps": 200, "reuse": "off", "n": 4, **more}
            found.append(httpx2.post(f"{server.url}/v1/images/generations", json=body, timeout=60))

        threads = [threading.Thread(target=ask), threading.Thread(target=ask, kwargs={"stream": True})]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(6) == 0
        for thread in threads:
            thread.join()
    assert len(found) == 2
    for answer in found:
        assert '"code":"stopping"' in answer.text.replace('": "', '":"')
        assert ended_well(answer)


def acknowledged(load: Load) -> tuple[set[str], list[str]]:
    """(ids in memory, urls) that clients were told of."""
    rows = [
        answer.json()["data"][0]
        for _, answer in load.answers
        if isinstance(answer, httpx2.Response)
        and answer.status_code == 200
        and answer.headers["content-type"] == "application/json"
    ]
    return {row["reuse"]["remembered"] for row in rows} - {""}, [row["url"] for row in rows if row["url"]]


def history(server: Spawned) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := httpx2.get(
        f"{server.url}/api/history",
        params={"number": 100, **({"before": rows[-1]["cursor"]} if rows else {})},
    ).json()["data"]:
        rows += page
    return rows


def test_killed_under_load_nothing_that_was_told_is_lost_and_nothing_half_written_is_shown(tmp_path: Path) -> None:
    with spawned(tmp_path, *LIMITS) as server, Load(server.url) as load:
        load.until(20)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    ids, urls = acknowledged(load)
    assert len(ids) > 5
    assert urls
    with spawned(tmp_path) as again:
        rows = history(again)
        assert ids <= {row["id"] for row in rows}
        for row in rows:
            assert whole(httpx2.get(row["url"]).content)
        for url in urls:
            path = url.removeprefix(server.url)
            assert whole(httpx2.get(again.url + path).content)
        assert (
            httpx2.post(f"{again.url}/v1/images/generations", json={"prompt": "a cat"}, timeout=30).status_code == 200
        )


def test_told_to_stop_while_the_models_load_it_stops_without_a_failure(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "FLASHPAINT_DATA": str(tmp_path), "FLASHPAINT_MEMORY": str(tmp_path / "memory")}
    command = [sys.executable, "-m", "flashpaint.cli", "serve", "--port", str(port)]
    # as the first process of a container, where a signal that nobody handles is lost
    alone = ["unshare", "--pid", "--fork", "--kill-child"] if os.getuid() == 0 and shutil.which("unshare") else []
    process = subprocess.Popen([*alone, *command], env=environment, stderr=subprocess.PIPE)
    try:
        child = process.pid
        while not taken(port):
            assert process.poll() is None
        if alone:
            child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        os.kill(child, signal.SIGTERM)
        said = process.communicate(timeout=30)[1]
        assert process.returncode == 0, said.decode()
    finally:
        process.kill()


def taken(port: int) -> bool:
    """Whether the door is there, before anybody answers at it."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
