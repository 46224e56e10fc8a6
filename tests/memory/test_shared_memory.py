"""A shared memory that goes away and comes back: nothing acknowledged is lost, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flashpaint import PaintRequest, Studio
from flashpaint.errors import MemoryBusy, OutOfRange
from flashpaint.memory import opening
from flashpaint.memory.address import address_of
from flashpaint.memory.opening import open_database, open_memory
from flashpaint.memory.shared import SharedStore
from flashpaint.memory.spool import Spool
from flashpaint.memory.store import MemoryAway
from tests.memory.conftest import SCOPE, PostgresStores, Server, alike, ended, fill, forked, make_entry, png
from tests.memory.postgres_server import free_port
from tests.memory.s3_server import BUCKET, Line, serving


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    yield from serving(monkeypatch)


@pytest.fixture
def wire(postgres: Server) -> Iterator[Line]:
    """The line to the database."""
    line = Line(postgres.port)
    yield line
    line.close()


def shared(address: str, folder: Path, bound: int = 10**7) -> SharedStore:
    return SharedStore(lambda: open_database(address_of(address), 0.5), Spool(folder, bound), pause_s=0.05)


def through(address: str, wire: Line, server: Server) -> str:
    return address.replace(f":{server.port}/", f":{wire.port}/")


def until(holds: Callable[[], object], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.02)


def cut(wire: Line) -> None:
    wire.broken = True
    wire.drop()


def test_what_is_added_while_the_database_is_away_is_caught_up_with(
    postgres: Server, postgres_stores: PostgresStores, wire: Line, tmp_path: Path
) -> None:
    address = postgres_stores.address()
    store = shared(through(address, wire, postgres), tmp_path / "spool")
    fill(store, 2)
    cut(wire)
    with pytest.raises(MemoryAway):
        store.by_key(SCOPE, "key 1")
    kept = fill(store, 3, first=3)
    assert [entry.seq for entry in kept] == [0, 0, 0]
    assert len(store.spool.waiting()) == 3
    wire.broken = False
    until(lambda: not store.spool.waiting() and not store.away)
    found = postgres_stores.open(address)
    entries = {entry.id: entry for entry in found.entries("ann")}
    assert len(entries) == 5
    assert all(alike(entries[entry.id], entry, but=("seq",)) for entry in kept)
    assert all(found.picture(entries[entry.id]) == png(n) for n, entry in enumerate(kept, 3))
    assert fill(store, 1, first=9)[0].seq == 6
    store.close()


def test_a_dead_database_costs_one_wait_and_then_nothing(
    postgres: Server, postgres_stores: PostgresStores, wire: Line, tmp_path: Path
) -> None:
    store = shared(through(postgres_stores.address(), wire, postgres), tmp_path)
    wire.stalled = True
    spent = []
    for _ in range(20):
        began = time.monotonic()
        with pytest.raises(MemoryAway):
            store.description_of("ann", "field 1", "a cat")
        spent.append(time.monotonic() - began)
    assert spent[0] < 1.0
    assert sum(spent[1:]) < 0.1
    wire.stalled = False
    wire.drop()
    until(lambda: not store.away)
    assert store.description_of("ann", "field 1", "a cat") is None
    store.close()


def test_a_process_that_is_killed_leaves_its_spool_to_the_next(
    postgres: Server, postgres_stores: PostgresStores, tmp_path: Path
) -> None:
    address = postgres_stores.address()
    dead = address.replace(f":{postgres.port}/", f":{free_port()}/")

    def paint() -> None:
        fill(shared(dead, tmp_path), 3)
        raise SystemExit  # without closing anything

    assert ended(forked(paint)) == 1
    first, *_ = Spool(tmp_path).waiting()
    first.write_bytes(first.read_bytes()[:-1])  # torn by the disk
    store = shared(address, tmp_path)
    until(lambda: not store.spool.waiting())
    assert store.statistics().entries == 2
    assert len([*tmp_path.glob("*/*.damaged")]) == 1
    store.close()


def test_two_machines_that_catch_up_with_one_spool_add_each_once(
    postgres_stores: PostgresStores, tmp_path: Path
) -> None:
    kept = [Spool(tmp_path).put(make_entry(n, created=1e9), png(n), ".png") for n in range(20)]
    address = postgres_stores.address()
    postgres_stores.open(address)
    stores = [shared(address, tmp_path) for _ in range(2)]
    until(lambda: not Spool(tmp_path).waiting())
    for store in stores:
        store.close()
    found = postgres_stores.open(address).entries("ann")
    assert sorted(entry.id for entry in found) == sorted(entry.id for entry in kept)


def test_a_full_spool_says_that_it_does_not_remember(tmp_path: Path) -> None:
    spool = Spool(tmp_path, bound=6000)
    kept = spool.put(make_entry(1, created=1.0), png(1, 1000), ".png")
    with pytest.raises(MemoryBusy, match="is full"):
        spool.put(make_entry(2, created=1.0), png(2, 4000), ".png")
    assert [entry.id for _, entry, _, _ in spool.entries()] == [kept.id]


def test_what_is_forgotten_does_not_come_back_from_the_spool(
    postgres: Server, postgres_stores: PostgresStores, wire: Line, tmp_path: Path
) -> None:
    store = shared(through(postgres_stores.address(), wire, postgres), tmp_path)
    store._why = MemoryAway("away")  # as found by another thread
    mine, other = (store.spool.put(make_entry(n, o, created=1.0), png(n), ".png") for n, o in ((1, "ann"), (2, "bob")))
    with pytest.raises(MemoryAway):
        store.remove("ann")
    store._why = None
    assert store.remove("ann", [mine.id, other.id]) == 1
    assert len(store.spool.waiting()) == 1
    store.close()


@pytest.mark.parametrize("fault", ["broken", "stalled"])
def test_a_place_of_pictures_that_fails_is_let_alone_and_caught_up_with(
    postgres_stores: PostgresStores, line: Line, tmp_path: Path, fault: str
) -> None:
    address = postgres_stores.address().partition("&pictures=")[0] + f"&pictures=s3://{BUCKET}/{tmp_path.name}"
    store = shared(address, tmp_path)
    (entry,) = fill(store, 1)
    assert store.picture(entry) == png(1)
    setattr(line, fault, True)
    line.drop()
    began = time.monotonic()
    (kept,) = fill(store, 1, first=2)
    assert time.monotonic() - began < 1.5
    assert store.get([entry.seq])  # the database answers all the while
    assert store.spool.waiting()
    setattr(line, fault, False)
    line.drop()
    until(lambda: not store.spool.waiting())
    found = {e.id: e for e in store.entries("ann")}[kept.id]
    assert store.picture(found) == png(2)
    store.close()


def test_a_studio_paints_cold_while_its_memory_is_away_and_remembers_afterwards(
    studio: Studio,
    postgres: Server,
    postgres_stores: PostgresStores,
    wire: Line,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLASHPAINT_SPOOL", str(tmp_path))
    monkeypatch.setattr(opening, "PATIENCE_S", 0.5)
    address = through(postgres_stores.address(), wire, postgres)
    memory = open_memory(address, studio.painter.spec.title, studio.seer.name)
    own = Studio(studio.seer, studio.teller, studio.painter, memory)
    request = PaintRequest("a cat", seed=3, steps=2)
    first = own.paint(request)
    assert first.reuse.remembered
    assert own.paint(request).reuse.kind == "identical"
    cut(wire)
    cold = own.paint(PaintRequest("a red boat", seed=4, steps=2))
    assert any("does not answer" in note for note in cold.notes)
    assert not any(secret in note for note in cold.notes for secret in ("s3cret", "127.0.0.1", str(wire.port)))
    assert cold.reuse.remembered
    assert cold.reuse.kind != "identical"
    wire.broken = False
    assert isinstance(memory.store, SharedStore)
    spool = memory.store.spool
    until(lambda: not spool.waiting())
    again = own.paint(PaintRequest("a red boat", seed=4, steps=2))
    assert (again.reuse.kind, again.reuse.remembered) == ("identical", cold.reuse.remembered)
    memory.close()


def test_a_wrong_password_or_name_is_said_at_once(postgres_stores: PostgresStores, tmp_path: Path) -> None:
    with pytest.raises(OutOfRange, match="does not exist"):
        shared(postgres_stores.address().replace("/postgres?", "/nosuch?"), tmp_path)
