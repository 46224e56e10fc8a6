"""What is backed up while it is written to comes back whole: a folder, and a database with its pictures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flashpaint import PaintRequest, Studio
from flashpaint.memory.files import SCRATCH
from flashpaint.memory.opening import open_end, open_store
from flashpaint.memory.store import Store
from tests.memory.conftest import AnyStore, alike, fill, make_entry, png, postgres  # noqa: F401
from tests.memory.postgres_server import Server
from tests.memory.s3_server import BUCKET, serving

PROMPT = "a cat in space"


def flashpaint(*arguments: object, **variables: str) -> str:
    """What a command prints, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "flashpaint.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **variables},
        timeout=120,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@contextmanager
def writing(open_: Callable[[], AnyStore]) -> Iterator[list[str]]:
    """Entries are added, and some removed again, for as long as this lasts; the ids of those that stayed."""
    stop, first, kept = threading.Event(), threading.Event(), list[str]()

    def write() -> None:
        store, number = open_(), 1000
        while not stop.is_set():
            number += 1
            entry = store.add(make_entry(number, owner="bob"), png(number), ".png")
            if number % 5:
                kept.append(entry.id)
            else:
                store.remove("bob", [entry.id])
            if number > 1010:
                first.set()
        store.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert first.wait(30)
        yield kept
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def there(address: str | Path) -> set[str]:
    return {entry.id for entry, _ in open_end(address).all() if entry is not None}


def all_alike(one: Store, other: Store, owner: str) -> bool:
    pairs = zip(one.entries(owner, number=500), other.entries(owner, number=500), strict=True)
    return all(alike(a, b, but=("seq",)) and one.picture(a) == other.picture(b) for a, b in pairs)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory with a picture that was really painted."""
    folder = tmp_path_factory.mktemp("backed-up") / "memory"
    studio = Studio.open(memory=folder)
    studio.paint(PaintRequest(PROMPT, seed=7))
    studio.close()
    return folder


def synced(pictures: Path, copied: Path) -> None:
    """As docs/operators.md copies a folder that is written to: what has not its name yet is left out, and what is
    forgotten before its turn."""
    for path in sorted(pictures.glob("??/*")):
        if not path.name.startswith(SCRATCH):
            (copied / path.parent.name).mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copy2(path, copied / path.parent.name)


def found_again(memory: str | Path, **variables: str) -> bool:
    """By words, and by an identical request, which paints nothing."""
    by_words = json.loads(flashpaint("search", PROMPT, "--memory", memory, "--json", **variables).splitlines()[0])
    studio = Studio.open(memory=memory)
    again = studio.paint(PaintRequest(PROMPT, seed=7))
    studio.close()
    return by_words["prompt"] == PROMPT and again.reuse.kind == "identical"


@pytest.mark.parametrize("way", ["export", "copy"])
def test_a_folder_is_backed_up_while_it_is_written_to_and_restored(way: str, painted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    shutil.copytree(painted, folder)
    fill(open_store(folder), 20)
    backup, restored = tmp_path / ("memory.zip" if way == "export" else "backup"), tmp_path / "restored"
    with writing(lambda: open_store(folder)) as kept:
        before = there(folder) & {*kept} | {entry.id for entry in open_store(folder).entries("ann", number=500)}
        for _ in range(2):  # a second time, over the first
            if way == "export":
                flashpaint("memory", "--memory", folder, "export", backup, "--overwrite")
            else:
                flashpaint("memory", "copy", folder, backup)
    shutil.move(folder, tmp_path / "lost")
    if way == "export":
        flashpaint("memory", "--memory", restored, "import", backup)
    else:
        flashpaint("memory", "--memory", backup, "verify")
        flashpaint("memory", "copy", backup, restored)
    assert "nothing is damaged" in flashpaint("memory", "--memory", restored, "verify")
    assert len(before) > 25
    assert before <= there(restored)
    assert all_alike(open_store(tmp_path / "lost"), open_store(restored), "ann")
    assert found_again(restored)


def test_a_restored_folder_may_be_larger_than_a_new_one(tmp_path: Path) -> None:
    memory = tmp_path / "restored"
    flashpaint("paint", "a cat", "--steps", 1, "--memory", memory, "--out", tmp_path / "cat.png")
    assert "4.00 GB" in flashpaint("memory", "--memory", memory, "budget", "4GB")


class Database:
    """One of the test server's own, and its tools."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    @property
    def url(self) -> str:
        return f"postgresql://painter@127.0.0.1:{self.server.port}/{self.name}"

    def memory(self, pictures: object) -> str:
        return f"{self.url}?pictures={pictures}"

    def tool(self, program: str, *arguments: object) -> None:
        connect = ["--host=127.0.0.1", f"--port={self.server.port}", "--username=painter"]
        run = subprocess.run(
            [self.server.bin / program, *connect, *map(str, arguments)], capture_output=True, text=True, timeout=120
        )
        assert run.returncode == 0, run.stderr


@pytest.fixture
def databases(postgres: Server, request: pytest.FixtureRequest) -> Iterator[tuple[Database, Database]]:  # noqa: F811
    """One to lose, and the name of one to restore."""
    made = Database(postgres, "art"), Database(postgres, "art_restored")
    if not (postgres.bin / "pg_dump").exists():
        pytest.skip(f"there is no pg_dump beside the server in {postgres.bin}")
    made[0].tool("createdb", "art")
    yield made
    for one in made:
        one.tool("dropdb", "--if-exists", "--force", one.name)


def test_a_database_is_dumped_while_it_is_written_to_and_restored_with_its_pictures(
    databases: tuple[Database, Database], painted: Path, tmp_path: Path
) -> None:
    lost, again = databases
    address = lost.memory(tmp_path / "pictures")
    flashpaint("memory", "copy", painted, address)
    fill(open_store(address), 20)
    dump = tmp_path / "art.dump"
    with writing(lambda: open_store(address)):
        before = {entry.id for owner in ("ann", "bob") for entry in open_store(address).entries(owner, number=500)}
        lost.tool("pg_dump", "--format=custom", f"--file={dump}", "--dbname=art")
        synced(tmp_path / "pictures", tmp_path / "copied")  # after the dump: each of its rows has its picture
    one = open_store(address)
    again.tool("createdb", "art_restored")
    again.tool("pg_restore", "--exit-on-error", "--no-owner", "--dbname=art_restored", dump)
    restored = again.memory(tmp_path / "copied")
    assert before <= there(restored)
    assert all_alike(one, open_store(restored), "ann")
    added = open_store(restored).add(make_entry(5000), png(5000), ".png")  # and it goes on
    assert open_store(restored).entries("ann", number=1)[0].id == added.id
    assert found_again(restored)
    told = flashpaint("memory", "copy", restored, tmp_path / "folder")
    assert " 0 damaged" in told
    assert "nothing is damaged" in flashpaint("memory", "--memory", tmp_path / "folder", "verify")


def test_a_database_with_an_object_store_is_copied_to_a_folder_and_back(
    databases: tuple[Database, Database], painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in serving(monkeypatch):
        lost, again = databases
        address = lost.memory(f"s3://{BUCKET}/art")
        flashpaint("memory", "copy", painted, address)
        flashpaint("memory", "copy", address, tmp_path / "backup")
        flashpaint("memory", "--memory", tmp_path / "backup", "verify")
        again.tool("createdb", "art_restored")
        restored = again.memory(f"s3://{BUCKET}/restored")
        flashpaint("memory", "copy", tmp_path / "backup", restored)
        assert there(restored) == there(address) != set()
        assert found_again(restored)
