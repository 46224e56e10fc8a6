"""Recall and remember, in features and latents: what there is for a request, and what is kept of a painting.

Knows the store, its index and the calibration; knows no clip, language model or painter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.memory.calibration import Calibration
from flashpaint.memory.entry import Entry, Kind, Scope
from flashpaint.memory.index import Index
from flashpaint.memory.store import Neighbours, Store

NEIGHBOURS = 16  # of which one is chosen
ALIKE = 0.005  # of similarity: neighbours that near to the best are as good, and chance chooses
# what is asked for often gets more pictures of its own to start from, so that not all come to look like the first: one
# more for every so many uses of each, up to so many
USES, VARIETY = 12, 8
LENDS = 0.9  # the noise share above which a picture that started from another is as good as one from noise


@dataclass(frozen=True)
class Match:
    """A neighbour to start from, and the noise share at which."""

    entry: Entry
    similarity: float
    noise: float


@dataclass
class Counts:
    """Since this memory was opened."""

    asked: int = 0
    identical: int = 0
    near: int = 0
    refused: int = 0
    told: int = 0


class Memory:
    """calibration: for the painter and clip in use. folder: where the index keeps its snapshots, None for nowhere.
    neighbours: of a store that searches itself, in the stead of an index in this process."""

    def __init__(
        self,
        store: Store,
        calibration: Calibration,
        folder: Path | None = None,
        neighbours: Callable[[Scope, Kind], Neighbours] | None = None,
    ) -> None:
        self.store, self.calibration, self.folder, self._neighbours = store, calibration, folder, neighbours
        self.counts = Counts()
        self._indexes: dict[tuple[str, Kind], Neighbours] = {}
        self._turn = threading.Lock()

    def index(self, scope: Scope, kind: Kind) -> Neighbours:
        if self._neighbours is not None:
            return self._neighbours(scope, kind)
        with self._turn:
            name = (scope.digest, kind)
            if name not in self._indexes:
                self._indexes[name] = Index(self.store, scope, kind, self.folder and self.folder / "index")
            return self._indexes[name]

    def description(self, scope: Scope, teller: str, prompt: str, z: NDArray[np.float32]) -> str | None:
        """What the teller says to this prompt: said to the same words before, or to words that mean the same by the
        calibrated test."""
        if said := self.store.description_of(scope.owner, teller, prompt):
            return said
        if self.calibration.told > 1:
            return None
        for entry, near in self.nearest(scope, "prompt", z, 1):
            if near >= self.calibration.told and entry.teller == teller:
                return entry.description
        return None

    def match(self, scope: Scope, seen: NDArray[np.float32], seed: int) -> Match | None:
        """A neighbour of the description's features (dim,) to start from, chosen by the seed from the better half of
        those that are about as near: those in whose pictures clip sees the description best. None where none is near
        enough, where it is time for another picture of this, or where all pictures of this had started from others,
        which lend nothing: painted from noise once, it can be started from ever after."""
        found = self.nearest(scope, "description", seen)
        lending = [(entry, near) for entry, near in found if entry.latents is not None]
        if not lending:
            return None
        best = lending[0][1]
        noise = self.calibration.start(best)
        if noise >= 1 or noise > self.calibration.deepest >= self.calibration.start(found[0][1]):
            return None
        alike = [(e, near) for e, near in lending if near >= best - ALIKE and self.calibration.start(near) == noise]
        if len(alike) < VARIETY and sum(e.hits for e, _ in alike) >= USES * len(alike):
            return None
        alike.sort(key=lambda pair: -float(seen @ pair[0].features["picture"].astype(np.float32)))
        return Match(*alike[seed % ((len(alike) + 1) // 2)], noise)

    def nearest(self, scope: Scope, kind: Kind, z: NDArray[Any], number: int = NEIGHBOURS) -> list[tuple[Entry, float]]:
        """(entry, cosine), nearest first; what the store no longer holds is forgotten on the way."""
        index = self.index(scope, kind)
        while True:
            near = dict(index.nearest(z, number))
            entries = self.store.get(list(near))
            for seq in near.keys() - {entry.seq for entry in entries}:
                index.forget(seq)
            if len(entries) == len(near):
                return [(entry, near[entry.seq]) for entry in entries if entry.scope == scope]

    def search(self, owner: str, seer: str, z: NDArray[Any], kind: Kind, number: int) -> list[tuple[Entry, float]]:
        """Of all that the owner has and this clip has seen."""
        found: list[tuple[Entry, float]] = []
        for scope in self.store.owned(owner):
            if scope.seer == seer:
                found += self.nearest(scope, kind, z, number)
        return sorted(found, key=lambda pair: -pair[1])[:number]

    def fits(self, description: NDArray[np.float32], picture: NDArray[np.float32]) -> bool:
        """The guard: whether clip sees the description (dim,) in the picture (dim,)."""
        return float(description @ picture) >= self.calibration.floor

    @property
    def away(self) -> bool:
        """Whether a shared store is out of reach now."""
        from flashpaint.memory.shared import SharedStore

        return isinstance(self.store, SharedStore) and self.store.away

    @property
    def spooled(self) -> int:
        """Bytes that wait for a shared store."""
        from flashpaint.memory.shared import SharedStore

        return self.store.spool.size() if isinstance(self.store, SharedStore) else 0

    def close(self) -> None:
        self.store.close()


def skipped_steps(noise_shares: Sequence[float] | NDArray[np.float32], start: float) -> int:
    """How many steps of a schedule lie above the start: those left begin at its noise share or just above, and the last
    step is always painted, so that the same neighbour gives each seed a picture of its own."""
    above = [k for k, share in enumerate(noise_shares[:-1]) if share >= start]
    return above[-1] if above else 0
