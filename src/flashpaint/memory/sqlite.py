"""The Store in one folder: rows in SQLite (write-ahead log), picture files by content hash beside it.

A row refers to its file only once the file is safe, and a file goes only with its last row, both under the database's
write lock: so processes may share a folder, and one that is killed leaves at most a file without a row.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import DiskFull, MemoryBusy, MemoryDamaged, OutputUnwritable
from flashpaint.memory.entry import Entry, Kind, Scope, said
from flashpaint.memory.files import PictureFiles, unwritable
from flashpaint.memory.migrations import migrate, refuse_newer, transaction
from flashpaint.memory.rows import HALF_LIFE_S, entry_of, insert, read_rows, row_of, text_of, worth
from flashpaint.memory.store import Statistics

NAME = "memory.db"
BUDGET = 2 * 10**9  # bytes, until another is set
WAIT_S = 10.0  # for another process's write


class SqliteStore:
    """folder: made if need be. budget: bytes; None for the one that the store remembers."""

    def __init__(self, folder: Path, budget: int | None = None) -> None:
        self.folder, self.files = folder, PictureFiles(folder / "pictures")
        self._turn = threading.RLock()
        self._unneeded: set[str] = set()  # pictures that may have lost their last row
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                folder / NAME, timeout=WAIT_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise OutputUnwritable(
                f"there can be no memory in {folder} ({error}): name another with FLASHPAINT_MEMORY", param="memory"
            ) from error
        self._db.text_factory = text_of
        try:
            with self._reading():
                self._open(budget)
        except BaseException:
            self._db.close()
            raise
        self.files.sweep()

    def _open(self, budget: int | None) -> None:
        refuse_newer(self._db)
        write_ahead(self._db)
        self._db.execute("PRAGMA synchronous = FULL")  # what was acknowledged outlives a power cut
        migrate(self._db)
        if budget is not None or not self.total("budget"):
            self._db.execute("UPDATE totals SET value = ? WHERE name = 'budget'", (budget or BUDGET,))

    # ---- writing

    def add(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        name, scratch = self.files.write(picture, suffix)
        try:
            with self._writing():
                self.files.place(scratch, name)
                kept = self._insert(entry, name, len(picture))
                self._evict(spare=kept.seq)
        except OSError as error:
            self._drop_unneeded(name)
            raise unwritable(error, self.folder) from error
        except BaseException:
            self._drop_unneeded(name)
            raise
        finally:
            scratch.unlink(missing_ok=True)
        return kept

    def _insert(self, entry: Entry, name: str, size: int) -> Entry:
        kept, row = row_of(entry, name, size, time.time())
        return replace(kept, seq=insert(self._db, row))

    def _evict(self, spare: int = 0) -> None:
        """Forget what pays least until the budget holds; never the one that was just added."""
        over = self.total("bytes") - self.total("budget")
        while over > 0:
            row = self._db.execute(
                "SELECT seq, bytes, picture FROM pictures WHERE seq <> ? ORDER BY worth LIMIT 1", (spare,)
            ).fetchone()
            if row is None:
                return
            self._delete(row[0], row[2])
            self._db.execute("UPDATE totals SET value = value + 1 WHERE name = 'evicted'")
            over -= row[1]

    def _delete(self, seq: int, picture: str) -> None:
        """The row; and its file once that is written, if no other row refers to it."""
        self._db.execute("DELETE FROM pictures WHERE seq = ?", (seq,))
        self._unneeded.add(picture)

    def _drop_unneeded(self, *pictures: str) -> None:
        """After their rows, as no row may ever lack its file; under the lock again, as another process may need one by
        now. What cannot go now goes after the next write."""
        with self._turn, suppress(sqlite3.Error, OSError):
            self._unneeded.update(pictures)
            if self._unneeded:
                with transaction(self._db):
                    drop_unneeded(self._db, self.files, self._unneeded)
                self._unneeded.clear()

    def hit(self, seq: int, steps_saved: int) -> None:
        with self._writing():
            row = self._db.execute("SELECT heat, bytes, used FROM pictures WHERE seq = ?", (seq,)).fetchone()
            if row is None:  # evicted meanwhile
                return
            heat, size, used = row
            now = max(time.time(), used)  # a clock that went back takes nothing away
            heat = heat * 0.5 ** ((now - used) / HALF_LIFE_S) + steps_saved
            self._db.execute(
                "UPDATE pictures SET hits = hits + 1, saved = saved + ?, heat = ?, used = ?, worth = ? WHERE seq = ?",
                (steps_saved, heat, now, worth(heat, size, now), seq),
            )

    def remove(self, owner: str, ids: Sequence[str] | None = None) -> int:
        with self._writing():
            rows = self._db.execute("SELECT seq, picture, id FROM pictures WHERE owner = ?", (owner,)).fetchall()
            gone = [(seq, picture) for seq, picture, id in rows if ids is None or id in ids]
            for seq, picture in gone:
                self._delete(seq, picture)
        return len(gone)

    def set_budget(self, budget: int) -> None:
        with self._writing():
            self._db.execute("UPDATE totals SET value = ? WHERE name = 'budget'", (budget,))
            self._evict()

    # ---- reading

    def get(self, seqs: Sequence[int]) -> list[Entry]:
        marks = ", ".join("?" * len(seqs))
        found = {entry.seq: entry for entry in self._entries(f"WHERE seq IN ({marks})", list(seqs))}
        return [found[seq] for seq in seqs if seq in found]

    def by_key(self, scope: Scope, key: str) -> Entry | None:
        found = self._entries("WHERE scope = ? AND key = ? AND key <> ''", [scope.digest, key])
        return next((entry for entry in found if entry.scope == scope and entry.key == key), None)

    def description_of(self, owner: str, teller: str, prompt: str) -> str | None:
        found = self._entries("WHERE owner = ? AND teller = ? AND said = ? LIMIT 4", [owner, teller, said(prompt)])
        asked = (owner, teller, said(prompt))
        return next((e.description for e in found if (e.scope.owner, e.teller, said(e.prompt)) == asked), None)

    def vectors(self, scope: Scope, kind: Kind, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        asked = f"SELECT seq, seen_{kind} FROM pictures WHERE scope = ? AND seq > ? AND seen_{kind} IS NOT NULL"
        with self._reading():
            rows = self._db.execute(asked + " ORDER BY seq", (scope.digest, after)).fetchall()
        widths = Counter(len(row[1]) for row in rows if isinstance(row[1], bytes) and len(row[1]) % 2 == 0)
        if not widths:
            return np.empty(0, np.int64), np.empty((0, 0), np.float16)
        width = widths.most_common(1)[0][0]  # a damaged row must not break the others
        rows = [row for row in rows if isinstance(row[1], bytes) and len(row[1]) == width]
        features = np.frombuffer(b"".join(row[1] for row in rows), np.float16).reshape(len(rows), -1)
        return np.array([row[0] for row in rows], np.int64), features

    def change(self) -> tuple[int, int]:
        with self._reading():
            newest = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pictures'").fetchone()
            return int(newest[0]) if newest else 0, self.total("removals")

    def picture(self, entry: Entry) -> bytes:
        try:
            return self.files.read(entry.picture)
        except MemoryDamaged:
            self.remove(entry.scope.owner, [entry.id])
            raise

    def entries(self, owner: str, before: int | None = None, number: int = 50) -> list[Entry]:
        newest = 2**62 if before is None else before
        found = self._entries("WHERE owner = ? AND seq < ? ORDER BY seq DESC LIMIT ?", [owner, newest, number])
        return [entry for entry in found if entry.scope.owner == owner]

    def owned(self, owner: str) -> Iterator[Scope]:
        columns = "owner, painter, seer, width, height, task, steered"
        with self._reading():
            rows = self._db.execute(f"SELECT DISTINCT {columns} FROM pictures WHERE owner = ?", (owner,)).fetchall()
        for row in rows:
            yield Scope(**dict(zip(columns.split(", "), row, strict=True)))

    def statistics(self) -> Statistics:
        asked = "SELECT total(hits), total(saved), count(DISTINCT owner), count(DISTINCT scope) FROM pictures"
        with self._reading():
            hits, saved, owners, scopes = self._db.execute(asked).fetchone()
            return Statistics(
                entries=self.total("entries"),
                bytes=self.total("bytes"),
                budget=self.total("budget"),
                hits=int(hits),
                steps_saved=int(saved),
                evicted=self.total("evicted"),
                owners=owners,
                scopes=scopes,
            )

    def total(self, name: str) -> int:
        return int(self._db.execute("SELECT value FROM totals WHERE name = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        with self._turn:
            self._db.close()

    def _entries(self, where: str, values: Sequence[Any]) -> list[Entry]:
        with self._reading():
            rows = read_rows(self._db, where, values)
        return [entry for row in rows if (entry := entry_of(row)) is not None]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._turn, translated(self.folder):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All of it or nothing, and no other writer meanwhile; then the files that it leaves without a row go."""
        with self._turn, translated(self.folder):
            with transaction(self._db):
                yield
            self._drop_unneeded()


