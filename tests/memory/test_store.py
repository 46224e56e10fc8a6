"""The laws of a Store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashpaint.errors import MemoryDamaged, PictureUnreadable
from flashpaint.memory import sqlite
from flashpaint.memory.entry import KINDS
from flashpaint.memory.sqlite import SqliteStore
from tests.memory.conftest import SCOPE, alike, ended, fill, forked, make_entry, png

OWNERS = ("ann", "bob", "")
ADDED = st.lists(st.tuples(st.sampled_from(OWNERS), st.integers(0, 5)), min_size=1, max_size=12)


def pictures_of(store: SqliteStore) -> list[str]:
    return list(store.files.names())


def test_an_entry_comes_back_as_it_was(store: SqliteStore) -> None:
    for entry in (make_entry(1), make_entry(2, latents=None), make_entry(3, features={"picture": np.ones(8)})):
        kept = store.add(entry, png(1), ".png")
        (found,) = store.get([kept.seq])
        assert alike(found, replace(kept, features={k: v.astype(np.float16) for k, v in kept.features.items()}))
        assert alike(found, replace(entry, features=found.features), but=("seq", "picture", "bytes", "created"))
        assert store.picture(found) == png(1)


@settings(max_examples=30)
@given(ADDED)
def test_owners_never_see_one_anothers_entries(added: Sequence[tuple[str, int]]) -> None:
    folder = Path(tempfile.mkdtemp())
    store = SqliteStore(folder)
    owner_of = {}
    for n, (owner, said) in enumerate(added):
        told = {"prompt": f"cat {said}", "description": f"{owner}'s cat {n}", "key": f"key {said}"}
        kept = store.add(make_entry(n, owner, **told), png(said), ".png")
        owner_of[kept.seq] = owner
    for owner in OWNERS:
        scope, mine = replace(SCOPE, owner=owner), {seq for seq, whose in owner_of.items() if whose == owner}
        assert {entry.seq for entry in store.entries(owner)} == mine
        assert all(entry.scope.owner == owner for entry in store.get(sorted(mine)))
        assert {*store.owned(owner)} == ({scope} if mine else set())
        for kind in KINDS:
            assert {*store.vectors(scope, kind)[0].tolist()} == mine
        for said in range(6):
            answer = store.by_key(scope, f"key {said}")
            description = store.description_of(owner, "field 1", f"Cat {said}. ")
            assert (answer is None) == ((owner, said) not in added) == (description is None)
            assert answer is None or answer.scope.owner == owner
            assert description is None or description.startswith(f"{owner}'s")
    store.remove("ann")
    assert store.statistics().entries == sum(owner != "ann" for owner in owner_of.values())
    store.close()
    shutil.rmtree(folder)


@pytest.mark.parametrize("field", ["owner", "painter", "seer", "width", "height", "task", "steered"])
def test_scopes_never_mix(store: SqliteStore, field: str) -> None:
    other = replace(SCOPE, **{field: 128 if field in ("width", "height") else "other"})
    mine, theirs = store.add(make_entry(1), png(1), ".png"), store.add(make_entry(1, scope=other), png(1), ".png")
    for scope, entry in ((SCOPE, mine), (other, theirs)):
        assert store.vectors(scope, "prompt")[0].tolist() == [entry.seq]
        found = store.by_key(scope, entry.key)
        assert found is not None
        assert found.id == entry.id


def test_a_description_is_only_its_tellers(store: SqliteStore) -> None:
    fill(store, 1)
    assert store.description_of("ann", "field 1", "a  CAT 1.") == "a cat, number 1, on a mat"
    assert store.description_of("ann", "field 2", "a cat 1") is None


@settings(max_examples=20)
@given(st.lists(st.integers(1, 12), unique=True))
def test_get_answers_in_the_order_asked(seqs: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        fill(store, 8)
        assert [entry.seq for entry in store.get(seqs)] == [seq for seq in seqs if seq <= 8]
        store.close()


def test_entries_are_paged_newest_first(store: SqliteStore) -> None:
    fill(store, 7)
    assert [e.seq for e in store.entries("ann", number=3)] == [7, 6, 5]
    assert [e.seq for e in store.entries("ann", before=5, number=9)] == [4, 3, 2, 1]
    assert store.entries("ann", before=0) == []


# ---- eviction


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3000)), min_size=2, max_size=15))
def test_eviction_keeps_the_budget_and_what_was_just_added(added: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder), budget=9000)
        for n, (steps, size) in enumerate(added):
            kept = store.add(make_entry(n, steps=steps), png(n, size), ".png")
            assert store.get([kept.seq])
            assert store.statistics().bytes <= max(9000, kept.bytes)
        left = store.entries("ann")
        assert store.statistics().bytes == sum(entry.bytes for entry in left)
        assert sorted(pictures_of(store)) == sorted({entry.picture for entry in left})
        assert store.statistics().evicted == len(added) - len(left)
        store.close()


def test_eviction_keeps_what_pays_most(store: SqliteStore) -> None:
    kept = fill(store, 6)
    for entry in kept[:2]:
        for _ in range(4):
            store.hit(entry.seq, 8)
    dear = store.add(make_entry(7, steps=50), png(7), ".png")
    store.set_budget(3 * kept[0].bytes + 10)
    assert {entry.id for entry in store.entries("ann")} == {kept[0].id, kept[1].id, dear.id}


def test_what_was_used_long_ago_pays_less(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite.time, "time", lambda: 1e9)
    (old,) = fill(store, 1)
    store.hit(old.seq, 24)
    monkeypatch.setattr(sqlite.time, "time", lambda: 1e9 + 3 * sqlite.HALF_LIFE_S)
    new = fill(store, 2, first=2)
    store.set_budget(2 * old.bytes + 10)
    assert {entry.id for entry in store.entries("ann")} == {entry.id for entry in new}


def test_a_budget_is_remembered(tmp_path: Path) -> None:
    SqliteStore(tmp_path, budget=12345).close()
    assert SqliteStore(tmp_path).statistics().budget == 12345


# ---- the clock


def test_a_clock_that_goes_backwards_breaks_no_order(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for n, now in enumerate((2e9, 1e9, 0.0, 3e9, 1.0)):
        monkeypatch.setattr(sqlite.time, "time", lambda now=now: now)
        kept += fill(store, 1, first=n)
        for entry in kept:
            store.hit(entry.seq, 3)
    assert [e.seq for e in store.entries("ann")] == [5, 4, 3, 2, 1]
    assert store.vectors(SCOPE, "prompt")[0].tolist() == [1, 2, 3, 4, 5]
    assert [e.hits for e in store.entries("ann")] == [1, 2, 3, 4, 5]
    assert store.statistics().steps_saved == 45
    store.set_budget(2 * kept[0].bytes + 50)
    assert store.statistics().entries == 2
    assert store.add(make_entry(9), png(9), ".png").id in {e.id for e in store.entries("ann")}


# ---- files


def test_a_file_stays_until_its_last_row_goes(store: SqliteStore) -> None:
    one, two = (store.add(make_entry(n, owner), png(1), ".png") for n, owner in ((1, "ann"), (2, "bob")))
    assert one.picture == two.picture
    assert store.remove("ann") == 1
    assert store.picture(two) == png(1)
    assert store.remove("bob", [two.id]) == 1
    assert pictures_of(store) == []


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


def test_change_tells_of_other_processes_additions_and_removals(store: SqliteStore) -> None:
    seen = [store.change()]
    for run in (
        lambda: SqliteStore(store.folder).add(make_entry(1), png(1), ".png"),
        lambda: SqliteStore(store.folder).remove("ann"),
    ):
        assert ended(forked(run)) == 0
        seen.append(store.change())
    assert len(set(seen)) == 3


def test_statistics_add_up(store: SqliteStore) -> None:
    kept = [*fill(store, 5), *fill(store, 3, first=10, owner="bob"), *fill(store, 1, first=20, scope=SCOPE)]
    kept += fill(store, 1, first=30, scope=replace(SCOPE, width=128))
    for entry in kept[:4]:
        store.hit(entry.seq, 6)
    told = store.statistics()
    assert (told.entries, told.owners, told.scopes) == (10, 2, 3)
    assert (told.hits, told.steps_saved, told.evicted) == (4, 24, 0)
    assert told.bytes == sum(entry.bytes for entry in kept)
    store.remove("ann", [kept[0].id, "no such id"])
    told = store.statistics()
    assert (told.entries, told.hits, told.bytes) == (9, 3, sum(entry.bytes for entry in kept[1:]))
