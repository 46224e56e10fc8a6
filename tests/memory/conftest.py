"""Entries, a small store and what happens to it in other processes."""

from __future__ import annotations

import os
import random
import struct
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashpaint.memory.entry import KINDS, Entry, Scope
from flashpaint.memory.sqlite import SqliteStore

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


def fill(store: SqliteStore, number: int, first: int = 1, **changes: Any) -> list[Entry]:
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
