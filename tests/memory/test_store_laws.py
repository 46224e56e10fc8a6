"""The laws of a Store, over each that there is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashpaint.errors import MemoryDamaged
from flashpaint.memory.entry import KINDS
from flashpaint.memory.rows import HALF_LIFE_S
from flashpaint.memory.sqlite import SqliteStore
from tests.memory.conftest import SCOPE, AnyStore, Stores, alike, ended, fill, forked, make_entry, png

FEW = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
OWNERS = ("ann", "bob", "")
ADDED = st.lists(st.tuples(st.sampled_from(OWNERS), st.integers(0, 5)), min_size=1, max_size=12)


@pytest.fixture(params=["folder", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    made: Stores = request.getfixturevalue(f"{request.param}_stores")
    return made


@pytest.fixture
def store(stores: Stores) -> AnyStore:
    return stores()


@pytest.fixture
def filled(store: AnyStore) -> AnyStore:
    fill(store, 8)
    return store


def pictures_of(store: AnyStore) -> list[str]:
    """Once those have gone that no row needs."""
    if isinstance(store, SqliteStore):
        return list(store.files.names())
    store.sweep(-1)
    return list(store.files.names())


def test_an_entry_comes_back_as_it_was(store: AnyStore) -> None:
    for entry in (make_entry(1), make_entry(2, latents=None), make_entry(3, features={"picture": np.ones(8)})):
        kept = store.add(entry, png(1), ".png")
        (found,) = store.get([kept.seq])
        assert alike(found, replace(kept, features={k: v.astype(np.float16) for k, v in kept.features.items()}))
        assert alike(found, replace(entry, features=found.features), but=("seq", "picture", "bytes", "created"))
        assert store.picture(found) == png(1)


@FEW
@given(ADDED)
def test_owners_never_see_one_anothers_entries(stores: Stores, added: Sequence[tuple[str, int]]) -> None:
    store = stores()
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
        memory = stores.memory(store)
        for kind in KINDS:
            assert {*store.vectors(scope, kind)[0].tolist()} == mine
            near = memory.nearest(scope, kind, make_entry(0).features[kind], number=16)
            assert {entry.seq for entry, _ in near} == mine
        for said in range(6):
            answer = store.by_key(scope, f"key {said}")
            description = store.description_of(owner, "field 1", f"Cat {said}. ")
            assert (answer is None) == ((owner, said) not in added) == (description is None)
            assert answer is None or answer.scope.owner == owner
            assert description is None or description.startswith(f"{owner}'s")
    store.remove("ann")
    assert store.statistics().entries == sum(owner != "ann" for owner in owner_of.values())
    store.close()


@pytest.mark.parametrize("field", ["owner", "painter", "seer", "width", "height", "task", "steered"])
def test_scopes_never_mix(store: AnyStore, field: str) -> None:
    other = replace(SCOPE, **{field: 128 if field in ("width", "height") else "other"})
    mine, theirs = store.add(make_entry(1), png(1), ".png"), store.add(make_entry(1, scope=other), png(1), ".png")
    for scope, entry in ((SCOPE, mine), (other, theirs)):
        assert store.vectors(scope, "prompt")[0].tolist() == [entry.seq]
        found = store.by_key(scope, entry.key)
        assert found is not None
        assert found.id == entry.id


def test_a_description_is_only_its_tellers(store: AnyStore) -> None:
    fill(store, 1)
    assert store.description_of("ann", "field 1", "a  CAT 1.") == "a cat, number 1, on a mat"
    assert store.description_of("ann", "field 2", "a cat 1") is None


@FEW
@given(st.lists(st.integers(1, 12), unique=True))
def test_get_answers_in_the_order_asked(filled: AnyStore, seqs: list[int]) -> None:
    assert [entry.seq for entry in filled.get(seqs)] == [seq for seq in seqs if seq <= 8]


def test_entries_are_paged_newest_first(store: AnyStore) -> None:
    fill(store, 7)
    assert [e.seq for e in store.entries("ann", number=3)] == [7, 6, 5]
    assert [e.seq for e in store.entries("ann", before=5, number=9)] == [4, 3, 2, 1]
    assert store.entries("ann", before=0) == []


@FEW
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3000)), min_size=2, max_size=15))
def test_eviction_keeps_the_budget_and_what_was_just_added(stores: Stores, added: list[tuple[int, int]]) -> None:
    store = stores(budget=9000)
    for n, (steps, size) in enumerate(added):
        kept = store.add(make_entry(n, steps=steps), png(n, size), ".png")
        assert store.get([kept.seq])
        assert store.statistics().bytes <= max(9000, kept.bytes)
    left = store.entries("ann")
    assert store.statistics().bytes == sum(entry.bytes for entry in left)
    assert sorted(pictures_of(store)) == sorted({entry.picture for entry in left})
    assert store.statistics().evicted == len(added) - len(left)
    store.close()


def test_eviction_keeps_what_pays_most(store: AnyStore) -> None:
    kept = fill(store, 6)
    for entry in kept[:2]:
        for _ in range(4):
            store.hit(entry.seq, 8)
    dear = store.add(make_entry(7, steps=50), png(7), ".png")
    store.set_budget(3 * kept[0].bytes + 10)
    assert {entry.id for entry in store.entries("ann")} == {kept[0].id, kept[1].id, dear.id}


def test_what_was_used_long_ago_pays_less(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    (old,) = fill(store, 1)
    store.hit(old.seq, 24)
    monkeypatch.setattr(time, "time", lambda: 1e9 + 3 * HALF_LIFE_S)
    new = fill(store, 2, first=2)
    store.set_budget(2 * old.bytes + 10)
    assert {entry.id for entry in store.entries("ann")} == {entry.id for entry in new}


def test_a_budget_is_remembered(stores: Stores) -> None:
    store = stores(budget=12345)
    assert stores.again(store).statistics().budget == 12345


def test_a_clock_that_goes_backwards_breaks_no_order(store: AnyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for n, now in enumerate((2e9, 1e9, 0.0, 3e9, 1.0)):
        monkeypatch.setattr(time, "time", lambda now=now: now)
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


def test_a_file_stays_until_its_last_row_goes(store: AnyStore) -> None:
    one, two = (store.add(make_entry(n, owner), png(1), ".png") for n, owner in ((1, "ann"), (2, "bob")))
    assert one.picture == two.picture
    assert store.remove("ann") == 1
    assert store.picture(two) == png(1)
    assert store.remove("bob", [two.id]) == 1
    assert pictures_of(store) == []


def test_change_tells_of_other_processes_additions_and_removals(stores: Stores) -> None:
    store = stores()
    seen = [store.change()]
    for run in (
        lambda: stores.again(store).add(make_entry(1), png(1), ".png"),
        lambda: stores.again(store).remove("ann"),
    ):
        assert ended(forked(run)) == 0
        seen.append(store.change())
    assert len(set(seen)) == 3


def test_statistics_add_up(store: AnyStore) -> None:
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


def test_an_id_is_given_once(store: AnyStore) -> None:
    (entry,) = fill(store, 1)
    with pytest.raises(MemoryDamaged):
        store.add(replace(make_entry(2), id=entry.id), png(2), ".png")
    assert pictures_of(store) == [entry.picture]
    assert store.statistics().entries == 1


def test_the_nearest_are_those_of_exact_search(stores: Stores) -> None:
    store = stores()
    kept = fill(store, 60)
    memory, z = stores.memory(store), make_entry(7).features["picture"]
    near = memory.nearest(SCOPE, "picture", z, number=5)
    cosines = {e.seq: float(e.features["picture"].astype(np.float32) @ z.astype(np.float32)) for e in kept}
    assert [entry.seq for entry, _ in near] == sorted(cosines, key=lambda seq: -cosines[seq])[:5]
    assert [cosine for _, cosine in near] == pytest.approx([cosines[entry.seq] for entry, _ in near], abs=1e-3)
    store.remove("ann", [near[0][0].id])
    assert [e.seq for e, _ in memory.nearest(SCOPE, "picture", z, number=4)] == [e.seq for e, _ in near[1:]]
