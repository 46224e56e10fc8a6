"""A fresh database out of one that is malformed, with every row that can still be read. Knows no index."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flashpaint.errors import FlashpaintError, MemoryBusy
from flashpaint.memory.entry import Entry
from flashpaint.memory.files import PictureFiles, settle
from flashpaint.memory.migrations import migrate, transaction
from flashpaint.memory.pages import rows_in
from flashpaint.memory.rows import entry_of, insert, read_rows, row_of, text_of, worth
from flashpaint.memory.sqlite import BUDGET, NAME, WAIT_S, translated

AT_ONCE = 64  # rows
Row = dict[str, Any]


def connect(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / NAME, timeout=WAIT_S, isolation_level=None)
    db.text_factory = text_of
    return db


def salvage(folder: Path) -> Path:
    """Put a fresh database in place of the malformed one; where that is kept. Nobody else may have it open: MemoryBusy
    else. Raises DiskFull, and leaves all as it was then."""
    fresh = folder / f"{NAME}.fresh-{os.getpid()}"
    with contextlib.closing(connect(folder)) as old:
        keep_out(old, folder)
        try:
            with translated(folder), contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                migrate(db)
                with transaction(db):
                    copy(old, db, folder)
            return swap(folder, fresh)
        finally:
            fresh.unlink(missing_ok=True)


def keep_out(db: sqlite3.Connection, folder: Path) -> None:
    """Others, as far as the database still knows locks; and take its log into it."""
    try:
        db.execute("PRAGMA journal_mode = DELETE")  # fails where another process has it open
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise MemoryBusy(
                f"the database in {folder} is malformed and another process has it open: end it, then repair again",
                param="memory",
            ) from error


def copy(old: sqlite3.Connection, db: sqlite3.Connection, folder: Path) -> None:
    """What SQLite still reads; then what only its pages still show, as far as its picture is there: that of an entry
    which was forgotten is not."""
    newest, kept = newest_of(old), set[int]()
    columns = [row[1] for row in db.execute("PRAGMA table_info(pictures)")]
    for seq, row in walk(old, newest):
        if row and seq not in kept and (entry := entry_of(row)):
            add(db, entry, row | uses(old, seq))
            kept.add(seq)
    for row in rows_in(folder / NAME, columns):
        row['"check"'] = row["check"]
        if row["seq"] not in kept and (entry := entry_of(row)) and shown(entry, folder):
            with contextlib.suppress(sqlite3.IntegrityError):  # a copy of one that we have under another number
                add(db, entry, row)
                kept.add(entry.seq)
    set_totals(old, db, max([newest, *kept]))


def shown(entry: Entry, folder: Path) -> bool:
    try:
        return bool(PictureFiles(folder / "pictures").read(entry.picture))
    except FlashpaintError:
        return False


def add(db: sqlite3.Connection, entry: Entry, row: Row) -> None:
    """The entry under its number, with what its uses have earned where that can be read."""
    now = time.time()
    heat, used, saved = (row.get(name) for name in ("heat", "used", "saved"))
    made = row_of(entry, entry.picture, 0, now)[1] | {"seq": entry.seq, "bytes": entry.bytes}
    if isinstance(heat, float) and isinstance(used, float) and math.isfinite(heat) and 0 < used <= now:
        made |= {"heat": heat, "used": used, "worth": worth(heat, entry.bytes, used)}
    if isinstance(saved, int) and 0 <= saved < 2**40:
        made["saved"] = saved
    insert(db, made)


def uses(db: sqlite3.Connection, seq: int) -> Row:
    try:
        found = db.execute("SELECT heat, used, saved FROM pictures WHERE seq = ?", (seq,)).fetchone()
        return dict(zip(("heat", "used", "saved"), found, strict=True))
    except (sqlite3.Error, TypeError):
        return {}


def set_totals(old: sqlite3.Connection, db: sqlite3.Connection, newest: int) -> None:
    """The budget and what was counted; and no number is given twice."""
    totals = {"budget": BUDGET, "evicted": 0, "removals": 0}
    with contextlib.suppress(sqlite3.Error):
        told = dict(old.execute("SELECT name, value FROM totals").fetchall())
        totals |= {name: told[name] for name in totals if isinstance(told.get(name), int) and told[name] > 0}
    totals["removals"] += 1  # an index that knows the old one looks again
    db.executemany("UPDATE totals SET value = ? WHERE name = ?", [(value, name) for name, value in totals.items()])
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'pictures'")
    db.execute("INSERT INTO sqlite_sequence VALUES ('pictures', ?)", (newest,))


def swap(folder: Path, fresh: Path) -> Path:
    """The fresh one under the name; the old one beside it, with its log where that could not be taken into it, which
    would be taken for the fresh one's."""
    path = folder / NAME
    aside = folder / f"{NAME}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    try:
        os.link(path, aside)
    except OSError:  # a file system without links
        shutil.copy2(path, aside)
    for ending in ("-wal", "-shm"):
        if (log := path.with_name(NAME + ending)).exists():
            log.replace(aside.with_name(aside.name + ending))
    fresh.replace(path)
    settle(folder)
    return aside


def newest_of(db: sqlite3.Connection) -> int:
    """The greatest number that was given; 0 where that can no longer be read."""
    for asked in ("SELECT seq FROM sqlite_sequence WHERE name = 'pictures'", "SELECT max(seq) FROM pictures"):
        with contextlib.suppress(sqlite3.Error):
            found = db.execute(asked).fetchone()
            if found and isinstance(found[0], int) and 0 < found[0] < 2**31:
                return found[0]
    return 0


def walk(db: sqlite3.Connection, newest: int) -> Iterator[tuple[int, Row | None]]:
    """(seq, row) of all, in order; None for a row that a page hides which cannot be read."""
    after = 0
    while after < newest:
        try:
            rows = read_rows(db, "WHERE seq > ? ORDER BY seq LIMIT ?", (after, AT_ONCE))
            yield from ((row["seq"], row) for row in rows)
            after = max(after + 1, rows[-1]["seq"]) if rows else newest
        except sqlite3.Error:
            upto = min(after + AT_ONCE, newest)
            yield from one_by_one(db, range(after + 1, upto + 1))
            after = upto


def one_by_one(db: sqlite3.Connection, seqs: range) -> Iterator[tuple[int, Row | None]]:
    for seq in seqs:
        try:
            yield from ((seq, row) for row in read_rows(db, "WHERE seq = ?", (seq,)))
        except sqlite3.Error:
            yield seq, None
