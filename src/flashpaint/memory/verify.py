"""Is a memory folder what it should be, and what can be kept of one that is not.

Reads every row with its checksum and every picture with its hash. Knows no models; other processes may work meanwhile,
but for the repair of a malformed database.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flashpaint.errors import MemoryBusy, MemoryDamaged
from flashpaint.memory.entry import Entry
from flashpaint.memory.files import STALE_S, PictureFiles, age_s
from flashpaint.memory.index import belongs, read_about
from flashpaint.memory.migrations import migrate, refuse_newer, transaction, version_of
from flashpaint.memory.rows import entry_of, text_of
from flashpaint.memory.salvage import connect, newest_of, salvage, walk
from flashpaint.memory.sqlite import NAME, SqliteStore, drop_unneeded, translated

MISSING = "is missing"
PICTURE = re.compile(r"[0-9a-f]{64}\.\w{1,8}")
COUNT = "(SELECT count(*) FROM pictures)"
BYTES = "(SELECT coalesce(sum(bytes), 0) FROM pictures)"


@dataclass(frozen=True)
class Damage:
    """id and picture: "" where they cannot be read."""

    seq: int
    id: str
    picture: str
    why: str


@dataclass(frozen=True)
class Findings:
    """Of a memory folder, as it was found.

    checked: entries; database: what SQLite's own check says against it, "" for nothing; totals: whether the sums that
    are kept are those of the rows; rows, pictures: entries that are lost; strays: files without a row; scratch: files
    that are half-written; snapshots: of the index, that will be made again, and why. repaired: whether what could be
    done about it was; kept: entries that are there then; aside: where a malformed database is kept.
    """

    checked: int
    database: str = ""
    totals: bool = True
    rows: tuple[Damage, ...] = ()
    pictures: tuple[Damage, ...] = ()
    strays: tuple[str, ...] = ()
    scratch: int = 0
    snapshots: tuple[tuple[str, str], ...] = ()
    repaired: bool = False
    kept: int = 0
    aside: Path | None = None

    @property
    def damaged(self) -> bool:
        """Whether anything was lost; leftovers of killed processes and old snapshots are none."""
        return bool(self.database or self.rows or self.pictures or not self.totals)

    @property
    def sound(self) -> bool:
        """As it is now."""
        return self.repaired or not self.damaged

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.checked:,} entries checked"
        if self.database:
            yield f"the database {self.database}"
        if not self.totals:
            yield "the totals are not those of the rows"
        for damage in (*self.rows, *self.pictures):
            yield f"entry {damage.id or damage.seq}: {damage.why}"
        if self.strays:
            yield f"{len(self.strays):,} picture files without an entry, which --repair removes if older than an hour"
        if self.scratch:
            yield f"{self.scratch:,} half-written files"
        for name, why in self.snapshots:
            yield f"index snapshot {name} {why}: it is made again"
        if self.aside:
            yield f"the malformed database is kept as {self.aside}"
        if self.repaired:
            yield f"repaired: {self.kept:,} entries kept"
        elif self.damaged:
            yield "flashpaint memory verify --repair removes what is damaged and keeps the rest"
        else:
            yield "nothing is damaged"


def verify(folder: Path, repair: bool = False) -> Findings:
    """Raises MemoryNewer; with repair also MemoryBusy where the database is malformed and another process has it open,
    and DiskFull."""
    found = examine(folder)
    if not repair:
        return found
    aside = None
    if found.database == MISSING:
        SqliteStore(folder).close()
    elif found.database:
        aside = salvage(folder)
    mend(folder, examine(folder) if found.database else found)
    with opened(folder) as db:
        kept = db.execute(f"SELECT {COUNT}").fetchone()[0]
    return replace(found, repaired=True, kept=kept, aside=aside)


def examine(folder: Path) -> Findings:
    """What there is, and nothing is changed."""
    files = PictureFiles(folder / "pictures")
    names, scratch = list(files.names()), len(files.scratch())
    if not (folder / NAME).exists():
        return Findings(0, MISSING, strays=tuple(names), scratch=scratch)
    with opened(folder) as db:
        database = malformed(db, folder)
        checked, rows, pictures = check_rows(db, files)
        return Findings(
            checked,
            database,
            bool(database) or totals_hold(db),
            tuple(rows),
            tuple(pictures),
            tuple(strays(db, names)),
            scratch,
            tuple(unsound_snapshots(db, folder / "index")),
            kept=checked - len(rows) - len(pictures),
        )


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    with translated(folder), contextlib.closing(connect(folder)) as db:
        db.text_factory = text_of
        yield db


def malformed(db: sqlite3.Connection, folder: Path) -> str:
    """What SQLite says against the database's structure, "" for nothing. Raises MemoryNewer or MemoryBusy."""
    try:
        with translated(folder):
            refuse_newer(db)
            if version_of(db):
                migrate(db)
            db.execute("SELECT 1 FROM pictures, totals LIMIT 1")
            said = [row[0] for row in db.execute("PRAGMA integrity_check(3)")]
    except MemoryBusy:
        raise
    except MemoryDamaged as error:
        return f"is malformed: {error.__cause__}"
    return "" if said == ["ok"] else "is malformed: " + "; ".join(said).replace("\n", " ")


