"""The database's shape, as the list of what was done to it. A change is a new function at the end, never an edit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flashpaint.errors import MemoryNewer


def first(db: sqlite3.Connection) -> None:
    """`worth` orders eviction (see sqlite.worth); `totals` holds sums that would be dear to take over all rows."""
    db.execute("""CREATE TABLE pictures (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL, owner TEXT NOT NULL, painter TEXT NOT NULL, seer TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, task TEXT NOT NULL, steered TEXT NOT NULL,
        key TEXT NOT NULL, prompt TEXT NOT NULL, said TEXT NOT NULL, description TEXT NOT NULL, teller TEXT NOT NULL,
        seed INTEGER NOT NULL, steps INTEGER NOT NULL, record TEXT NOT NULL,
        seen_prompt BLOB, seen_description BLOB, seen_picture BLOB, latents BLOB, shape TEXT,
        picture TEXT NOT NULL, bytes INTEGER NOT NULL, "check" INTEGER NOT NULL,
        created REAL NOT NULL, used REAL NOT NULL, hits INTEGER NOT NULL DEFAULT 0, saved INTEGER NOT NULL DEFAULT 0,
        heat REAL NOT NULL, worth REAL NOT NULL)""")
    db.execute("CREATE INDEX by_scope ON pictures (scope, seq)")
    db.execute("CREATE INDEX by_key ON pictures (scope, key) WHERE key <> ''")
    db.execute("CREATE INDEX by_said ON pictures (owner, teller, said)")
    db.execute("CREATE INDEX by_owner ON pictures (owner, seq)")
    db.execute("CREATE INDEX by_worth ON pictures (worth)")
    db.execute("CREATE INDEX by_picture ON pictures (picture)")
    db.execute("CREATE TABLE totals (name TEXT PRIMARY KEY, value INTEGER NOT NULL)")
    names = ("entries", "bytes", "evicted", "removals", "budget")
    db.executemany("INSERT INTO totals VALUES (?, 0)", [(name,) for name in names])
    db.execute("""CREATE TRIGGER added AFTER INSERT ON pictures BEGIN
        UPDATE totals SET value = value + 1 WHERE name = 'entries';
        UPDATE totals SET value = value + NEW.bytes WHERE name = 'bytes'; END""")
    db.execute("""CREATE TRIGGER removed AFTER DELETE ON pictures BEGIN
        UPDATE totals SET value = value - 1 WHERE name = 'entries';
        UPDATE totals SET value = value + 1 WHERE name = 'removals';
        UPDATE totals SET value = value - OLD.bytes WHERE name = 'bytes'; END""")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [first]


def migrate(db: sqlite3.Connection, migrations: list[Callable[[sqlite3.Connection], None]] = MIGRATIONS) -> None:
    """Bring the database to the newest shape, each step whole or not at all. Raises MemoryNewer."""
    while (version := version_of(db)) < len(migrations):
        with transaction(db):
            if version_of(db) == version:  # else another process was faster
                migrations[version](db)
                db.execute(f"PRAGMA user_version = {version + 1}")
    refuse_newer(db, migrations)


def refuse_newer(db: sqlite3.Connection, migrations: list[Callable[[sqlite3.Connection], None]] = MIGRATIONS) -> None:
    """Raises MemoryNewer, before anything is touched."""
    if (version := version_of(db)) > len(migrations):
        raise MemoryNewer(
            f"this memory was written by a newer flashpaint (shape {version}, known here: {len(migrations)}): upgrade "
            "flashpaint, or name another folder with FLASHPAINT_MEMORY",
            param="memory",
        )


def version_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, and no other writer meanwhile."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