def write_ahead(db: sqlite3.Connection) -> None:
    """Set for good by whoever comes first; those who come at once are told to wait, which SQLite does not do here."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def drop_unneeded(db: sqlite3.Connection, files: PictureFiles, pictures: Iterable[str]) -> None:
    """Remove those files that no row refers to; within a transaction, so that none comes to meanwhile."""
    for picture in pictures:
        if not db.execute("SELECT 1 FROM pictures WHERE picture = ? LIMIT 1", (picture,)).fetchone():
            files.path(picture).unlink(missing_ok=True)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and is_full(folder)):
            raise DiskFull(
                f"memory cannot write to {folder} (the disk is full): free some space, or lower its budget",
                param="memory",
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise MemoryBusy(
                f"another process has been writing to {folder} for {WAIT_S:g} s: try again", param="memory"
            ) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
            raise OutputUnwritable(
                f"memory cannot be written in {folder} ({error}): name another with FLASHPAINT_MEMORY", param="memory"
            ) from error
        raise MemoryDamaged(
            f"the memory in {folder} is damaged ({error}): run flashpaint memory verify --repair", param="memory"
        ) from error


def is_full(folder: Path) -> bool:
    """SQLite cannot tell when its files beside the database, which a reader needs too, find no room."""
    try:
        return shutil.disk_usage(folder).free < 2**16
    except OSError:
        return False
