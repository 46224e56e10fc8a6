"""The nearest entries to some features: exact among few, approximate (HNSW, Malkov and Yashunin 2018) among many.

Derived from the store and made again from it at any time; a snapshot on disk only saves that time. Knows no policy.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.memory.entry import Kind, Scope, digest_of
from flashpaint.memory.store import Store
from flashpaint.models.files import sha256_of

EXACT = 4096  # entries up to which one pass over all is as fast: about a millisecond
LINKS, BUILD_EF, QUERY_EF = 16, 100, 128  # recall 0.99 and more of ten at 100,000 entries (docs/performance.md)
FORMAT = 2  # of the snapshots; an older one is made anew
GROWTH = 1.1  # a snapshot is written again once the index has grown by this
WITNESSES = 16  # entries by which a snapshot and a store are known to belong together

log = logging.getLogger(__name__)


class Index:
    """Of the features of one kind in one scope. folder: for its snapshot, None for none."""

    def __init__(self, store: Store, scope: Scope, kind: Kind, folder: Path | None = None, exact: int = EXACT) -> None:
        self.store, self.scope, self.kind, self.exact = store, scope, kind, exact
        self._turn = threading.Lock()
        self._seqs = np.empty(0, np.int64)
        self._features = np.empty((0, 0), np.float32)
        self._newest = 0
        self._gone: set[int] = set()  # of what is in here
        self._never = np.empty(0, np.int64)  # not to be taken in again, should the store still list them
        self._graph: Any = None
        self._building: threading.Thread | None = None
        name = digest_of({"scope": scope.digest, "kind": kind, "format": FORMAT})
        self._snapshot = None if folder is None else folder / f"{name}.voy"
        self._saved = 0
        if self._snapshot is not None:
            self._open_snapshot(self._snapshot)

    def __len__(self) -> int:
        return (len(self._graph) if self._graph is not None else len(self._seqs)) - len(self._gone)

    def nearest(self, z: NDArray[Any], k: int = 16) -> list[tuple[int, float]]:
        """(seq, cosine) of at most k entries, nearest first, those of other processes too. z: (dim,) of length 1."""
        with self._turn:
            self._refresh()
            wanted = min(k + len(self._gone), len(self) + len(self._gone))
            found = self._by_graph(z, wanted) if self._graph is not None else self._by_all(z, wanted)
        return [(seq, near) for seq, near in found if seq not in self._gone][:k]

    def forget(self, seq: int) -> None:
        """It is no longer in the store."""
        with self._turn:
            if seq not in (self._graph if self._graph is not None else self._seqs):
                return
            self._gone.add(seq)
            if len(self._gone) > max(64, len(self) // 5):  # the living would drown among them
                self._never = np.concatenate([self._never, np.fromiter(self._gone, np.int64)])
                self._newest, self._graph, self._gone, self._building = 0, None, set(), None
                self._seqs, self._features = np.empty(0, np.int64), np.empty((0, 0), np.float32)

    def build(self) -> None:
        """Make the graph now, and its snapshot, where there are entries enough for one."""
        with self._turn:
            self._refresh()
        while (building := self._building) is not None:
            building.join()

    def _refresh(self) -> None:
        seqs, features = self.store.vectors(self.scope, self.kind, self._newest)
        if not len(seqs):
            return
        self._newest = int(seqs[-1])
        seqs, rows = self._sound(seqs, features.astype(np.float32))
        if not len(seqs):
            return
        if self._graph is not None:
            self._graph.add_items(rows, seqs.tolist())
            self._save()
            return
        self._seqs = np.concatenate([self._seqs, seqs])
        self._features = np.concatenate([self._features, rows]) if self._features.size else rows
        if len(self._seqs) > self.exact and self._building is None:
            self._building = threading.Thread(target=self._build, name="memory index", daemon=True)
            self._building.start()

    def _sound(self, seqs: NDArray[np.int64], rows: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Those that may be taken in: a damaged row must not break the others."""
        dim = self._graph.num_dimensions if self._graph is not None else self._features.shape[1]
        if dim and rows.shape[1] != dim:
            return seqs[:0], rows[:0]
        fit = np.isfinite(rows).all(1) & ~np.isin(seqs, self._never)
        return seqs[fit], rows[fit]

    def _by_all(self, z: NDArray[Any], k: int) -> list[tuple[int, float]]:
        if k <= 0:
            return []
        near = self._features @ z.astype(np.float32)
        best = np.argpartition(-near, k - 1)[:k]
        best = best[np.argsort(-near[best], kind="stable")]
        return [(int(self._seqs[at]), float(near[at])) for at in best]

    def _by_graph(self, z: NDArray[Any], k: int) -> list[tuple[int, float]]:
        if k <= 0:
            return []
        import voyager

        try:
            seqs, distances = self._graph.query(z.astype(np.float32), k=k, query_ef=max(QUERY_EF, k))
        except voyager.RecallError:  # that many cannot be reached: among many that are equal, links lead in circles
            return self._by_graph(z, k // 2)
        return [(int(seq), 1 - float(distance)) for seq, distance in zip(seqs, distances, strict=True)]

    def _build(self) -> None:
        """Beside the exact search, which serves meanwhile; what came in since is added at the end."""
        import voyager

        with self._turn:
            if self._building is not threading.current_thread():  # too many of these were forgotten meanwhile
                return
            seqs, features = self._seqs, self._features
        graph = voyager.Index(
            voyager.Space.InnerProduct,
            num_dimensions=features.shape[1],
            M=LINKS,
            ef_construction=BUILD_EF,
            max_elements=2 * len(seqs),
        )
        # in any order but their own: runs of equal rows, one prompt in many seeds, would link only to each other
        order = np.random.default_rng(0).permutation(len(seqs))
        graph.add_items(features[order], seqs[order].tolist())
        with self._turn:
            if self._building is not threading.current_thread():
                return
            if newer := len(self._seqs) - len(seqs):
                graph.add_items(self._features[-newer:], self._seqs[-newer:].tolist())
            self._graph, self._building = graph, None
            self._seqs, self._features = np.empty(0, np.int64), np.empty((0, 0), np.float32)
            self._save()

    def _save(self) -> None:
        if self._snapshot is None or len(self._graph) < self._saved * GROWTH:
            return
        scratch = self._snapshot.with_suffix(f".{os.getpid()}.tmp")
        try:
            ids = self._witnesses()
            if str(self._newest) not in ids:  # it is gone already: the next one will do
                return
            self._snapshot.parent.mkdir(parents=True, exist_ok=True)
            self._graph.save(str(scratch))
            about = {"newest": self._newest, "entries": len(self._graph), "hash": sha256_of(scratch), "ids": ids}
            scratch.replace(self._snapshot)
            scratch.write_text(json.dumps(about))
            scratch.replace(self._snapshot.with_suffix(".json"))
            self._saved = len(self._graph)
        except (OSError, RuntimeError) as error:  # without it the next process builds again, nothing else
            log.warning("no snapshot of the memory's index: %s", error)
            scratch.unlink(missing_ok=True)

    def _witnesses(self) -> dict[str, str]:
        """Ids by number, of the newest entry and of some across the whole: numbers are given once and in order, so a
        store that has the newest one under its number has the same ones before it."""
        seqs = sorted(self._graph.ids)
        chosen = {*seqs[:: max(1, len(seqs) // WITNESSES)], self._newest}
        return {str(entry.seq): entry.id for entry in self.store.get(sorted(chosen))}

    def _open_snapshot(self, path: Path) -> None:
        """One that is missing, torn or of another store counts as none."""
        about = read_about(path)
        if about is None or not self._is_known(about):
            return
        import voyager

        try:
            graph = voyager.Index.load(str(path))
        except (OSError, ValueError, RuntimeError):
            return
        if len(graph) == about["entries"]:
            self._graph, self._newest, self._saved = graph, about["newest"], len(graph)

    def _is_known(self, about: dict[str, Any]) -> bool:
        """Whether the entries in the snapshot are the store's; some may have been removed since, not the newest."""
        return belongs(about, {str(entry.seq): entry.id for entry in self.store.get([*map(int, about["ids"])])})


def belongs(about: dict[str, Any], found: Mapping[str, str]) -> bool:
    """Whether a snapshot that tells this of itself is of the store which holds these, of the entries it names."""
    return str(about["newest"]) in found and found.items() <= about["ids"].items()


def read_about(snapshot: Path) -> dict[str, Any] | None:
    """What is written beside a snapshot: newest and ids, entries, hash; None where the snapshot is not what that says.
    Only then may it be loaded: its format does not defend itself."""
    try:
        about = json.loads(snapshot.with_suffix(".json").read_text())
        numbers = isinstance(about["newest"], int) and isinstance(about["entries"], int)
        ids = all(isinstance(id, str) and seq.isdecimal() for seq, id in about["ids"].items())
        return about if numbers and ids and about["hash"] == sha256_of(snapshot) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
