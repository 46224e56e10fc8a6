"""A memory is copied between folders and databases, in each direction, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flashpaint.cli import app
from flashpaint.memory.copying import Copied, copy_memory
from flashpaint.memory.opening import open_end
from flashpaint.memory.sqlite import SqliteStore
from flashpaint.memory.store import Store
from tests.memory.conftest import PostgresStores, alike, fill, png

WAYS = [("folder", "postgres"), ("postgres", "folder"), ("folder", "folder"), ("postgres", "postgres")]


@pytest.fixture(params=WAYS, ids=["-to-".join(way) for way in WAYS])
def way(request: pytest.FixtureRequest, postgres_stores: PostgresStores, tmp_path: Path) -> tuple[str, str]:
    source, target = (
        str(tmp_path / f"memory {n}") if kind == "folder" else postgres_stores.address()
        for n, kind in enumerate(request.param)
    )
    return source, target


def filled(address: str) -> Store:
    store = open_end(address).store
    kept = [*fill(store, 6), *fill(store, 2, first=20, owner="bob", latents=None)]  # type: ignore[arg-type]
    for _ in range(3):
        store.hit(kept[2].seq, 8)
    store.remove("ann", [kept[0].id])
    return store


def earned(address: str) -> dict[str, tuple[int, int, float, float]]:
    found = open_end(address).all()
    return {e.id: (u.hits, u.saved, u.used, pytest.approx(u.heat)) for e, u in found if e is not None}


def test_a_copy_keeps_all_and_twice_is_as_good_as_once(way: tuple[str, str]) -> None:
    store = filled(way[0])
    assert copy_memory(open_end(way[0]), open_end(way[1])) == Copied(added=7)
    assert copy_memory(open_end(way[0]), open_end(way[1])) == Copied(skipped=7)
    other = open_end(way[1]).store
    for owner in ("ann", "bob"):
        for one, copied in zip(store.entries(owner), other.entries(owner), strict=True):
            assert alike(one, copied, but=("seq",))
            assert other.picture(copied) == store.picture(one)
            assert one.key == "" or other.by_key(copied.scope, copied.key) is not None
    assert earned(way[0]) == earned(way[1])
    told, others = store.statistics(), other.statistics()
    assert (told.entries, told.bytes, told.hits, told.steps_saved) == (
        others.entries,
        others.bytes,
        others.hits,
        others.steps_saved,
    )


def test_a_copy_that_was_stopped_goes_on(way: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    filled(way[0])
    target = open_end(way[1])
    real, added = target.earn, []

    def stops(id: str, earned: object) -> None:
        if len(added) == 3:
            raise KeyboardInterrupt  # after adding, before its uses are there
        added.append(id)
        real(id, earned)  # type: ignore[arg-type]

    monkeypatch.setattr(target, "earn", stops)
    with pytest.raises(KeyboardInterrupt):
        copy_memory(open_end(way[0]), target)
    assert copy_memory(open_end(way[0]), open_end(way[1])) == Copied(added=3, skipped=4)
    assert earned(way[0]) == earned(way[1])


def test_what_is_damaged_is_left_out_and_stays_where_it_is(postgres_stores: PostgresStores, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "memory")
    kept = fill(store, 3)
    store.files.path(kept[1].picture).write_bytes(png(9))
    target = open_end(postgres_stores.address())
    assert copy_memory(open_end(tmp_path / "memory"), target) == Copied(added=2, left=1)
    assert store.statistics().entries == 3


def test_the_command_says_what_it_did_and_shows_no_password(postgres_stores: PostgresStores, tmp_path: Path) -> None:
    folder, address = str(tmp_path / "memory"), postgres_stores.address()
    filled(folder)
    run = CliRunner().invoke(app, ["memory", "copy", folder, address])
    assert run.exit_code == 0, run.output
    assert "7 copied" in run.output
    for order in ([], ["list"], ["budget", "1GB"], ["verify"], ["forget", "--all"]):
        told = CliRunner().invoke(app, ["memory", "--memory", address, *order])
        assert "s3cret" not in told.output
        assert (told.exit_code == 0) == (order != ["verify"]), told.output
    refused = CliRunner().invoke(app, ["memory", "copy", address, address])
    assert refused.exit_code != 0
    missing = CliRunner().invoke(app, ["memory", "copy", str(tmp_path / "none"), address])
    assert missing.exit_code != 0
    assert not (tmp_path / "none").exists()
