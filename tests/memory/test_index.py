from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from flashpaint.memory.calibration import default_calibration
from flashpaint.memory.entry import Entry
from flashpaint.memory.index import Index
from flashpaint.memory.memory import Memory
from flashpaint.memory.sqlite import SqliteStore
from tests.memory.conftest import DIM, SCOPE, ended, fill, forked, make_entry, png, unit


class Listed:
    """A store of vectors alone, as many as one likes at no cost."""

    def __init__(self, features: np.ndarray) -> None:
        self.features, self.ids = features, [f"id {n}" for n in range(1, len(features) + 1)]
        self.gone: set[int] = set()

    def vectors(self, scope: object, kind: object, after: int = 0) -> tuple[np.ndarray, np.ndarray]:
        seqs = np.array([n for n in range(after + 1, len(self.features) + 1) if n not in self.gone], np.int64)
        return seqs, self.features[seqs - 1]

    def get(self, seqs: list[int]) -> list[Entry]:
        there = [n for n in seqs if n <= len(self.ids) and n not in self.gone]
        return [make_entry(0, id=self.ids[n - 1], seq=n) for n in there]

    def add(self, features: np.ndarray) -> None:
        self.features = np.concatenate([self.features, features])
        self.ids += [f"id {n}" for n in range(len(self.ids) + 1, len(self.features) + 1)]


