"""A shared memory that may be away: then what is asked fails at once, and what is to be kept waits in a spool.

The first failure opens the circuit: nobody waits for a dead server again, until a thread of its own has found that it
answers and has caught up with what waits. What `add` has returned from is safe: in the database, or in the spool.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import FlashpaintError, MemoryDamaged, OutputUnwritable, PictureUnreadable
from flashpaint.memory.entry import Entry, Kind, Scope
from flashpaint.memory.spool import Spool
from flashpaint.memory.store import MemoryAway, Neighbours, Statistics, Store

Answer = TypeVar("Answer")

PAUSE_S, LONGEST_S = 0.25, 15.0  # between looks for the server, twice as long each time

log = logging.getLogger(__name__)


class Searching(Store, Protocol):
    """A store that searches itself."""

    def neighbours(self, scope: Scope, kind: Kind) -> Neighbours: ...


class SharedStore:
    """open: opens the store behind it, MemoryAway where that is away now; its other errors are raised here at once."""

    def __init__(self, open: Callable[[], Searching], spool: Spool, pause_s: float = PAUSE_S) -> None:
        self._open, self.spool, self._pause_s = open, spool, pause_s
        self._store: Searching | None = None
        self._why: FlashpaintError | None = None  # the circuit is open, on account of this
        self._pictures_until = 0.0  # the place of pictures has failed, and is let alone until then
        self._turn, self._ended = threading.Lock(), threading.Event()
        self._catching: threading.Thread | None = None
        try:
            self._store = open()
        except MemoryAway as error:
            self._lost(error)
        if self.spool.waiting():
            self._catch_up()

    @property
    def away(self) -> bool:
        return self._why is not None

    # ---- what waits where it must

    def add(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        """In the spool where the database or the place of pictures is away. Raises MemoryBusy where that is full."""
        entry = replace(entry, created=entry.created or time.time())  # the same, whenever it is tried
        if not self.away and time.monotonic() >= self._pictures_until:
            try:
                return self._ask(lambda store: store.add(entry, picture, suffix))
            except MemoryAway:
                pass
            except OutputUnwritable as error:
                self._rest(error)
        kept = self.spool.put(entry, picture, suffix)
        self._catch_up()
        return kept

    def remove(self, owner: str, ids: Sequence[str] | None = None) -> int:
        """What waits here too."""
        gone = self._ask(lambda store: store.remove(owner, ids))
        return gone + self.spool.forget(owner, None if ids is None else set(ids))

    def picture(self, entry: Entry) -> bytes:
        if time.monotonic() < self._pictures_until:
            raise PictureUnreadable("the place of pictures has just failed: try again", param="memory")
        try:
            return self._ask(lambda store: store.picture(entry))
        except PictureUnreadable as error:
            self._rest(error)
            raise

    # ---- what is asked of the store as it is

    def get(self, seqs: Sequence[int]) -> list[Entry]:
        return self._ask(lambda store: store.get(seqs))

    def by_key(self, scope: Scope, key: str) -> Entry | None:
        return self._ask(lambda store: store.by_key(scope, key))

    def description_of(self, owner: str, teller: str, prompt: str) -> str | None:
        return self._ask(lambda store: store.description_of(owner, teller, prompt))

    def vectors(self, scope: Scope, kind: Kind, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        return self._ask(lambda store: store.vectors(scope, kind, after))

    def change(self) -> tuple[int, int]:
        return self._ask(lambda store: store.change())

    def hit(self, seq: int, steps_saved: int) -> None:
        self._ask(lambda store: store.hit(seq, steps_saved))

    def entries(self, owner: str, before: int | None = None, number: int = 50) -> list[Entry]:
        return self._ask(lambda store: store.entries(owner, before, number))

    def owned(self, owner: str) -> Iterator[Scope]:
        yield from self._ask(lambda store: [*store.owned(owner)])

    def statistics(self) -> Statistics:
        return self._ask(lambda store: store.statistics())

    def set_budget(self, budget: int) -> None:
        self._ask(lambda store: store.set_budget(budget))

    def neighbours(self, scope: Scope, kind: Kind) -> Neighbours:
        return SharedNeighbours(self, scope, kind)

    def close(self) -> None:
        self._ended.set()
        if (catching := self._catching) is not None:
            catching.join(1.0)
        if self._store is not None:
            self._store.close()

    # ---- the circuit

    def _ask(self, ask: Callable[[Searching], Answer]) -> Answer:
        """Raises MemoryAway at once while the circuit is open."""
        if self._why is not None or self._store is None:
            raise MemoryAway(self._why.message if self._why else "the shared memory is away", param="memory")
        try:
            return ask(self._store)
        except MemoryAway as error:
            self._lost(error)
            raise

    def _lost(self, error: FlashpaintError) -> None:
        if self._why is None:
            log.warning("the shared memory is away: %s", error.message)
        self._why = error
        self._catch_up()

    def _rest(self, error: FlashpaintError) -> None:
        log.warning("pictures are let alone for a while", exc_info=error)
        self._pictures_until = time.monotonic() + 4 * self._pause_s

    def _catch_up(self) -> None:
        with self._turn:
            if self._catching is None and not self._ended.is_set():
                self._catching = threading.Thread(target=self._catch, name="memory catches up", daemon=True)
                self._catching.start()

    def _catch(self) -> None:
        """Until the store answers and nothing waits."""
        pause = self._pause_s
        while not self._ended.wait(pause):
            pause = min(2 * pause, LONGEST_S)
            with suppress(FlashpaintError):
                self._find()
                self._drain()
                with self._turn:
                    if not self.spool.waiting() and not self.away:
                        self._catching = None
                        return

    def _find(self) -> None:
        """Close the circuit if the store answers. Raises what it does."""
        if self._store is None:
            self._store = self._open()
        self._store.change()
        if self._why is not None:
            log.warning("the shared memory is back")
            self._why = None

    def _drain(self) -> None:
        """Into the store; adding twice adds once, so that processes may share a spool and any may be killed."""
        assert self._store is not None
        for path, entry, picture, suffix in self.spool.entries():
            if self._ended.is_set():
                return
            try:
                self._store.add(entry, picture, suffix)
            except MemoryDamaged as error:  # another has its id: nothing will make it fit
                log.warning("not remembered: %s", error.message)
                self.spool.refuse(path)
                continue
            path.unlink(missing_ok=True)
        self._pictures_until = 0.0


@dataclass(frozen=True)
class SharedNeighbours:
    store: SharedStore
    scope: Scope
    kind: Kind

    def nearest(self, z: NDArray[Any], k: int = 16) -> list[tuple[int, float]]:
        return self.store._ask(lambda store: store.neighbours(self.scope, self.kind).nearest(z, k))

    def forget(self, seq: int) -> None:
        self.store._ask(lambda store: store.neighbours(self.scope, self.kind).forget(seq))
