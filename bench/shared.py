"""Remember and recall, in a folder and in a shared database: milliseconds, by way of finding neighbours.

python bench/shared.py --entries 20000 [--dim 64] [--memory postgresql://…?pictures=…] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.memory.address import address_of
from flashpaint.memory.calibration import default_calibration
from flashpaint.memory.entry import KINDS, Entry, Scope
from flashpaint.memory.index import Index
from flashpaint.memory.memory import Memory
from flashpaint.memory.opening import open_database
from flashpaint.memory.postgres import PostgresStore
from flashpaint.memory.postgres_rows import insert, new_row
from flashpaint.memory.sqlite import SqliteStore

SCOPE = Scope(owner="bench", painter="mini", seer="mini", width=256, height=256)
QUERIES, K, THINGS, ADDED, TOGETHER = 300, 10, 500, 200, 500


def features(number: int, dim: int, seed: int) -> NDArray[np.float16]:
    """Around some things, as descriptions are."""
    rng = np.random.default_rng(seed)
    things = np.random.default_rng(99).standard_normal((THINGS, dim))
    rows = things[rng.integers(0, THINGS, number)] + 0.5 * rng.standard_normal((number, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def entry(number: int, row: NDArray[np.float16]) -> Entry:
    return Entry(
        scope=SCOPE if number % 10 else replace(SCOPE, owner="another"),
        prompt=f"a cat {number}",
        description=f"a cat, number {number}",
        features=dict.fromkeys(KINDS, row),
        latents=np.zeros((16, 16, 16), np.float16),
        key=f"key {number}",
    )


def timed(runs: list[Callable[[], Any]]) -> tuple[float, float, list[Any]]:
    """(median, 99th percentile) milliseconds, and what came of each."""
    spent, found = [], []
    for run in runs:
        began = time.perf_counter()
        found.append(run())
        spent.append(1000 * (time.perf_counter() - began))
    return statistics.median(spent), float(np.percentile(spent, 99)), found


def fill(store: SqliteStore | PostgresStore, rows: NDArray[np.float16]) -> None:
    """Rows alone, many a transaction: what is timed is added to as many as these."""
    for start in range(0, len(rows), TOGETHER):
        some = [entry(n, rows[n]) for n in range(start, min(start + TOGETHER, len(rows)))]
        if isinstance(store, SqliteStore):
            with store._writing():
                for one in some:
                    store._insert(one, f"{'0' * 64}.png", 30_000)
        else:
            made = [new_row(one, f"{'0' * 64}.png", 30_000, time.time())[1] for one in some]
            store.connections.write(lambda db, made=made: [insert(db, row) for row in made])  # type: ignore[misc]


def measure(memory: Memory, rows: NDArray[np.float16], asked: NDArray[np.float16]) -> dict[str, Any]:
    store, picture = memory.store, b"\x89PNG" + bytes(30_000)
    assert isinstance(store, (SqliteStore, PostgresStore))
    store.add(entry(len(rows), rows[0]), picture, ".png")  # makes the indexes
    began = time.perf_counter()
    fill(store, rows)
    told: dict[str, Any] = {"fill_s": time.perf_counter() - began}
    later = range(len(rows) + 1, len(rows) + 1 + ADDED)
    told["add_ms"] = timed(
        [lambda n=n: store.add(entry(n, rows[n % len(rows)]), picture + n.to_bytes(4, "big"), ".png") for n in later]
    )[:2]
    told["by_key_ms"] = timed([lambda n=n: store.by_key(SCOPE, f"key {n}") for n in range(1, QUERIES)])[:2]
    told["hit_ms"] = timed([lambda n=n: store.hit(n + 1, 4) for n in range(QUERIES)])[:2]
    began = time.perf_counter()
    memory.nearest(SCOPE, "description", asked[0], K)
    if isinstance(index := memory.index(SCOPE, "description"), Index):
        index.build()
    told["first_recall_s"] = time.perf_counter() - began
    near = timed([lambda z=z: memory.nearest(SCOPE, "description", z, K) for z in asked])
    return told | {"recall_ms": near[:2], "recall": share(memory, asked, near[2])}


def share(memory: Memory, asked: NDArray[np.float16], found: list[list[tuple[Entry, float]]]) -> float:
    """Of what was found, how much lies as near as the K nearest by exact search do."""
    _, rows = memory.store.vectors(SCOPE, "description")
    shares = []
    for z, near in zip(asked.astype(np.float32), found, strict=True):
        least = np.sort(rows.astype(np.float32) @ z)[-K]
        shares.append(sum(cosine >= least - 2e-3 for _, cosine in near) / K)
    return statistics.fmean(shares)


def again(memory: Memory, asked: NDArray[np.float16]) -> dict[str, Any]:
    """Recall from a database that is filled, by an index in this process."""
    derived = Memory(memory.store, memory.calibration)
    began = time.perf_counter()
    derived.nearest(SCOPE, "description", asked[0], K)
    index = derived.index(SCOPE, "description")
    assert isinstance(index, Index)
    index.build()
    spent = time.perf_counter() - began
    near = timed([lambda z=z: derived.nearest(SCOPE, "description", z, K) for z in asked])
    return {"first_recall_s": spent, "recall_ms": near[:2], "recall": share(derived, asked, near[2])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2000, help="how many are remembered first")
    parser.add_argument("--dim", type=int, default=64, help="numbers of a feature: what the seer has")
    parser.add_argument(
        "--memory", help="an empty shared memory, which is filled; without it, only a folder is measured"
    )
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    rows, asked = features(options.entries, options.dim, 0), features(QUERIES, options.dim, 1)
    table = default_calibration("mini", "mini")
    with tempfile.TemporaryDirectory() as folder:
        told = {"folder": measure(Memory(SqliteStore(Path(folder)), table), rows, asked)}
    if options.memory:
        store = open_database(address_of(options.memory), 600.0)
        shared = Memory(store, table, neighbours=store.neighbours)
        told["database"] = measure(shared, rows, asked)
        told["database, index here"] = again(shared, asked)
    for name, figures in told.items():
        print(f"\n{name}, {options.entries:,} entries of {options.dim} numbers")
        for what, value in figures.items():
            shown = "  ".join(f"{v:9.2f}" for v in value) if isinstance(value, tuple) else f"{value:9.3f}"
            print(f"  {what:16} {shown}")
    if options.json:
        options.json.write_text(json.dumps({"command": " ".join(sys.argv), **told}, indent=2))


if __name__ == "__main__":
    main()
