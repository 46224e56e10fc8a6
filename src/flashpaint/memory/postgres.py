"""The Store in a PostgreSQL database that many machines share, its pictures in a place that they share too.

A row refers to its picture only once that is safe; who means to put one there says so in `unneeded` first, and what is
listed there for long and has no row goes: so a machine that is killed leaves nothing that is not found again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from flashpaint.errors import FlashpaintError, MemoryDamaged
from flashpaint.memory.address import Address
from flashpaint.memory.entry import Entry, Kind, Scope, said
from flashpaint.memory.files import STALE_S
from flashpaint.memory.postgres_connection import Connection, Connections
from flashpaint.memory.postgres_migrations import index_vectors, migrate
from flashpaint.memory.postgres_rows import HIT, delete, entries_of, halves, insert, new_row
from flashpaint.memory.sqlite import BUDGET, WAIT_S
from flashpaint.memory.store import Pictures, Statistics

SWEPT = 16  # pictures that are removed at a time, as others wait meanwhile
DOOMED = 16  # entries looked at a time, least worth first
PER_QUERY = 5000  # features


class PostgresStore:
    """budget: bytes; None for the one that the database remembers. wait_s: within which it answers or is MemoryAway."""

    def __init__(self, address: Address, files: Pictures, budget: int | None = None, wait_s: float = WAIT_S) -> None:
        self.address, self.files = address, files
        self.connections = Connections(address, wait_s)
        self._widths: set[int] = set()  # of features, whose index is there
        self.connections.first(migrate)
        if budget is not None or not self.total("budget"):
            self._set_total("budget", budget or BUDGET)
        with suppress(FlashpaintError):  # another time then
            self.sweep()

    # ---- writing

    def add(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        """Adding the very same again adds nothing: so one of which it is not known whether it was, may be."""
        now = time.time()
        entry = replace(entry, created=entry.created or now)
        self._mark(self.files.name_of(picture, suffix), now)
        name = self.files.keep(picture, suffix)
        kept, row = new_row(entry, name, len(picture), now)

        widths = {len(features) for features in kept.features.values()} - self._widths

        def change(db: Connection) -> int | None:
            for width in widths:
                index_vectors(db, width)
            seq = insert(db, row)
            if seq is not None:
                evict(db, now, spare=seq)
            return seq

        seq = self.connections.write(change)
        self._widths |= widths
        return replace(kept, seq=self._seq_of(kept) if seq is None else seq)

    def _mark(self, picture: str, now: float) -> None:
        """It is about to be put there, and has no row yet."""
        asked = "INSERT INTO unneeded VALUES (%s, %s) ON CONFLICT (picture) DO UPDATE SET since = excluded.since"
        self.connections.run(lambda db: db.execute(asked, [picture, now]))

    def _seq_of(self, kept: Entry) -> int:
        """Of the same entry, that was added before."""
        found = self._entries("WHERE p.id = %s", [kept.id])
        if not found or found[0].check() != kept.check():
            raise MemoryDamaged(f"another picture has the id {kept.id}: it was not added", param="memory")
        return found[0].seq

    def hit(self, seq: int, steps_saved: int) -> None:
        told = {"seq": seq, "steps": steps_saved, "now": time.time(), "token": secrets.randbits(62)}
        self.connections.run(lambda db: db.execute(HIT, told))

    def remove(self, owner: str, ids: Sequence[str] | None = None) -> int:
        asked = "SELECT seq FROM pictures WHERE owner = %s AND (%s::text[] IS NULL OR id = ANY(%s))"
        wanted = None if ids is None else list(ids)

        def change(db: Connection) -> int:
            seqs = [row[0] for row in db.execute(asked, [owner, wanted, wanted])]
            return delete(db, seqs, time.time())

        return self.connections.write(change)

    def set_budget(self, budget: int) -> None:
        def change(db: Connection) -> None:
            db.execute("UPDATE totals SET value = %s WHERE name = 'budget'", [budget])
            evict(db, time.time())

        self.connections.write(change)

    def sweep(self, older_s: float = STALE_S) -> int:
        """Remove pictures that have had no row for so long; how many there were."""
        number = 0
        while swept := self.connections.write(lambda db: self._sweep(db, older_s)):
            number += swept
        return number

    def _sweep(self, db: Connection, older_s: float) -> int:
        """Those that are listed and needed all the same are only taken off the list. While who means to put one there
        waits, for the lock or for its line of the list."""
        asked = """DELETE FROM unneeded n WHERE picture IN (SELECT picture FROM unneeded WHERE since < %s LIMIT %s)
            RETURNING picture, EXISTS (SELECT 1 FROM pictures p WHERE p.picture = n.picture)"""
        found = db.execute(asked, [time.time() - older_s, SWEPT]).fetchall()
        for picture, needed in found:
            if not needed:
                self.files.drop(picture)
        return len(found)

    def _set_total(self, name: str, value: int) -> None:
        self.connections.run(lambda db: db.execute("UPDATE totals SET value = %s WHERE name = %s", [value, name]))

    # ---- reading

    def get(self, seqs: Sequence[int]) -> list[Entry]:
        found = {entry.seq: entry for entry in self._entries("WHERE p.seq = ANY(%s::bigint[])", [list(seqs)])}
        return [found[seq] for seq in seqs if seq in found]

    def by_key(self, scope: Scope, key: str) -> Entry | None:
        found = self._entries("WHERE p.scope = %s AND p.key = %s AND p.key <> '' ORDER BY p.seq", [scope.digest, key])
        return next((entry for entry in found if entry.scope == scope and entry.key == key), None)

    def description_of(self, owner: str, teller: str, prompt: str) -> str | None:
        where = "WHERE p.owner = %s AND p.teller = %s AND md5(p.said) = md5(%s) LIMIT 4"
        asked = (owner, teller, said(prompt))
        found = self._entries(where, asked)
        return next((e.description for e in found if (e.scope.owner, e.teller, said(e.prompt)) == asked), None)

    def nearest(self, scope: Scope, kind: Kind, z: NDArray[Any], k: int = 16) -> list[tuple[int, float]]:
        """(seq, cosine) of at most k entries, nearest first. z: (dim,) of length 1."""
        dim = len(z)
        asked = f"""SELECT seq, -(seen_{kind}::halfvec({dim}) <#> %(z)s) FROM pictures
            WHERE scope = %(scope)s AND vector_dims(seen_{kind}) = {dim}
            ORDER BY seen_{kind}::halfvec({dim}) <#> %(z)s LIMIT %(k)s"""
        told = {"z": HalfVector(z.astype(np.float16)), "scope": scope.digest, "k": k}
        return [
            (int(s), float(near)) for s, near in self.connections.run(lambda db: db.execute(asked, told).fetchall())
        ]

    def neighbours(self, scope: Scope, kind: Kind) -> ServerNeighbours:
        return ServerNeighbours(self, scope, kind)

    def vectors(self, scope: Scope, kind: Kind, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        column = f"seen_{kind}"
        asked = f"""SELECT seq, {column} FROM pictures WHERE scope = %s AND seq > %s AND vector_dims({column}) =
            (SELECT mode() WITHIN GROUP (ORDER BY vector_dims({column})) FROM pictures WHERE scope = %s AND seq > %s)
            ORDER BY seq LIMIT {PER_QUERY}"""
        values = [scope.digest, after, scope.digest, after]
        rows = self.connections.run(lambda db: db.execute(asked, values, binary=True).fetchall())
        if not rows:
            return np.empty(0, np.int64), np.empty((0, 0), np.float16)
        seqs, features = np.array([row[0] for row in rows], np.int64), np.stack([halves(row[1]) for row in rows])
        if len(rows) < PER_QUERY:
            return seqs, features
        more, others = self.vectors(scope, kind, int(seqs[-1]))
        fit = len(more) > 0 and others.shape[1] == features.shape[1]
        return (np.concatenate([seqs, more]), np.concatenate([features, others])) if fit else (seqs, features)

    def change(self) -> tuple[int, int]:
        totals = self._totals()
        return totals["newest"], totals["removals"]

    def picture(self, entry: Entry) -> bytes:
        try:
            return self.files.read(entry.picture)
        except MemoryDamaged:
            self.remove(entry.scope.owner, [entry.id])
            raise

    def entries(self, owner: str, before: int | None = None, number: int = 50) -> list[Entry]:
        newest = 2**62 if before is None else before
        return self._entries("WHERE p.owner = %s AND p.seq < %s ORDER BY p.seq DESC LIMIT %s", [owner, newest, number])

    def owned(self, owner: str) -> Iterator[Scope]:
        columns = "owner, painter, seer, width, height, task, steered"
        asked = f"SELECT DISTINCT {columns} FROM pictures WHERE owner = %s"
        for row in self.connections.run(lambda db: db.execute(asked, [owner]).fetchall()):
            yield Scope(**dict(zip(columns.split(", "), row, strict=True)))

    def statistics(self) -> Statistics:
        asked = """SELECT coalesce(sum(hits), 0), coalesce(sum(saved), 0), (SELECT count(DISTINCT owner) FROM pictures),
            (SELECT count(DISTINCT scope) FROM pictures) FROM uses"""
        hits, saved, owners, scopes = self.connections.run(lambda db: db.execute(asked).fetchall())[0]
        totals = self._totals()
        same = {name: totals[name] for name in ("entries", "bytes", "budget", "evicted")}
        return Statistics(**same, hits=int(hits), steps_saved=int(saved), owners=owners, scopes=scopes)

    def total(self, name: str) -> int:
        return self._totals()[name]

    def close(self) -> None:
        self.connections.close()

    def _totals(self) -> dict[str, int]:
        return dict(self.connections.run(lambda db: db.execute("SELECT name, value FROM totals").fetchall()))

    def _entries(self, where: str, values: Sequence[Any]) -> list[Entry]:
        return self.connections.run(lambda db: entries_of(db, where, values))


@dataclass(frozen=True)
class ServerNeighbours:
    """Searched for by the database: no machine holds features, and what another has added is found at once."""

    store: PostgresStore
    scope: Scope
    kind: Kind

    def nearest(self, z: NDArray[Any], k: int = 16) -> list[tuple[int, float]]:
        return self.store.nearest(self.scope, self.kind, z, k)

    def forget(self, seq: int) -> None:
        """The row that could not be read, which would be found again."""
        self.store.connections.write(lambda db: delete(db, [seq], time.time()))


def evict(db: Connection, now: float, spare: int = 0) -> None:
    """Forget what pays least until the budget holds, under the lock; never the one that was just added."""
    asked = "SELECT (SELECT value FROM totals WHERE name = 'bytes') - (SELECT value FROM totals WHERE name = 'budget')"
    over = int(db.execute(asked).fetchall()[0][0])
    while over > 0:
        rows = db.execute(
            f"SELECT seq, bytes FROM uses WHERE seq <> %s ORDER BY worth, seq LIMIT {DOOMED}", [spare]
        ).fetchall()
        doomed = []
        for seq, size in rows:
            if over > 0:
                doomed.append(seq)
                over -= size
        delete(db, doomed, now, evicted=True)
        if not rows:
            return
