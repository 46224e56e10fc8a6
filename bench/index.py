"""The memory's index on what mini's clip sees in real prompts: recall against exact search, and milliseconds a query.

python bench/index.py --entries 100000 [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint import Studio
from flashpaint.memory.entry import Scope
from flashpaint.memory.index import Index
from training.grammar import prompts
from training.world import sample

SCOPE = Scope(owner="", painter="mini", seer="mini", width=256, height=256)
QUERIES, K = 500, 10


class Rows:
    """As much of a store as the index asks."""

    def __init__(self, features: NDArray[np.float16]) -> None:
        self.features, self.seqs = features, np.arange(1, len(features) + 1)

    def vectors(self, scope: Scope, kind: str, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        return self.seqs[after:], self.features[after:]

    def change(self) -> tuple[int, int]:
        return len(self.seqs), 0

    def get(self, seqs: list[int]) -> list[SimpleNamespace]:
        return [SimpleNamespace(seq=seq, id=f"{seq}") for seq in seqs]


def prompts_of(number: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [prompts(sample(rng), rng, rng.choice(["en", "zh"])) for _ in range(number)]


def seen(studio: Studio, texts: list[str]) -> NDArray[np.float16]:
    parts = [studio.seer.see_text(texts[k : k + 64]).astype(np.float16) for k in range(0, len(texts), 64)]
    return np.concatenate(parts)


def timed(index: Index, queries: NDArray[Any]) -> tuple[list[list[int]], float]:
    """(the K nearest of each query, median milliseconds)."""
    found, spent = [], []
    for z in queries:
        started = time.perf_counter()
        found.append([seq for seq, _ in index.nearest(z, K)])
        spent.append(time.perf_counter() - started)
    return found, 1000 * statistics.median(spent)


def recall(
    features: NDArray[np.float16], queries: NDArray[np.float32], found: list[list[int]], exact: list[list[int]]
) -> float:
    """The share of what was found that lies as near as the K nearest do: prompts that are said twice are equally near,
    and either will do."""
    shares = []
    for z, mine, best in zip(queries, found, exact, strict=True):
        near, least = (features[np.array(seqs) - 1].astype(np.float32) @ z for seqs in (mine, best))
        shares.append(float(np.mean(near >= least.min() - 1e-4)))
    return statistics.fmean(shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    studio = Studio.open()
    store: Any = Rows(seen(studio, prompts_of(asked.entries, 0)))
    queries = seen(studio, prompts_of(QUERIES, 1)).astype(np.float32)
    figures: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        figures[name] = value
        print(f"{name:20} {value:.4g}", flush=True)

    exact, spent = timed(Index(store, SCOPE, "prompt", exact=asked.entries), queries)
    note("exact_ms", spent)
    with tempfile.TemporaryDirectory() as folder:
        index = Index(store, SCOPE, "prompt", Path(folder))
        started = time.perf_counter()
        index.build()
        note("build_s", time.perf_counter() - started)
        found, spent = timed(index, queries)
        note("graph_ms", spent)
        note("recall", recall(store.features, queries, found, exact))
        started = time.perf_counter()
        Index(store, SCOPE, "prompt", Path(folder)).nearest(queries[0], K)
        note("open_snapshot_s", time.perf_counter() - started)
    if asked.json:
        asked.json.write_text(json.dumps({"command": " ".join(["python", *sys.argv]), "figures": figures}, indent=1))


if __name__ == "__main__":
    main()
