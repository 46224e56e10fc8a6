"""The seam of `memory`: its durable part, its pictures and who is near. Knows no implementation and no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import MemoryBusy
from flashpaint.memory.entry import Entry, Kind, Scope


class MemoryAway(MemoryBusy):
    """A shared memory does not answer: nothing is known of what was asked."""


@dataclass(frozen=True)
class Statistics:
    """entries, bytes, hits, steps_saved: of what is there now; budget: bytes that it may take; evicted: since its
    making; owners, scopes: how many."""

    entries: int
    bytes: int
    budget: int
    hits: int
    steps_saved: int
    evicted: int
    owners: int
    scopes: int


class Pictures(Protocol):
    """Picture files by content hash: whole under their names or not there at all."""

    @staticmethod
    def name_of(content: bytes, suffix: str) -> str: ...

    def keep(self, content: bytes, suffix: str) -> str:
        """Its name, once it is safe under it. Raises OutputUnwritable (DiskFull), and leaves nothing then."""
        ...

    def read(self, name: str) -> bytes:
        """Checked by hash. MemoryDamaged where it is missing or another, PictureUnreadable where it may be there."""
        ...

    def drop(self, name: str) -> None:
        """Remove it, if it is there. OSError or OutputUnwritable."""
        ...

    def names(self) -> Iterator[str]: ...

    def sweep(self) -> int:
        """Remove what killed processes left half-written; how many there were."""
        ...


class Neighbours(Protocol):
    """The entries of one kind in one scope, by nearness."""

    def nearest(self, z: NDArray[Any], k: int = 16) -> list[tuple[int, float]]:
        """(seq, cosine) of at most k entries, nearest first, those of other processes too. z: (dim,) of length 1."""
        ...

    def forget(self, seq: int) -> None:
        """It is no longer in the store."""
        ...


class Store(Protocol):
    """Pictures and what is known of them. Any thread may call; several processes may share one store.

    What `add` has returned from is kept: a killed process loses none of it. Methods raise MemoryDamaged or MemoryBusy.
    """

    def add(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        """Keep it, durable on return; the entry as it is kept. Evicts what pays least above the budget. DiskFull."""
        ...

    def get(self, seqs: Sequence[int]) -> list[Entry]:
        """Those that are still there and whole, in the order asked for."""
        ...

    def by_key(self, scope: Scope, key: str) -> Entry | None:
        """The answer to an identical request."""
        ...

    def description_of(self, owner: str, teller: str, prompt: str) -> str | None:
        """What this teller said of the same words before."""
        ...

    def vectors(self, scope: Scope, kind: Kind, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """(n,) numbers and (n, dim) features of this kind, of all entries with a greater number than `after`."""
        ...

    def change(self) -> tuple[int, int]:
        """Differs once anything was added or removed, by whichever process."""
        ...

    def picture(self, entry: Entry) -> bytes:
        """The file's bytes, checked by hash. MemoryDamaged where it is missing or another; the entry is then gone."""
        ...

    def hit(self, seq: int, steps_saved: int) -> None:
        """It was used again."""
        ...

    def entries(self, owner: str, before: int | None = None, number: int = 50) -> list[Entry]:
        """An owner's pictures, newest first, of all scopes."""
        ...

    def owned(self, owner: str) -> Iterator[Scope]:
        """The scopes in which this owner has pictures."""
        ...

    def remove(self, owner: str, ids: Sequence[str] | None = None) -> int:
        """Forget these, or all of this owner's; how many they were."""
        ...

    def statistics(self) -> Statistics: ...

    def set_budget(self, budget: int) -> None:
        """In bytes; what pays least is forgotten until it holds."""
        ...

    def close(self) -> None: ...
