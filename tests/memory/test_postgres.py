"""What the shared store promises beside the laws of every store: many machines, a server that dies, objects in S3."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flashpaint.errors import FlashpaintError, MemoryDamaged, MemoryNewer, OutOfRange, OutputUnwritable
from flashpaint.memory import postgres_migrations
from flashpaint.memory.postgres import PostgresStore
from flashpaint.memory.postgres_migrations import migrate
from flashpaint.memory.store import MemoryAway
from tests.memory.conftest import (
    KINDS,
    SCOPE,
    PostgresStores,
    Server,
    alike,
    ended,
    fill,
    forked,
    make_entry,
    png,
    unit,
)


@pytest.fixture
def store(postgres_stores: PostgresStores) -> PostgresStore:
    return postgres_stores.open(postgres_stores.address())


@pytest.fixture
def address(mortal: Server, mortal_stores: PostgresStores) -> Iterator[str]:
    """Of an empty store on a server that may be killed; it runs again afterwards."""
    yield mortal_stores.address()
    if not mortal.runs():
        mortal.start()


def one(store: PostgresStore, asked: str) -> int:
    return int(store.connections.run(lambda db: db.execute(asked).fetchall())[0][0])


# ---- the shape


def test_machines_may_make_a_store_at_once(postgres_stores: PostgresStores) -> None:
    address = postgres_stores.address()
    make = lambda n: postgres_stores.open(address).add(make_entry(n), png(n), ".png")  # noqa: E731
    children = [forked(lambda n=n: make(n)) for n in range(4)]
    assert [ended(child) for child in children] == [0] * 4
    store = postgres_stores.open(address)
    assert store.statistics().entries == 4
    assert one(store, "SELECT max(version) FROM versions") == 1


def test_a_step_that_fails_leaves_the_shape_as_it_was(store: PostgresStore) -> None:
    fill(store, 1)

    def torn(db: object) -> None:
        postgres_migrations.one(db, "SELECT 1")  # type: ignore[arg-type]
        db.execute("DROP TABLE uses")  # type: ignore[attr-defined]
        raise RuntimeError("no further")

    with pytest.raises(RuntimeError):
        store.connections.first(lambda db: migrate(db, [*postgres_migrations.MIGRATIONS, torn]))
    assert store.statistics().entries == 1
    store.connections.first(lambda db: migrate(db, [*postgres_migrations.MIGRATIONS, lambda db: None]))
    with pytest.raises(MemoryNewer, match="shape 2"):
        store.connections.first(migrate)


def test_what_the_database_refuses_is_said_without_the_password(postgres_stores: PostgresStores) -> None:
    address = postgres_stores.address()
    for wrong in (address.replace("/postgres?", "/nosuch?"), address.replace("painter:", "nobody:")):
        with pytest.raises(OutOfRange, match="does not exist") as refused:
            postgres_stores.open(wrong)
        assert "s3cret" not in str(refused.value)
    with pytest.raises(FlashpaintError) as refused:
        postgres_stores.open(address.replace("options=", "nosuch=1&options="))
    assert "s3cret" not in str(refused.value)


def test_features_of_several_widths_are_each_searched_in_their_index(store: PostgresStore) -> None:
    rng = np.random.default_rng(0)
    wide = rng.standard_normal(48).astype(np.float16)
    other = replace(SCOPE, seer="wide")
    fill(store, 3)
    kept = store.add(make_entry(9, scope=other, features=dict.fromkeys(KINDS, wide)), png(9), ".png")
    assert [seq for seq, _ in store.nearest(other, "prompt", wide)] == [kept.seq]
    assert len(store.nearest(SCOPE, "prompt", unit(rng))) == 3
    assert (
        one(store, "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema() AND indexname ~ '^near_'") == 6
    )


def test_texts_that_postgres_cannot_hold_are_mended(store: PostgresStore) -> None:
    kept = store.add(make_entry(1, prompt="a\0cat \ud800", description="d\0"), png(1), ".png")
    assert (kept.prompt, kept.description) == ("a\ufffdcat ?", "d\ufffd")
    assert alike(store.get([kept.seq])[0], kept)


# ---- many machines


def test_two_machines_that_evict_at_once_keep_the_budget_and_the_sums(postgres_stores: PostgresStores) -> None:
    address = postgres_stores.address()
    store = postgres_stores.open(address, budget=12_000)

    def churn(first: int) -> None:
        own = postgres_stores.open(address)
        for n in range(first, first + 25):
            assert own.add(make_entry(n, steps=n % 7 + 1), png(n % 9, 500), ".png").seq
        own.close()

    children = [forked(lambda first=first: churn(first)) for first in (100, 200)]
    assert [ended(child) for child in children] == [0, 0]
    told, left = store.statistics(), store.entries("ann", number=100)
    assert told.bytes == sum(entry.bytes for entry in left) <= 12_000
    assert (told.entries, told.evicted) == (len(left), 50 - len(left))
    assert [store.picture(entry) for entry in left]  # each still has its file
    store.sweep(-1)
    assert sorted(store.files.names()) == sorted({entry.picture for entry in left})


def test_numbers_become_visible_in_their_order(postgres_stores: PostgresStores) -> None:
    """Whoever asks only for what is newer than what is known misses nothing."""
    address = postgres_stores.address()
    store, known = postgres_stores.open(address), list[int]()
    postgres_stores.open(address)

    def add(first: int) -> None:
        own = postgres_stores.open(address)
        fill(own, 15, first=first)
        own.close()

    children = [forked(lambda first=first: add(first)) for first in (100, 200, 300)]
    while len(known) < 45:
        known += store.vectors(SCOPE, "prompt", known[-1] if known else 0)[0].tolist()
    assert [ended(child) for child in children] == [0] * 3
    assert known == sorted(known) == store.vectors(SCOPE, "prompt")[0].tolist()


def test_adding_the_same_again_adds_nothing(store: PostgresStore) -> None:
    entry = make_entry(1, created=1e9)
    first, again = (store.add(entry, png(1), ".png") for _ in range(2))
    assert alike(first, again)
    assert store.statistics().entries == 1
    store.sweep(-1)
    assert store.picture(again) == png(1)
    with pytest.raises(MemoryDamaged, match=entry.id):
        store.add(replace(entry, prompt="another"), png(1), ".png")


def test_a_use_counts_once_however_often_it_is_told(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = fill(store, 1)
    monkeypatch.setattr("flashpaint.memory.postgres.secrets.randbits", lambda bits: 7)
    for _ in range(3):
        store.hit(entry.seq, 8)
    assert store.get([entry.seq])[0].hits == 1


def test_a_picture_is_not_removed_while_another_machine_is_about_to_need_it(store: PostgresStore) -> None:
    (entry,) = fill(store, 1)
    store.remove("ann")
    store._mark(entry.picture, time.time())  # that machine has put it in its place, and has no row yet
    assert store.sweep(10.0) == 0
    again = store.add(make_entry(1), png(1), ".png")
    assert store.sweep(-1) == 0
    assert store.picture(again) == png(1)


def test_a_picture_that_cannot_be_put_leaves_no_row(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*order: object) -> str:
        raise OutputUnwritable("the bucket is gone")

    monkeypatch.setattr(store.files, "keep", fails)
    with pytest.raises(OutputUnwritable, match="the bucket is gone"):
        store.add(make_entry(1), png(1), ".png")
    assert store.statistics().entries == 0


# ---- a server that dies


def test_a_server_that_is_killed_amid_writes_loses_nothing_that_was_acknowledged(
    mortal: Server, mortal_stores: PostgresStores, address: str, tmp_path: Path
) -> None:
    mortal_stores.open(address).close()

    def write(first: int) -> None:
        """Every entry until it is acknowledged, each under one id."""
        own = mortal_stores.open(address, wait_s=1.0)
        with (tmp_path / f"told {first}").open("a") as told:
            for n in range(first, first + 40):
                entry = make_entry(n, created=1e9 + n)
                while True:
                    try:
                        kept = own.add(entry, png(n), ".png")
                        break
                    except MemoryAway:
                        time.sleep(0.05)
                print(json.dumps([kept.id, kept.seq]), file=told, flush=True)
                os.fsync(told.fileno())

    children = [forked(lambda first=first: write(first)) for first in (100, 200)]
    for least in (10, 40):
        while (number := sum(len(path.read_text().splitlines()) for path in tmp_path.glob("told *"))) < least:
            time.sleep(0.01)
        mortal.kill()
        mortal.start()
        assert number < 80  # it died amid them
    assert [ended(child) for child in children] == [0, 0]
    told = [json.loads(line) for path in tmp_path.glob("told *") for line in path.read_text().splitlines()]
    found = mortal_stores.open(address).entries("ann", number=1000)
    assert sorted([entry.id, entry.seq] for entry in found) == sorted(told)
    assert len(found) == 80
    assert one(mortal_stores.open(address), "SELECT value FROM totals WHERE name = 'entries'") == 80


def test_a_store_goes_on_with_a_server_that_was_started_again(
    mortal: Server, mortal_stores: PostgresStores, address: str
) -> None:
    store = mortal_stores.open(address, wait_s=2.0)
    kept = fill(store, 2)
    threads = [threading.Thread(target=store.get, args=([1, 2],)) for _ in range(6)]  # so that the pool has several
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mortal.kill()
    mortal.start()
    store.hit(kept[0].seq, 3)
    assert [entry.hits for entry in store.get([1, 2])] == [1, 0]


def test_a_dead_or_hanging_server_is_away_within_the_time_that_it_has(
    mortal: Server, mortal_stores: PostgresStores, address: str
) -> None:
    store = mortal_stores.open(address, wait_s=0.5)
    fill(store, 1)
    mortal.hang(True)
    try:
        for run in (lambda: store.get([1]), lambda: store.add(make_entry(2), png(2), ".png"), lambda: store.hit(1, 1)):
            began = time.monotonic()
            with pytest.raises(MemoryAway) as away:
                run()
            assert time.monotonic() - began < 1.0
            assert "s3cret" not in str(away.value)
    finally:
        mortal.hang(False)
    assert store.get([1])
    mortal.kill()
    began = time.monotonic()
    with pytest.raises(MemoryAway):
        store.get([1])
    assert time.monotonic() - began < 1.0
