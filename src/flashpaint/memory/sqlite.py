"""The Store in one folder: rows in SQLite (write-ahead log), picture files by content hash beside it.

A row refers to its file only once the file is safe, and a file goes only with its last row, both under the database's
write lock: so processes may share a folder, and one that is killed leaves at most a file without a row.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import DiskFull, MemoryBusy, MemoryDamaged, OutputUnwritable
from flashpaint.memory.entry import KINDS, Entry, Kind, Scope, said
from flashpaint.memory.files import PictureFiles, unwritable
from flashpaint.memory.migrations import migrate
from flashpaint.memory.store import Statistics

NAME = "memory.db"
BUDGET = 2 * 10**9  # bytes, until another is set
WAIT_S = 10.0  # for another process's write
HALF_LIFE_S = 7 * 86400.0  # of what a hit counts
OVERHEAD = 1024  # bytes of a row beside its features and latents: texts, indexes, pages

COLUMNS = (
    *("seq", "id", "owner", "painter", "seer", "width", "height", "task", "steered", "key", "prompt", "description"),
    *("teller", "seed", "steps", "record", "seen_prompt", "seen_description", "seen_picture", "latents"),
    *("shape", "picture", "bytes", '"check"', "created", "hits"),
)
ROW = f"SELECT {', '.join(COLUMNS)} FROM pictures"


def worth(heat: float, size: int, used: float) -> float:
    """What keeping it saves: steps, halved every HALF_LIFE_S since `used`, a byte. As a logarithm, in half-lives, whose
    order never changes with time (LCBFU: Agarwal et al. 2024)."""
    return used / HALF_LIFE_S + math.log2(max(heat, 1e-9) / size)


class SqliteStore:
    """folder: made if need be. budget: bytes; None for the one that the store remembers."""

    def __init__(self, folder: Path, budget: int | None = None) -> None:
        self.folder, self.files = folder, PictureFiles(folder / "pictures")
        self._turn = threading.RLock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                folder / NAME, timeout=WAIT_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (OSError, sqlite3.Error) as error:
            raise OutputUnwritable(
                f"there can be no memory in {folder} ({error}): name another with FLASHPAINT_MEMORY", param="memory"
            ) from error
        with self._reading():
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")  # what was acknowledged outlives a power cut
            self._db.execute("PRAGMA foreign_keys = ON")
            migrate(self._db)
            if budget is not None or not self.total("budget"):
                self._db.execute("UPDATE totals SET value = ? WHERE name = 'budget'", (budget or BUDGET,))
        self.files.sweep()

    # ---- writing

    def add(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        name, scratch = self.files.write(picture, suffix)
        try:
            with self._writing():
                scratch.replace(self.files.path(name))
                kept = self._insert(entry, name, len(picture))
                self._evict(spare=kept.seq)
        except OSError as error:
            raise unwritable(error, self.folder) from error
        finally:
            scratch.unlink(missing_ok=True)
        return kept

    def _insert(self, entry: Entry, name: str, size: int) -> Entry:
        blobs = {f"seen_{kind}": blob(entry.features.get(kind)) for kind in KINDS} | {"latents": blob(entry.latents)}
        total = size + OVERHEAD + sum(len(b) for b in blobs.values() if b)
        now = time.time()
        scope = entry.scope.__dict__ | {"scope": entry.scope.digest}
        texts = {field: getattr(entry, field) for field in ("id", "key", "prompt", "description", "teller")}
        numbers = {"seed": entry.seed, "steps": entry.steps, "hits": entry.hits}
        kept = Entry(**{**entry.__dict__, "picture": name, "bytes": total, "created": entry.created or now})
        row = {
            **scope,
            **texts,
            **numbers,
            **blobs,
            "said": said(entry.prompt),
            "record": json.dumps(dict(entry.record), ensure_ascii=False),
            "shape": None if entry.latents is None else json.dumps(entry.latents.shape),
            "picture": name,
            "bytes": total,
            "check": kept.check(),
            "created": kept.created,
            "used": now,
            "heat": float(entry.steps),
            "worth": worth(entry.steps, total, now),
        }
        names, marks = ", ".join(f'"{column}"' for column in row), ", ".join("?" * len(row))
        found = self._db.execute(f"INSERT INTO pictures ({names}) VALUES ({marks})", list(row.values()))
        return Entry(**{**kept.__dict__, "seq": int(found.lastrowid or 0)})

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
        """The row, and its file with the last row that refers to it. If we die between, the row stays without a file,
        and whoever reads it drops it."""
        self._db.execute("DELETE FROM pictures WHERE seq = ?", (seq,))
        if not self._db.execute("SELECT 1 FROM pictures WHERE picture = ? LIMIT 1", (picture,)).fetchone():
            self.files.path(picture).unlink(missing_ok=True)

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
        found = {entry.seq: entry for entry in self._entries(f"{ROW} WHERE seq IN ({marks})", list(seqs))}
        return [found[seq] for seq in seqs if seq in found]

    def by_key(self, scope: Scope, key: str) -> Entry | None:
        return next(iter(self._entries(f"{ROW} WHERE scope = ? AND key = ?", [scope.digest, key])), None)

    def description_of(self, owner: str, teller: str, prompt: str) -> str | None:
        asked = "SELECT description FROM pictures WHERE owner = ? AND teller = ? AND said = ? LIMIT 1"
        with self._reading():
            row = self._db.execute(asked, (owner, teller, said(prompt))).fetchone()
        return row[0] if row else None

    def vectors(self, scope: Scope, kind: Kind, after: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        asked = f"SELECT seq, seen_{kind} FROM pictures WHERE scope = ? AND seq > ? AND seen_{kind} IS NOT NULL"
        with self._reading():
            rows = self._db.execute(asked + " ORDER BY seq", (scope.digest, after)).fetchall()
        if not rows:
            return np.empty(0, np.int64), np.empty((0, 0), np.float16)
        width = len(rows[0][1])
        rows = [row for row in rows if len(row[1]) == width]  # a damaged row must not break the others
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
        asked = f"{ROW} WHERE owner = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
        return self._entries(asked, [owner, before or 2**62, number])

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

    def _entries(self, asked: str, values: Sequence[Any]) -> list[Entry]:
        with self._reading():
            rows = self._db.execute(asked, values).fetchall()
        return [entry for row in rows if (entry := entry_of(dict(zip(COLUMNS, row, strict=True)))) is not None]

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._turn, translated(self.folder):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """All of it or nothing, and no other writer meanwhile."""
        with self._turn, translated(self.folder):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise DiskFull(
                f"memory cannot write to {folder} (the disk is full): free some space, or lower its budget",
                param="memory",
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise MemoryBusy(
                f"another process has been writing to {folder} for {WAIT_S:g} s: try again", param="memory"
            ) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise OutputUnwritable(
                f"memory cannot be written in {folder} ({error}): name another with FLASHPAINT_MEMORY", param="memory"
            ) from error
        raise MemoryDamaged(
            f"the memory in {folder} is damaged ({error}): run flashpaint memory verify --repair", param="memory"
        ) from error


def blob(array: NDArray[Any] | None) -> bytes | None:
    return None if array is None else np.ascontiguousarray(array, np.float16).tobytes()


def entry_of(row: dict[str, Any]) -> Entry | None:
    """The entry of a row; None where what the row holds is not what was written."""
    try:
        features = {kind: np.frombuffer(row[f"seen_{kind}"], np.float16) for kind in KINDS if row[f"seen_{kind}"]}
        latents = None
        if row["latents"]:
            latents = np.frombuffer(row["latents"], np.float16).reshape(json.loads(row["shape"]))
        scope = Scope(**{name: row[name] for name in Scope.__dataclass_fields__})
        same = ("seq", "id", "key", "prompt", "description", "teller", "seed", "steps", "picture", "bytes")
        entry = Entry(
            scope=scope,
            features=features,
            latents=latents,
            record=json.loads(row["record"]),
            **{name: row[name] for name in (*same, "created", "hits")},
        )
    except (ValueError, TypeError):
        return None
    return entry if entry.check() == row['"check"'] else None
