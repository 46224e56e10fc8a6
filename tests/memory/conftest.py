"""Entries, a small store and what happens to it in other processes."""

from __future__ import annotations

import os
import random
import secrets
import struct
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pytest

from flashpaint.memory.calibration import default_calibration
from flashpaint.memory.entry import KINDS, Entry, Scope
from flashpaint.memory.memory import Memory
from flashpaint.memory.sqlite import SqliteStore
from tests.memory.postgres_server import MISSING, Server, programs

if TYPE_CHECKING:
    from flashpaint.memory.postgres import PostgresStore

AnyStore: TypeAlias = "SqliteStore | PostgresStore"
DIM = 32
SCOPE = Scope(owner="ann", painter="mini 1", seer="clip", width=64, height=64)


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    z = rng.standard_normal((*shape, DIM))
    return (z / np.linalg.norm(z, axis=-1, keepdims=True)).astype(np.float16)


def png(number: int = 0, padding: int = 0) -> bytes:
    """One pixel, of this colour, and a comment of random bytes to make it as large as need be."""

    def chunk(kind: bytes, told: bytes) -> bytes:
        return struct.pack(">I", len(told)) + kind + told + struct.pack(">I", zlib.crc32(kind + told))

    pixel = zlib.compress(b"\0" + number.to_bytes(6, "big"))
    said = b"Comment\0" + random.Random(number).randbytes(padding).replace(b"\0", b"1") if padding else b""
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)), chunk(b"IDAT", pixel), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + parts[0] + (chunk(b"tEXt", said) if said else b"") + b"".join(parts[1:])


def make_entry(number: int = 0, owner: str = "ann", **changes: Any) -> Entry:
    rng = np.random.default_rng(number)
    entry = Entry(
        scope=replace(SCOPE, owner=owner),
        prompt=f"A cat {number}",
        description=f"a cat, number {number}, on a mat",
        features={kind: unit(rng) for kind in KINDS},
        latents=rng.standard_normal((4, 4, 4)).astype(np.float16),
        key=f"key {number}",
        teller="field 1",
        seed=number,
        steps=8,
        record={"prompt": f"A cat {number}", "used": {"model": "mini"}},
    )
    return replace(entry, **changes)


def fill(store: AnyStore, number: int, first: int = 1, **changes: Any) -> list[Entry]:
    return [store.add(make_entry(n, **changes), png(n), ".png") for n in range(first, first + number)]


def alike(one: Entry, other: Entry, but: tuple[str, ...] = ()) -> bool:
    """Whether all of two entries is equal, their arrays to the bit."""
    plain = [f for f in Entry.__dataclass_fields__ if f not in ("features", "latents", *but)]
    return (
        all(getattr(one, field) == getattr(other, field) for field in plain)
        and {k: v.tobytes() for k, v in one.features.items()} == {k: v.tobytes() for k, v in other.features.items()}
        and (one.latents is None) == (other.latents is None)
        and (one.latents is None or np.array_equal(one.latents, other.latents))
    )


def forked(run: Callable[[], None]) -> int:
    """The id of a child that runs this and ends, with 1 where it raises; it shares what was imported, nothing open."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    status = 1
    try:
        run()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "memory")
    yield store
    store.close()


class Stores(Protocol):
    """Makes empty stores of one kind."""

    def __call__(self, budget: int | None = None) -> AnyStore: ...

    def again(self, store: AnyStore) -> AnyStore:
        """The same one, as another process opens it."""
        ...

    def memory(self, store: AnyStore) -> Memory: ...


class FolderStores:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, budget: int | None = None) -> AnyStore:
        return SqliteStore(self.folder / secrets.token_hex(4), budget)

    def again(self, store: AnyStore) -> AnyStore:
        assert isinstance(store, SqliteStore)
        return SqliteStore(store.folder)

    def memory(self, store: AnyStore) -> Memory:
        return Memory(store, default_calibration("mini", "mini"))


class PostgresStores:
    """Each in a schema of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.opened: list[AnyStore] = []

    def __call__(self, budget: int | None = None) -> AnyStore:
        return self.open(self.address(), budget)

    def address(self) -> str:
        """Of one that is empty yet."""
        schema = f"s{secrets.token_hex(4)}"
        self.server.execute(f"CREATE SCHEMA {schema}")
        return self.server.address(self.folder / schema, schema)

    def open(self, address: str, budget: int | None = None, wait_s: float = 10.0) -> PostgresStore:
        from flashpaint.memory.address import address_of
        from flashpaint.memory.objects import open_pictures
        from flashpaint.memory.postgres import PostgresStore

        found = address_of(address)
        self.opened.append(PostgresStore(found, open_pictures(found.pictures), budget, wait_s))
        return self.opened[-1]

    def again(self, store: AnyStore) -> AnyStore:
        from flashpaint.memory.postgres import PostgresStore

        assert isinstance(store, PostgresStore)
        self.opened.append(PostgresStore(store.address, store.files))
        return self.opened[-1]

    def memory(self, store: AnyStore) -> Memory:
        from flashpaint.memory.postgres import PostgresStore

        assert isinstance(store, PostgresStore)
        return Memory(store, default_calibration("mini", "mini"), neighbours=store.neighbours)

    def close(self) -> None:
        for store in self.opened:
            store.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server that all tests share but those that kill theirs."""
    yield from running("fsync=off")


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server that may be killed, and is up again when a test begins."""
    yield from running()


def running(*settings: str) -> Iterator[Server]:
    if (found := programs()) is None:
        pytest.skip(MISSING)
    server = Server(found, *settings)
    try:
        server.start()
        server.execute("CREATE EXTENSION vector")
        yield server
    finally:
        server.stop()


@pytest.fixture
def folder_stores(tmp_path: Path) -> Stores:
    return FolderStores(tmp_path)


@pytest.fixture
def postgres_stores(postgres: Server, tmp_path: Path) -> Iterator[PostgresStores]:
    made = PostgresStores(postgres, tmp_path)
    yield made
    made.close()


@pytest.fixture
def mortal_stores(mortal: Server, tmp_path: Path) -> Iterator[PostgresStores]:
    made = PostgresStores(mortal, tmp_path)
    yield made
    made.close()
