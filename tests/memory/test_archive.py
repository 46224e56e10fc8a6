from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flashpaint.errors import MemoryDamaged, OutputUnwritable
from flashpaint.memory import archive as archives
from flashpaint.memory.archive import ENTRIES, Imported, export_memory, import_memory
from flashpaint.memory.sqlite import SqliteStore
from flashpaint.memory.verify import verify
from tests.memory.conftest import SCOPE, alike, fill, make_entry, png


@pytest.fixture
def exported(store: SqliteStore, tmp_path: Path) -> Path:
    fill(store, 12)
    fill(store, 6, first=20, owner="bob", latents=None)
    export_memory(store.folder, tmp_path / "memory.zip")
    return tmp_path / "memory.zip"


@pytest.fixture
def other(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "other")


def changed(path: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]], how: int = zipfile.ZIP_STORED) -> Path:
    """The archive, with each of its parts replaced by what `change` makes of it."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(path.with_name("changed.zip"), "w", how) as new:
        for name in old.namelist():
            for told in change(name, old.read(name)):
                new.writestr(*told)
    return path.with_name("changed.zip")


def with_lines(path: Path, change: Callable[[dict], dict]) -> Path:
    def lines(name: str, content: bytes) -> list[tuple[str, bytes]]:
        if name != ENTRIES:
            return [(name, content)]
        first, *rest = content.splitlines()
        return [(name, b"\n".join([first, *(json.dumps(change(json.loads(line))).encode() for line in rest)]))]

    return changed(path, lines)


def test_what_was_exported_comes_back_whole(store: SqliteStore, exported: Path, other: SqliteStore) -> None:
    assert import_memory(exported, other) == Imported(18, 0, 0)
    for owner in ("ann", "bob"):
        mine, theirs = store.entries(owner), other.entries(owner)
        assert all(alike(a, b, but=("seq",)) for a, b in zip(mine, theirs, strict=True))
        assert [store.picture(a) for a in mine] == [other.picture(b) for b in theirs]
    assert not verify(other.folder).damaged


def test_uses_are_counted_anew_and_dates_are_kept(store: SqliteStore, other: SqliteStore, tmp_path: Path) -> None:
    old = store.add(make_entry(1, created=1e9), png(1), ".png")
    store.hit(old.seq, 5)
    assert export_memory(store.folder, tmp_path / "memory.zip") == 1
    import_memory(tmp_path / "memory.zip", other)
    (found,) = other.entries("ann")
    assert (found.created, found.hits, other.statistics().steps_saved) == (1e9, 0, 0)


def test_an_import_that_was_stopped_goes_on(
    exported: Path, other: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = other.add, [5]

    def stops(*order: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*order)

    monkeypatch.setattr(other, "add", stops)
    with pytest.raises(KeyboardInterrupt):
        import_memory(exported, other)
    monkeypatch.undo()
    assert import_memory(exported, other) == Imported(13, 5, 0)
    assert import_memory(exported, other) == Imported(0, 18, 0)
    assert not list(other.folder.glob(".importing-*"))


def test_only_the_owners_entries_leave(store: SqliteStore, exported: Path, other: SqliteStore, tmp_path: Path) -> None:
    assert export_memory(store.folder, tmp_path / "bobs.zip", owner="bob") == 6
    import_memory(tmp_path / "bobs.zip", other)
    assert len(other.entries("bob")) == 6
    assert not other.entries("ann")
    with zipfile.ZipFile(tmp_path / "bobs.zip") as opened:
        assert len(opened.namelist()) == 8
        assert b"ann" not in opened.read(ENTRIES)


def test_an_export_is_of_one_moment(store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, real, came = fill(store, 10), archives.line_of, []

    def meanwhile(entry: object) -> object:
        came.append(store.add(make_entry(100 + len(came)), png(100 + len(came)), ".png"))
        store.remove("ann", [kept[-1].id])
        return real(entry)

    monkeypatch.setattr(archives, "line_of", meanwhile)
    assert export_memory(store.folder, tmp_path / "memory.zip") == 9  # but for the one whose file is gone
    ids = {e["id"] for e in map(json.loads, zipfile.ZipFile(tmp_path / "memory.zip").read(ENTRIES).splitlines()[1:])}
    assert ids == {entry.id for entry in kept[:-1]}


def test_the_budget_holds_on_import(exported: Path, tmp_path: Path) -> None:
    small = SqliteStore(tmp_path / "small", budget=8000)
    assert import_memory(exported, small).added == 18
    assert small.statistics().bytes <= 8000
    assert 0 < small.statistics().entries < 18


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_archive_is_refused_whole(exported: Path, other: SqliteStore, share: float) -> None:
    content = exported.read_bytes()
    exported.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(MemoryDamaged, match="no whole export"):
        import_memory(exported, other)
    assert other.statistics().entries == 0


def without_arrays(name: str, content: bytes) -> list[tuple[str, bytes]]:
    return [] if name.startswith("arrays") else [(name, content)]


def garbage_arrays(name: str, content: bytes) -> list[tuple[str, bytes]]:
    return [(name, b"\xff" * 40 if name.startswith("arrays") else content)]


def without_entries(name: str, content: bytes) -> list[tuple[str, bytes]]:
    return [] if name == ENTRIES else [(name, content)]


def newer(name: str, content: bytes) -> list[tuple[str, bytes]]:
    return [(name, content.replace(b'"version":1', b'"version":2') if name == ENTRIES else content)]


def last_line_cut(name: str, content: bytes) -> list[tuple[str, bytes]]:
    return [(name, content[:-30] if name == ENTRIES else content)]


@pytest.mark.parametrize("change", [without_arrays, garbage_arrays, without_entries, newer, last_line_cut])
def test_a_foreign_archive_is_refused_whole(exported: Path, other: SqliteStore, change: Callable[..., list]) -> None:
    with pytest.raises(MemoryDamaged, match="no whole export"):
        import_memory(changed(exported, change), other)
    assert other.statistics().entries == 0


@pytest.mark.parametrize("content", [b"", b"no zip", png(1)])
def test_what_is_no_zip_is_refused(tmp_path: Path, other: SqliteStore, content: bytes) -> None:
    (tmp_path / "odd.zip").write_bytes(content)
    for path in (tmp_path / "odd.zip", tmp_path / "missing.zip", tmp_path):
        with pytest.raises(MemoryDamaged, match="no whole export"):
            import_memory(path, other)


def test_a_flipped_byte_costs_one_entry_and_no_more(exported: Path, other: SqliteStore) -> None:
    content = bytearray(exported.read_bytes())
    content[content.index(b"\x89PNG") + 40] ^= 0xFF
    exported.write_bytes(content)
    assert import_memory(exported, other) == Imported(17, 0, 1)


def test_arrays_that_are_not_what_was_written_are_left_out(exported: Path, other: SqliteStore) -> None:
    def flipped(name: str, content: bytes) -> list[tuple[str, bytes]]:
        return [(name, content[:-1] + bytes([content[-1] ^ 1]) if name.startswith("arrays") else content)]

    assert import_memory(changed(exported, flipped), other) == Imported(17, 0, 1)


def test_a_bomb_is_refused_before_it_is_read(exported: Path, other: SqliteStore) -> None:
    def bomb(name: str, content: bytes) -> list[tuple[str, bytes]]:
        return [(name, content), (f"pictures/{'0' * 64}.png", bytes(10**7))] if name == ENTRIES else [(name, content)]

    packed = changed(exported, bomb, zipfile.ZIP_DEFLATED)
    assert packed.stat().st_size < 10**5
    with pytest.raises(MemoryDamaged, match="compressed"):
        import_memory(packed, other)


def test_a_picture_larger_than_its_row_says_is_left_out(exported: Path, other: SqliteStore) -> None:
    first = [True]

    def smaller(line: dict) -> dict:
        return {**line, "bytes": 10} if first and first.pop() else line

    assert import_memory(with_lines(exported, smaller), other) == Imported(17, 0, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"picture": "../" * 20 + "etc/passwd"},
        {"picture": "/etc/passwd"},
        {"picture": f"{'0' * 64}.png/../../x"},
        {"id": "../x"},
        {"scope": {"owner": "ann"}},
        {"seed": 2**64},
        {"surplus": 1},
    ],
    ids=str,
)
def test_odd_lines_are_refused_and_names_are_never_paths(exported: Path, other: SqliteStore, change: dict) -> None:
    with pytest.raises(MemoryDamaged, match="no whole export"):
        import_memory(with_lines(exported, lambda line: {**line, **change}), other)
    assert other.statistics().entries == 0


def test_an_entry_cannot_be_given_to_another_owner(exported: Path, other: SqliteStore) -> None:
    stolen = with_lines(exported, lambda line: {**line, "scope": {**SCOPE.__dict__, "owner": "eve"}})
    assert import_memory(stolen, other) == Imported(0, 0, 18)


def test_features_of_another_length_are_left_out(store: SqliteStore, other: SqliteStore, tmp_path: Path) -> None:
    store.add(make_entry(1, features={"prompt": np.full(32, 9, np.float16)}), png(1), ".png")
    export_memory(store.folder, tmp_path / "memory.zip")
    assert import_memory(tmp_path / "memory.zip", other) == Imported(0, 0, 1)


def test_an_export_appears_whole_or_not_at_all(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "memory.zip").write_bytes(b"the last one")

    def full(*order: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "save_file", full)
    with pytest.raises(OutputUnwritable, match="No space left"):
        export_memory(store.folder, tmp_path / "out" / "memory.zip")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["memory.zip"]
    assert (tmp_path / "out" / "memory.zip").read_bytes() == b"the last one"


def test_an_empty_memory_can_be_exported_and_imported(store: SqliteStore, other: SqliteStore, tmp_path: Path) -> None:
    assert export_memory(store.folder, tmp_path / "memory.zip") == 0
    assert import_memory(tmp_path / "memory.zip", other) == Imported(0, 0, 0)
