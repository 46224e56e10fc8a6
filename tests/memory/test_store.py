"""What the store in a folder promises beside the laws of every store: its files, and processes that share it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flashpaint.errors import MemoryDamaged, PictureUnreadable
from flashpaint.memory.sqlite import SqliteStore
from tests.memory.conftest import ended, fill, forked, make_entry, png


def pictures_of(store: SqliteStore) -> list[str]:
    return list(store.files.names())


def test_a_write_that_fails_leaves_nothing(store: SqliteStore) -> None:
    (entry,) = fill(store, 1)
    with pytest.raises(MemoryDamaged):
        store.add(replace(make_entry(2), id=entry.id), png(2), ".png")
    assert pictures_of(store) == [entry.picture]
    assert store.files.scratch() == []
    assert store.statistics().entries == 1


def test_a_row_never_lacks_its_file_even_where_its_removal_fails(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fill(store, 3)

    def fails(*order: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_insert", fails)
    store._db.execute("UPDATE totals SET value = 1 WHERE name = 'budget'")
    with pytest.raises(Exception, match="No space left"):
        store.add(make_entry(4), png(4), ".png")
    real = store._evict
    monkeypatch.undo()
    monkeypatch.setattr(store, "_evict", lambda spare: (real(spare), fails()))
    with pytest.raises(Exception, match="No space left"):
        store.add(make_entry(4), png(4), ".png")
    assert [store.picture(entry) for entry in kept] == [png(1), png(2), png(3)]
    assert len(pictures_of(store)) == 3


def test_a_picture_that_cannot_be_read_now_is_not_given_up(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = fill(store, 1)

    def fails(*order: object) -> bytes:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(PictureUnreadable, match="Too many open files"):
        store.picture(entry)
    monkeypatch.undo()
    assert store.picture(entry) == png(1)


# ---- processes and sums

SECOND = """
import sys, json
from pathlib import Path
from flashpaint.memory.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print(json.dumps([[e.id, e.prompt, len(store.picture(e))] for e in store.entries("ann")]))
store.hit(1, 5)
"""


def test_another_process_sees_what_was_added(store: SqliteStore) -> None:
    kept = fill(store, 3)
    told = subprocess.run([sys.executable, "-c", SECOND, str(store.folder)], capture_output=True, check=True).stdout
    assert json.loads(told) == [[e.id, e.prompt, len(png(e.seq))] for e in reversed(kept)]
    assert store.get([1])[0].hits == 1


def test_processes_may_make_a_store_at_once(tmp_path: Path) -> None:
    def make(n: int) -> None:
        SqliteStore(tmp_path / "new").add(make_entry(n), png(n), ".png")

    for round_ in range(10):
        children = [forked(lambda n=n: make(n)) for n in range(4)]
        assert [ended(child) for child in children] == [0] * 4
        assert SqliteStore(tmp_path / "new").statistics().entries == 4
        shutil.move(tmp_path / "new", tmp_path / f"old {round_}")