def totals_hold(db: sqlite3.Connection) -> bool:
    asked = f"SELECT (SELECT value FROM totals WHERE name = 'entries') = {COUNT} "
    asked += f"AND (SELECT value FROM totals WHERE name = 'bytes') = {BYTES}"
    return bool(db.execute(asked).fetchone()[0])


def check_rows(db: sqlite3.Connection, files: PictureFiles) -> tuple[int, list[Damage], list[Damage]]:
    """How many there are; those damaged; and those whose picture is, in which case the row itself is whole."""
    checked, rows, pictures = 0, list[Damage](), list[Damage]()
    for seq, row in walk(db, newest_of(db)):
        entry, checked = entry_of(row) if row else None, checked + 1
        if row is None:
            rows.append(Damage(seq, "", "", "the page that holds it cannot be read"))
        elif entry is None:
            name = str(row["picture"])
            picture = name if PICTURE.fullmatch(name) else ""
            rows.append(Damage(seq, str(row["id"]), picture, "its row is not what was written"))
        elif (why := lost(entry, files)) and is_there(db, seq):  # else it was evicted meanwhile
            pictures.append(Damage(seq, entry.id, entry.picture, why))
    return checked, rows, pictures


def lost(entry: Entry, files: PictureFiles) -> str:
    """What is the matter with its picture. Raises PictureUnreadable where that cannot be said now."""
    try:
        files.read(entry.picture)
    except MemoryDamaged as error:
        return f"its {error.message.partition(':')[0]}"
    return ""


def is_there(db: sqlite3.Connection, seq: int) -> bool:
    with contextlib.suppress(sqlite3.Error):
        return db.execute("SELECT 1 FROM pictures WHERE seq = ?", (seq,)).fetchone() is not None
    return True


def strays(db: sqlite3.Connection, names: Iterable[str]) -> list[str]:
    """Files without a row; one that a running process has just named may be among them."""
    try:
        needed = {row[0] for row in db.execute("SELECT picture FROM pictures")}
    except sqlite3.Error:  # malformed: which are needed shows once it is repaired
        return []
    return [name for name in names if name not in needed]


def unsound_snapshots(db: sqlite3.Connection, folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted({*folder.glob("*.voy"), *(p.with_suffix(".voy") for p in folder.glob("*.json"))}):
        if (about := read_about(path)) is None:
            yield path.name, "is torn"
            continue
        with contextlib.suppress(sqlite3.Error):
            marks = ", ".join("?" * len(about["ids"]))
            asked = f"SELECT seq, id FROM pictures WHERE seq IN ({marks})"
            found = {str(seq): id for seq, id in db.execute(asked, [*map(int, about["ids"])])}
            if not belongs(about, found):
                yield path.name, "is out of date or of another store"


# ---- repair


def mend(folder: Path, found: Findings) -> None:
    """What was found in a database that is sound itself."""
    files = PictureFiles(folder / "pictures")
    old = [name for name in found.strays if PICTURE.fullmatch(name) and age_s(files.path(name)) > STALE_S]
    gone = (*found.rows, *found.pictures)
    with opened(folder) as db:
        with transaction(db):
            db.executemany("DELETE FROM pictures WHERE seq = ?", [(damage.seq,) for damage in gone])
            db.execute(f"UPDATE totals SET value = {COUNT} WHERE name = 'entries'")
            db.execute(f"UPDATE totals SET value = {BYTES} WHERE name = 'bytes'")
        with transaction(db):
            drop_unneeded(db, files, [*old, *(damage.picture for damage in gone if damage.picture)])
    files.sweep()
    for name, _ in found.snapshots:
        for ending in (".voy", ".json"):
            (folder / "index" / name).with_suffix(ending).unlink(missing_ok=True)