def clustered(number: int, seed: int = 0) -> np.ndarray:
    """As descriptions are: around some fifty things."""
    rng, things = np.random.default_rng(seed), unit(np.random.default_rng(99), 50)
    rows = things[rng.integers(0, 50, number)] + 0.1 * rng.standard_normal((number, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def by_force(features: np.ndarray, z: np.ndarray, k: int) -> list[int]:
    return [int(n) + 1 for n in np.argsort(-(features.astype(np.float32) @ z.astype(np.float32)), kind="stable")[:k]]


def recall(index: Index, features: np.ndarray, queries: np.ndarray, k: int = 10) -> float:
    hits = [{seq for seq, _ in index.nearest(z, k)} & set(by_force(features, z, k)) for z in queries]
    return sum(map(len, hits)) / (k * len(queries))


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return clustered(5000)


def test_among_few_the_nearest_are_exact() -> None:
    features = clustered(800)
    index = Index(Listed(features), SCOPE, "description")
    for z in clustered(50, seed=1).astype(np.float32):
        found = index.nearest(z, 10)
        assert [seq for seq, _ in found] == by_force(features, z, 10)
        assert np.allclose([near for _, near in found], [features[seq - 1] @ z for seq, _ in found], atol=1e-3)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_there_are_never_more_than_there_are(number: int) -> None:
    index = Index(Listed(clustered(number)), SCOPE, "prompt")
    assert len(index.nearest(clustered(1)[0], 16)) == number


def test_among_many_the_graph_finds_nearly_all(many: np.ndarray) -> None:
    index = Index(Listed(many), SCOPE, "description", exact=1000)
    index.build()
    assert index._graph is not None
    assert recall(index, many, clustered(200, seed=1)) >= 0.99


def test_the_graph_finds_what_was_painted_in_many_seeds() -> None:
    features = np.repeat(unit(np.random.default_rng(0), 150), 30, axis=0)  # their features are equal
    index = Index(Listed(features), SCOPE, "description", exact=1000)
    index.build()
    found = [index.nearest(z, 16) for z in features[::30]]
    assert all(len(each) == 16 for each in found)
    assert np.mean([all(near > 0.99 for _, near in each) for each in found]) >= 0.98


def test_answers_come_while_the_graph_is_built(many: np.ndarray) -> None:
    index = Index(Listed(many), SCOPE, "description", exact=1000)
    assert recall(index, many, clustered(5, seed=1)) == 1
    index.build()


def test_newcomers_are_found_before_and_after_the_graph(tmp_path: Path, many: np.ndarray) -> None:
    store = Listed(many)
    index = Index(store, SCOPE, "description", tmp_path, exact=1000)
    index.build()
    again = Index(store, SCOPE, "description", tmp_path, exact=1000)
    assert again._graph is not None
    store.add(clustered(300, seed=7))
    for which in (index, again):
        found = [which.nearest(store.features[n - 1], 1)[0][0] for n in range(5001, 5301)]
        assert np.mean(np.array(found) == np.arange(5001, 5301)) >= 0.99


def test_the_forgotten_are_not_returned(many: np.ndarray) -> None:
    store = Listed(many)
    for index in (Index(store, SCOPE, "prompt"), Index(store, SCOPE, "prompt", exact=1000)):
        index.build()
        z = many[10]
        gone = [seq for seq, _ in index.nearest(z, 20)]
        for seq in gone:
            index.forget(seq)
        found = [seq for seq, _ in index.nearest(z, 20)]
        assert len(found) == 20
        assert not set(found) & set(gone)


def test_those_forgotten_stay_so_when_the_index_starts_anew(many: np.ndarray) -> None:
    """Also where the store still lists them, as it does a row that is damaged."""
    index = Index(Listed(many[:300]), SCOPE, "prompt")
    for seq in range(1, 201):
        index.nearest(many[0], 5)
        index.forget(seq)
    assert {seq for seq, _ in index.nearest(many[0], 300)} == set(range(201, 301))


def test_a_search_among_damaged_rows_ends(store: SqliteStore) -> None:
    fill(store, 200)
    store._db.execute("UPDATE pictures SET prompt = 'another' WHERE seq <= 150")
    memory = Memory(store, default_calibration("mini 1", "clip"))
    found = memory.nearest(SCOPE, "prompt", make_entry(1).features["prompt"].astype(np.float32), 100)
    assert {entry.seq for entry, _ in found} == set(range(151, 201))


def test_forgetting_while_the_graph_is_built_does_no_harm(many: np.ndarray) -> None:
    store = Listed(many)
    index = Index(store, SCOPE, "prompt", exact=1000)
    index.nearest(many[0])
    store.gone = set(range(1, 1502))
    for seq in store.gone:
        index.forget(seq)
    failed: list[object] = []
    hook, threading.excepthook = threading.excepthook, failed.append
    index.build()
    threading.excepthook = hook
    assert not failed
    assert len(index) == 5000 - 1501
    assert not {seq for seq, _ in index.nearest(many[0], 100)} & store.gone


def test_a_row_of_another_length_breaks_nothing(many: np.ndarray) -> None:
    for exact in (10, 1000):
        store = Listed(many[:500])
        index = Index(store, SCOPE, "prompt", exact=exact)
        index.build()
        real, store.vectors = store.vectors, lambda *_: (np.array([501]), np.ones((1, DIM - 1), np.float16))
        assert len(index.nearest(many[0], 5)) == 5
        store.vectors = lambda *_: (np.array([502]), np.full((1, DIM), np.nan, np.float16))
        assert index.nearest(many[0], 5)[0][0] == 1
        store.vectors = real
        store.add(many[500:510])
        assert index.nearest(many[508], 1)[0][0] == 509


# ---- snapshots


def snapshot(folder: Path, ending: str = ".voy") -> Path:
    (path,) = folder.glob(f"*{ending}")
    return path


@pytest.mark.parametrize("damage", ["missing", "no facts", "garbage", "cut", "flipped", "odd facts"])
def test_a_damaged_snapshot_is_made_again_and_answers_are_equal(tmp_path: Path, many: np.ndarray, damage: str) -> None:
    store = Listed(many[:2000])
    first = Index(store, SCOPE, "description", tmp_path, exact=1000)
    first.build()
    content = bytearray(snapshot(tmp_path).read_bytes())
    if damage == "missing":
        snapshot(tmp_path).unlink()
    elif damage == "no facts":
        snapshot(tmp_path, ".json").unlink()
    elif damage == "odd facts":
        snapshot(tmp_path, ".json").write_text('{"newest": {}, "entries": [], "ids": 3, "hash": null}')
    else:
        content[len(content) // 2] ^= 0xFF
        made = {"garbage": os.urandom(len(content)), "cut": content[: len(content) // 2], "flipped": content}
        snapshot(tmp_path).write_bytes(made[damage])
    again = Index(store, SCOPE, "description", tmp_path, exact=1000)
    assert again._graph is None
    again.build()
    opened = Index(store, SCOPE, "description", tmp_path, exact=1000)
    assert opened._graph is not None
    for z in many[:100]:
        assert again.nearest(z, 1) == first.nearest(z, 1) == opened.nearest(z, 1)
    assert recall(again, many[:2000], clustered(100, seed=1)) >= 0.99


def test_a_snapshot_of_another_store_is_not_used(tmp_path: Path, many: np.ndarray) -> None:
    Index(Listed(many), SCOPE, "description", tmp_path, exact=1000).build()
    other = Listed(many[::-1])
    other.ids = [f"other {n}" for n in range(1, 5001)]
    index = Index(other, SCOPE, "description", tmp_path, exact=1000)
    assert index._graph is None
    assert index.nearest(many[-1], 1)[0][0] == 1


def test_a_snapshot_does_not_outlive_a_store_restored_from_a_backup(tmp_path: Path) -> None:
    """Numbers that were given after the backup are given again, to other entries."""
    store = SqliteStore(tmp_path / "memory")
    fill(store, 30)
    store.close()
    shutil.copytree(tmp_path / "memory", tmp_path / "backup")
    store = SqliteStore(tmp_path / "memory")
    fill(store, 10, first=31)
    index = Index(store, SCOPE, "prompt", tmp_path / "index", exact=20)
    index.build()
    assert json.loads(snapshot(tmp_path / "index", ".json").read_text())["newest"] == 40
    restored = SqliteStore(tmp_path / "backup")
    fill(restored, 15, first=101)
    again = Index(restored, SCOPE, "prompt", tmp_path / "index", exact=20)
    assert again._graph is None
    again.build()
    for entry in restored.entries("ann"):
        assert again.nearest(entry.features["prompt"], 1)[0][0] == entry.seq


def test_other_processes_entries_appear(tmp_path: Path, store: SqliteStore) -> None:
    fill(store, 5)
    index = Index(store, SCOPE, "prompt")
    new = make_entry(77)
    assert index.nearest(new.features["prompt"], 1)[0][1] < 0.99
    assert ended(forked(lambda: SqliteStore(store.folder).add(new, png(77), ".png"))) == 0
    (seq, near), *_ = index.nearest(new.features["prompt"], 1)
    assert near > 0.99
    assert store.get([seq])[0].id == new.id
