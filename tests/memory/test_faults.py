"""What really goes wrong: processes are killed, disks fill up, bytes rot, files vanish, others write meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flashpaint.errors import DiskFull, MemoryBusy, MemoryDamaged, MemoryNewer, OutputUnwritable
from flashpaint.memory import salvage as salvaging
from flashpaint.memory import sqlite
from flashpaint.memory.entry import Entry
from flashpaint.memory.index import Index
from flashpaint.memory.sqlite import NAME, SqliteStore
from flashpaint.memory.verify import MISSING, verify
from tests.memory.conftest import DIM, SCOPE, alike, ended, fill, forked, make_entry, png

PAGE = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memory"


def filled(folder: Path, number: int = 60) -> list[Entry]:
    store = SqliteStore(folder)
    kept = fill(store, number)
    store.close()
    return kept


def everything(store: SqliteStore) -> dict[str, Entry]:
    return {entry.id: entry for entry in store.entries("ann", number=10**6)}


def consistent(folder: Path) -> bool:
    """Whether nothing is damaged, and no picture is there without a row."""
    found = verify(folder)
    return not (found.damaged or found.strays or found.scratch)


# ---- kill -9


def writes_on(folder: Path, told: int, first: int, budget: int | None) -> None:
    """Add entries until killed, and tell of each that was acknowledged."""
    store = SqliteStore(folder, budget)
    for n in range(first, first + 10**6):
        kept = store.add(make_entry(n), png(n, n % 7 * 300), ".png")
        os.write(told, f"{kept.id}\n".encode())


def killed_writer(folder: Path, first: int, rng: random.Random, budget: int | None = None) -> list[str]:
    """The ids that a process acknowledged until it was killed, at a moment of chance."""
    hears, tells = os.pipe()
    child = forked(lambda: writes_on(folder, tells, first, budget))
    os.close(tells)
    if rng.random() < 0.7:  # else it may be killed while it opens the store
        select.select([hears], [], [], 10)
    time.sleep(rng.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL
    with os.fdopen(hears) as heard:
        return heard.read().split()


def test_killing_the_process_at_any_moment_loses_nothing_that_was_acknowledged(folder: Path) -> None:
    rng, acknowledged = random.Random(1), list[str]()
    for round_ in range(200):
        acknowledged += killed_writer(folder, round_ * 10**4, rng)
    assert len(acknowledged) > 200
    found = verify(folder)
    assert not found.damaged
    store = SqliteStore(folder)
    there = everything(store)
    assert set(acknowledged) <= there.keys()
    for id in acknowledged:
        n = there[id].seed
        assert alike(there[id], make_entry(n, id=id), but=("seq", "picture", "bytes", "created"))
        assert store.picture(there[id]) == png(n, n % 7 * 300)


def test_killing_the_process_while_it_evicts_leaves_no_row_without_its_picture(folder: Path) -> None:
    rng = random.Random(2)
    for round_ in range(40):
        killed_writer(folder, round_ * 10**4, rng, budget=20_000)
    found = verify(folder)
    assert not found.damaged
    assert SqliteStore(folder).statistics().bytes <= 20_000
    for path in (folder / "pictures").glob("??/*"):  # as if an hour had passed
        os.utime(path, (0, 0))
    assert verify(folder, repair=True).kept == found.kept
    assert consistent(folder)


# ---- full and unwritable disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (disk := tmp_path / "disk").mkdir()
    order = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(order, capture_output=True).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def add_until(store: SqliteStore, error: type[Exception]) -> dict[int, Entry]:
    kept = {}
    with contextlib.suppress(error):
        for n in range(1, 10**4):
            kept[n] = store.add(make_entry(n), png(n, 20_000), ".png")
    return kept


def test_a_full_disk_takes_nothing_away_and_writing_goes_on_once_there_is_room(small_disk: Path) -> None:
    (ballast := small_disk / "ballast").write_bytes(bytes(400_000))
    store = SqliteStore(small_disk / "memory")
    kept = add_until(store, DiskFull)
    assert len(kept) > 10
    for n in range(300, 320):
        with pytest.raises(DiskFull, match="free some space"):
            store.add(make_entry(n), png(n, 100_000), ".png")
    assert {e.seq for e in store.get([e.seq for e in kept.values()])} == {e.seq for e in kept.values()}
    assert all(store.picture(entry) == png(n, 20_000) for n, entry in kept.items())
    assert not store.files.scratch()
    ballast.unlink()
    kept |= {n: store.add(make_entry(n), png(n, 20_000), ".png") for n in range(500, 505)}
    store.close()
    assert consistent(small_disk / "memory")
    assert verify(small_disk / "memory").kept == len(kept)


def test_a_full_disk_while_a_malformed_database_is_salvaged_leaves_it_as_it_was(small_disk: Path, folder: Path) -> None:
    kept = filled(folder)
    shutil.copytree(folder, small_disk / "memory")
    spoil(small_disk / "memory", root_page(small_disk / "memory"))
    (ballast := small_disk / "ballast").write_bytes(b"")
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    with pytest.raises(DiskFull):
        verify(small_disk / "memory", repair=True)
    assert not list((small_disk / "memory").glob("*.fresh-*"))
    ballast.unlink()
    assert verify(small_disk / "memory", repair=True).kept == len(kept)


def test_a_limit_on_file_sizes_is_told_and_takes_nothing_away(folder: Path) -> None:
    def run() -> None:
        store = SqliteStore(folder)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
        kept = add_until(store, OutputUnwritable)
        assert 10 < len(kept) < 1000
        assert all(store.picture(entry) == png(n, 20_000) for n, entry in kept.items())
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        kept[0] = store.add(make_entry(0), png(0), ".png")
        assert everything(store).keys() == {entry.id for entry in kept.values()}
        store.close()
        assert consistent(folder)

    assert ended(forked(run)) == 0


def test_a_folder_that_cannot_be_written_is_told(small_disk: Path, tmp_path: Path) -> None:
    kept = filled(small_disk / "memory", 3)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OutputUnwritable, match="FLASHPAINT_MEMORY"):
        SqliteStore(small_disk / "memory").add(make_entry(9), png(9), ".png")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert everything(SqliteStore(small_disk / "memory")).keys() == {entry.id for entry in kept}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputUnwritable, match="FLASHPAINT_MEMORY"):
        SqliteStore(tmp_path / "file" / "memory")


# ---- rotten bytes


def spoil(folder: Path, page: int, at: int = 0, content: bytes = b"\xff\x13" * 16) -> None:
    """Overwrite bytes of a page, counted from 1."""
    with (folder / NAME).open("r+b") as file:
        file.seek((page - 1) * PAGE + at)
        file.write(content)


def page_of(folder: Path, content: bytes) -> tuple[int, int]:
    """(page, offset) of the only place where the database holds this."""
    raw = (folder / NAME).read_bytes()
    assert raw.count(content) == 1
    return raw.index(content) // PAGE + 1, raw.index(content) % PAGE


def root_page(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db:
        return int(db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pictures'").fetchone()[0])


@pytest.mark.parametrize(
    "content",
    [b"a cat, number 17, on a mat", make_entry(17).features["picture"].tobytes(), make_entry(17).latents.tobytes()],
    ids=["text", "features", "latents"],
)
@pytest.mark.parametrize("rot", [b"\x00", b"\xc3\x28", b"\x7f"], ids=repr)
def test_a_rotten_row_is_noticed_never_served_and_removed(folder: Path, content: bytes, rot: bytes) -> None:
    kept = filled(folder)
    page, at = page_of(folder, content)
    spoil(folder, page, at + 3, rot)
    store = SqliteStore(folder)
    assert {e.seq for e in store.get(range(1, 61))} == set(range(1, 61)) - {17}
    assert 17 not in {e.seq for e in store.entries("ann", number=100)}
    assert store.by_key(SCOPE, "key 17") is None
    assert store.description_of("ann", "field 1", "a cat 17") is None
    store.close()
    found = verify(folder)
    assert [(damage.seq, damage.id) for damage in found.rows] == [(17, kept[16].id)]
    assert found.damaged
    assert not found.sound
    repaired = verify(folder, repair=True)
    assert (repaired.sound, repaired.kept, repaired.aside) == (True, 59, None)
    assert consistent(folder)


def test_whichever_page_is_overwritten_what_others_hold_is_kept(folder: Path, tmp_path: Path) -> None:
    kept = {entry.id: entry for entry in filled(folder, 40)}
    size = (folder / NAME).stat().st_size // PAGE
    lost = []
    for page in range(1, size + 1):
        for at, content in ((0, b"\xff\x13" * 16), (0, bytes(PAGE)), (100, os.urandom(PAGE - 100))):
            shutil.copytree(folder, tmp_path / "copy")
            spoil(tmp_path / "copy", page, at, content)
            found = verify(tmp_path / "copy", repair=True)
            assert found.sound
            store = SqliteStore(tmp_path / "copy")
            left = everything(store)
            assert len(left) == found.kept == store.statistics().entries
            assert all(alike(entry, kept[id]) for id, entry in left.items())
            assert all(store.picture(entry) == png(entry.seed) for entry in left.values())
            assert store.add(make_entry(99), png(99), ".png").seq > 40 or found.aside
            store.close()
            assert consistent(tmp_path / "copy") or found.rows or found.database
            lost.append(len(kept) - len(left))
            shutil.rmtree(tmp_path / "copy")
    assert max(lost) <= 8  # rows of one page
    assert sum(lost) <= 3 * len(kept) + 3  # each page of rows loses its own, and no other page any


def test_a_malformed_database_is_noticed_and_kept_aside(folder: Path) -> None:
    filled(folder)
    spoil(folder, page_of(folder, b"a cat, number 17, on a mat")[0])
    store = SqliteStore(folder)
    with pytest.raises(MemoryDamaged, match="verify --repair"):
        store.get(range(1, 61))
    store.close()
    found = verify(folder)
    assert "malformed" in found.database
    assert 0 < len(found.rows) < 9
    assert not found.repaired
    repaired = verify(folder, repair=True)
    assert repaired.aside is not None
    assert repaired.aside.name.startswith("memory.db.damaged-20")
    assert repaired.kept >= 60 - len(found.rows)
    assert any("kept as" in line for line in repaired.lines())


def test_what_only_the_log_holds_is_salvaged_too(folder: Path) -> None:
    rng, acknowledged = random.Random(3), list[str]()
    filled(folder, 20)
    while len(acknowledged) < 5:
        acknowledged += killed_writer(folder, 1000 + 10**4 * len(acknowledged), rng)
    assert (folder / f"{NAME}-wal").stat().st_size > 0
    for page in range(1, (folder / NAME).stat().st_size // PAGE + 1):
        if page != 1:
            spoil(folder, page, 0, bytes(8))
    spoil(folder, 1, 0, bytes(100))
    assert verify(folder, repair=True).sound
    assert set(acknowledged) <= everything(SqliteStore(folder)).keys()


def test_what_was_forgotten_does_not_come_back_with_a_repair(folder: Path) -> None:
    filled(folder)
    store = SqliteStore(folder)
    gone = store.entries("ann", number=25)
    store.remove("ann", [entry.id for entry in gone])
    store.close()
    spoil(folder, root_page(folder))
    assert verify(folder, repair=True).kept == 35
    assert not everything(SqliteStore(folder)).keys() & {entry.id for entry in gone}


def test_uses_budget_and_numbers_outlive_a_repair(folder: Path) -> None:
    kept = filled(folder)
    store = SqliteStore(folder, budget=777_000)
    for _ in range(3):
        store.hit(kept[5].seq, 4)
    store.remove("ann", [kept[-1].id])
    store.close()
    spoil(folder, page_of(folder, b"a cat, number 50, on a mat")[0])
    verify(folder, repair=True)
    store = SqliteStore(folder)
    assert store.get([kept[5].seq])[0].hits == 3
    told = store.statistics()
    assert (told.steps_saved, told.budget) == (12, 777_000)
    assert store.add(make_entry(99), png(99), ".png").seq == 61


def test_a_malformed_database_in_use_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(folder)
    spoil(folder, page_of(folder, b"a cat, number 17, on a mat")[0])
    monkeypatch.setattr(salvaging, "WAIT_S", 0.2)
    hears, tells = os.pipe()

    def holds_it() -> None:
        store = SqliteStore(folder)
        os.write(tells, b"open")
        time.sleep(60)
        store.close()

    child = forked(holds_it)
    os.read(hears, 4)
    with pytest.raises(MemoryBusy, match="end it"):
        verify(folder, repair=True)
    os.kill(child, signal.SIGKILL)
    ended(child)
    assert verify(folder, repair=True).sound


def test_a_damaged_picture_is_told_once_and_then_gone(folder: Path) -> None:
    store = SqliteStore(folder)
    for entry, spoils in zip(
        fill(store, 3), (lambda p: os.truncate(p, 20), lambda p: p.unlink(), lambda p: p.write_bytes(b"x")), strict=True
    ):
        spoils(store.files.path(entry.picture))
        with pytest.raises(MemoryDamaged, match="verify"):
            store.picture(entry)
        assert store.get([entry.seq]) == []
    assert consistent(folder)


def test_verify_finds_damaged_pictures_and_removes_their_rows(folder: Path) -> None:
    kept = filled(folder, 5)
    files = SqliteStore(folder).files
    os.truncate(files.path(kept[1].picture), 20)
    files.path(kept[3].picture).unlink()
    found = verify(folder)
    assert [(d.seq, d.why.split()[-1]) for d in found.pictures] == [(2, "damaged"), (4, "gone")]
    assert verify(folder, repair=True).kept == 3
    assert consistent(folder)


def test_totals_that_do_not_add_up_are_counted_again(folder: Path) -> None:
    filled(folder, 3)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db, db:
        db.execute("UPDATE totals SET value = 5 WHERE name = 'bytes'")
    assert not verify(folder).totals
    verify(folder, repair=True)
    assert verify(folder).totals


# ---- what is left over, and what is lost


def test_leftovers_go_once_no_running_process_can_need_them(folder: Path) -> None:
    kept = filled(folder, 3)
    files = SqliteStore(folder).files
    for n, age in ((10, 0), (11, 7200)):
        name, scratch = files.write(png(n), ".png")
        half = files.write(png(n), ".png")[1]
        files.place(scratch, name)
        for path in (half, files.path(name)):
            os.utime(path, (time.time() - age,) * 2)
    found = verify(folder)
    assert (len(found.strays), found.scratch, found.damaged) == (2, 2, False)
    verify(folder, repair=True)
    found = verify(folder)
    assert (len(found.strays), found.scratch, found.kept) == (1, 1, len(kept))


def test_a_lost_database_is_begun_anew_and_the_pictures_are_told(folder: Path) -> None:
    kept = filled(folder, 4)
    (folder / NAME).unlink()
    found = verify(folder)
    assert (found.database, len(found.strays), found.kept) == (MISSING, 4, 0)
    assert not (folder / NAME).exists()
    SqliteStore(folder).close()
    assert len(list((folder / "pictures").glob("??/*.png"))) == 4
    for path in (folder / "pictures").glob("??/*"):
        os.utime(path, (0, 0))
    (folder / NAME).unlink()
    assert verify(folder, repair=True).sound
    assert consistent(folder)
    assert SqliteStore(folder).add(make_entry(1), png(1), ".png").picture == kept[0].picture


@pytest.mark.parametrize("damage", [lambda p: p.write_bytes(b"garbage"), lambda p: p.unlink()], ids=["garbage", "gone"])
def test_a_damaged_snapshot_of_the_index_is_told_removed_and_made_again(
    folder: Path, damage: Callable[[Path], object]
) -> None:
    filled(folder)
    store = SqliteStore(folder)
    index = Index(store, SCOPE, "prompt", folder / "index", exact=20)
    index.build()
    assert verify(folder).snapshots == ()
    damage(next((folder / "index").glob("*.voy")))
    found = verify(folder, repair=True)
    assert [why for _, why in found.snapshots] == ["is torn"]
    assert not found.damaged
    assert not list((folder / "index").iterdir())
    again = Index(store, SCOPE, "prompt", folder / "index", exact=20)
    again.build()
    for entry in everything(store).values():
        assert again.nearest(entry.features["prompt"], 5) == index.nearest(entry.features["prompt"], 5)


def test_a_snapshot_whose_newest_entry_is_gone_is_told(folder: Path) -> None:
    filled(folder)
    store = SqliteStore(folder)
    Index(store, SCOPE, "prompt", folder / "index", exact=20).build()
    store.remove("ann", [store.entries("ann", number=1)[0].id])
    assert [why.split()[1] for _, why in verify(folder).snapshots] == ["out"]


# ---- others


def test_a_store_of_a_newer_version_is_refused_and_untouched(folder: Path) -> None:
    filled(folder, 3)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA user_version = 99")
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}
    for attempt in (SqliteStore, verify, lambda folder: verify(folder, repair=True)):
        with pytest.raises(MemoryNewer, match="upgrade"):
            attempt(folder)
    assert {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()} == before


def test_two_processes_that_add_and_evict_at_once_end_within_the_budget(folder: Path) -> None:
    budget = 25_000
    SqliteStore(folder, budget).close()

    def works(first: int) -> None:
        store = SqliteStore(folder)
        for n in range(first, first + 60):
            kept = store.add(make_entry(n), png(n % 40, n % 5 * 500), ".png")  # some pictures are equal
            assert store.get([kept.seq]) or store.statistics().evicted
            store.hit(kept.seq, 3)
            if n % 9 == 0:
                store.remove("ann", [kept.id])

    children = [forked(lambda first=first: works(first)) for first in (0, 20)]
    while not all(os.waitid(os.P_PID, c, os.WEXITED | os.WNOHANG | os.WNOWAIT) for c in children):
        assert not [damage for damage in verify(folder).pictures if "gone" not in damage.why]
    assert [ended(child) for child in children] == [0, 0]
    store = SqliteStore(folder)
    told, left = store.statistics(), everything(store)
    assert told.bytes == sum(entry.bytes for entry in left.values()) <= budget
    assert told.entries == len(left)
    assert all(store.picture(entry) for entry in left.values())
    assert consistent(folder)


def test_a_store_opens_while_another_process_writes(folder: Path) -> None:
    """Its half-written files come and go meanwhile."""
    SqliteStore(folder).close()
    hears, tells = os.pipe()
    child = forked(lambda: writes_on(folder, tells, 0, None))
    os.close(tells)
    try:
        for _ in range(60):
            SqliteStore(folder).close()
            assert not verify(folder).damaged
    finally:
        os.kill(child, signal.SIGKILL)
        ended(child)
        os.close(hears)


def test_a_memory_that_is_held_too_long_is_told_as_busy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "WAIT_S", 0.1)
    store = SqliteStore(folder)
    (entry,) = fill(store, 1)
    with contextlib.closing(sqlite3.connect(folder / NAME, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryBusy, match="try again"):
            store.add(make_entry(2), png(2), ".png")
        assert store.picture(store.get([entry.seq])[0]) == png(1)  # reading goes on
        db.execute("ROLLBACK")
    assert store.add(make_entry(2), png(2), ".png").seq == 2
    store.close()
    assert consistent(folder)


def test_features_of_rows_that_lost_some_bytes_break_no_others(folder: Path) -> None:
    filled(folder, 5)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as db, db:
        db.execute("UPDATE pictures SET seen_prompt = x'00' WHERE seq = 1")
        db.execute("UPDATE pictures SET seen_prompt = 'text' WHERE seq = 2")
    seqs, features = SqliteStore(folder).vectors(SCOPE, "prompt")
    assert seqs.tolist() == [3, 4, 5]
    assert features.shape == (3, DIM)
