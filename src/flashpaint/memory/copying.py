"""A whole memory from one place to another, folder or database, with what its uses have earned.

What is there already stays, so that a copy that was stopped goes on when called again. Knows both kinds of store.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flashpaint.errors import MemoryDamaged, OutOfRange
from flashpaint.memory.entry import Entry
from flashpaint.memory.rows import entry_of, worth
from flashpaint.memory.salvage import connect, newest_of, uses, walk
from flashpaint.memory.sqlite import SqliteStore, translated
from flashpaint.memory.store import Store

if TYPE_CHECKING:
    from flashpaint.memory.postgres import PostgresStore

AT_ONCE = 64  # ids that are looked up together


@dataclass(frozen=True)
class Earned:
    """What its uses have made of an entry."""

    hits: int
    saved: int
    used: float
    heat: float


@dataclass
class Copied:
    """left: entries of the source that are damaged; forgotten: that the destination's budget had no room for."""

    added: int = 0
    skipped: int = 0
    left: int = 0
    forgotten: int = 0


class End(Protocol):
    """Of a copy."""

    store: Store

    def holds(self, ids: Sequence[str]) -> set[str]:
        """Which of these are there."""
        ...

    def all(self) -> Iterator[tuple[Entry | None, Earned]]:
        """In the order of their numbers; None for one that is damaged."""
        ...

    def picture(self, entry: Entry) -> bytes:
        """MemoryDamaged leaves the entry where it is."""
        ...

    def earn(self, id: str, earned: Earned) -> None:
        """At least so much: saying it twice changes nothing."""
        ...


def copy_memory(source: End, target: End, shown: Callable[[int], None] = lambda number: None) -> Copied:
    """Copy what the target lacks. shown: told how many entries are done with. Raises what either store does."""
    done, before = Copied(), target.store.statistics()
    for batch in batches(source.all()):
        there = target.holds([entry.id for entry, _ in batch if entry is not None])
        for entry, earned in batch:
            copy_one(source, target, entry, earned, there, done)
        shown(len(batch))
    done.forgotten = target.store.statistics().evicted - before.evicted
    return done


def copy_one(source: End, target: End, entry: Entry | None, earned: Earned, there: set[str], done: Copied) -> None:
    if entry is None:
        done.left += 1
        return
    if entry.id in there:
        done.skipped += 1
    else:
        try:
            picture = source.picture(entry)
        except MemoryDamaged:
            done.left += 1
            return
        target.store.add(entry, picture, Path(entry.picture).suffix)
        done.added += 1
    target.earn(entry.id, earned)


def batches(all: Iterator[tuple[Entry | None, Earned]]) -> Iterator[list[tuple[Entry | None, Earned]]]:
    batch = []
    for pair in all:
        batch.append(pair)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class FolderEnd:
    def __init__(self, store: SqliteStore) -> None:
        self.store: Store = store
        self.folder, self._files = store.folder, store.files

    def holds(self, ids: Sequence[str]) -> set[str]:
        marks = ", ".join("?" * len(ids))
        with translated(self.folder), contextlib.closing(connect(self.folder)) as db:
            return {row[0] for row in db.execute(f"SELECT id FROM pictures WHERE id IN ({marks})", [*ids])}

    def all(self) -> Iterator[tuple[Entry | None, Earned]]:
        with translated(self.folder), contextlib.closing(connect(self.folder)) as db:
            for seq, row in walk(db, newest_of(db)):
                told = uses(db, seq)
                hits = row["hits"] if row and isinstance(row["hits"], int) else 0
                used, heat = told.get("used", time.time()), told.get("heat", 1.0)
                yield entry_of(row) if row else None, Earned(hits, told.get("saved", 0), used, heat)

    def picture(self, entry: Entry) -> bytes:
        return self._files.read(entry.picture)

    def earn(self, id: str, earned: Earned) -> None:
        asked = "SELECT seq, bytes, hits, saved, used, heat FROM pictures WHERE id = ?"
        change = "UPDATE pictures SET hits = ?, saved = ?, used = ?, heat = ?, worth = ? WHERE seq = ? AND hits <= ?"
        with translated(self.folder), contextlib.closing(connect(self.folder)) as db:
            found = db.execute(asked, [id]).fetchone()
            if found and earned.hits >= found[2]:
                values: list[Any] = [earned.hits, earned.saved, earned.used, earned.heat]
                db.execute(change, [*values, worth(earned.heat, found[1], earned.used), found[0], earned.hits])


class DatabaseEnd:
    def __init__(self, store: PostgresStore) -> None:
        self.store: Store = store
        self._database = store

    def holds(self, ids: Sequence[str]) -> set[str]:
        asked = "SELECT id FROM pictures WHERE id = ANY(%s)"
        return {row[0] for row in self._database.connections.run(lambda db: db.execute(asked, [[*ids]]).fetchall())}

    def all(self) -> Iterator[tuple[Entry | None, Earned]]:
        asked = "SELECT seq, hits, saved, used, heat FROM uses WHERE seq > %s ORDER BY seq LIMIT %s"
        after = 0
        while rows := self._rows(asked, [after, AT_ONCE]):
            found = {entry.seq: entry for entry in self.store.get([row[0] for row in rows])}
            for seq, hits, saved, used, heat in rows:
                yield found.get(seq), Earned(hits, saved, used, heat)
            after = rows[-1][0]

    def picture(self, entry: Entry) -> bytes:
        return self._database.files.read(entry.picture)

    def earn(self, id: str, earned: Earned) -> None:
        found = self._rows("SELECT u.seq, u.bytes FROM uses u JOIN pictures USING (seq) WHERE id = %s", [id])
        change = "UPDATE uses SET hits = %s, saved = %s, used = %s, heat = %s, worth = %s WHERE seq = %s AND hits <= %s"
        for seq, size in found:
            values = [earned.hits, earned.saved, earned.used, earned.heat, worth(earned.heat, size, earned.used)]
            self._database.connections.run(lambda db, v=[*values, seq, earned.hits]: db.execute(change, v))  # type: ignore[misc]

    def _rows(self, asked: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._database.connections.run(lambda db: db.execute(asked, values).fetchall())


def refuse_same(source: str, target: str) -> None:
    if source == target:
        raise OutOfRange("a memory is copied to another place than its own", param="target")
