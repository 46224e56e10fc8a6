"""An entry as rows of the shared database, and back. Knows the columns; holds no connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from flashpaint.memory.entry import KINDS, Entry
from flashpaint.memory.postgres_connection import Connection
from flashpaint.memory.rows import COLUMNS, HALF_LIFE_S, entry_of, row_of

ROW = "SELECT " + ", ".join("p.seq" if c == "seq" else f"u.{c}" if c == "hits" else f"p.{c}" for c in COLUMNS)
ROW += " FROM pictures p JOIN uses u USING (seq)"
EARNED = ("hits", "saved", "used", "heat", "worth")  # columns of `uses` beside seq and bytes
SKIPPED = (*EARNED, "seq")

NOW = "greatest(used, %(now)s)"  # a clock that went back takes nothing away
HEAT = f"(heat * 0.5 ^ least(({NOW} - used) / {HALF_LIFE_S}, 1000) + %(steps)s)"
WORTH = f"{NOW} / {HALF_LIFE_S} + ln(greatest({HEAT}, 1e-9) / bytes) / ln(2.0::float8)"  # see rows.worth
HIT = f"""UPDATE uses SET hits = hits + 1, saved = saved + %(steps)s, used = {NOW}, heat = {HEAT}, worth = {WORTH},
    last = %(token)s WHERE seq = %(seq)s AND last <> %(token)s"""


def storable(entry: Entry) -> Entry:
    """Without what PostgreSQL's texts cannot hold: NUL, and halves of characters."""
    texts = ("prompt", "description", "teller", "key")
    clean = {name: getattr(entry, name).encode("utf-8", "replace").decode().replace("\0", "\ufffd") for name in texts}
    return replace(entry, **clean)


def new_row(entry: Entry, picture: str, size: int, now: float) -> tuple[Entry, dict[str, Any]]:
    """The entry as it is kept, and its columns in both tables."""
    kept, row = row_of(storable(entry), picture, size, now)
    for kind in KINDS:
        if (features := row[f"seen_{kind}"]) is not None:
            row[f"seen_{kind}"] = HalfVector(np.frombuffer(features, np.float16))
    return kept, row | {"saved": 0}


def insert(db: Connection, row: dict[str, Any]) -> int | None:
    """The number that the row has now; None where its id is there already."""
    columns = [name for name in row if name not in SKIPPED]
    names, values = ", ".join(f'"{name}"' for name in columns), ", ".join(f"%({name})s" for name in columns)
    earned = ", ".join(f"%({name})s" for name in EARNED)
    found = db.execute(
        f"""WITH next AS (UPDATE totals SET value = value + 1 WHERE name = 'newest' RETURNING value),
        made AS (INSERT INTO pictures (seq, {names}) SELECT value, {values} FROM next ON CONFLICT (id) DO NOTHING
            RETURNING seq, bytes),
        needed AS (DELETE FROM unneeded WHERE picture = %(picture)s AND EXISTS (SELECT FROM made)),
        summed AS (UPDATE totals SET value = value + CASE name WHEN 'bytes' THEN made.bytes ELSE 1 END FROM made
            WHERE name IN ('entries', 'bytes'))
        INSERT INTO uses (seq, bytes, {", ".join(EARNED)}) SELECT seq, bytes, {earned} FROM made RETURNING seq""",
        row,
        binary=True,
    ).fetchone()
    return None if found is None else int(found[0])


def delete(db: Connection, seqs: Sequence[int], now: float, evicted: bool = False) -> int:
    """The rows; and their pictures are no longer needed, unless others refer to them. How many there were."""
    found = db.execute(
        """WITH gone AS (DELETE FROM pictures WHERE seq = ANY(%(seqs)s) RETURNING seq, bytes, picture),
        unneeded_now AS (INSERT INTO unneeded SELECT DISTINCT picture, %(now)s::float8 FROM gone
            ON CONFLICT (picture) DO UPDATE SET since = excluded.since),
        sums AS (SELECT count(*) AS number, coalesce(sum(bytes), 0) AS bytes FROM gone),
        summed AS (UPDATE totals SET value = value + CASE name WHEN 'bytes' THEN -sums.bytes
            WHEN 'entries' THEN -sums.number ELSE sums.number END FROM sums
            WHERE name IN ('bytes', 'entries', 'removals') OR (name = 'evicted' AND %(evicted)s))
        SELECT number FROM sums""",
        {"seqs": list(seqs), "now": now, "evicted": evicted},
    ).fetchone()
    return int(found[0]) if found else 0


def entries_of(db: Connection, where: str, values: Sequence[Any]) -> list[Entry]:
    """Those that are whole."""
    found = db.execute(f"{ROW} {where}", values, binary=True).fetchall()
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in found)
    return [entry for row in rows if (entry := entry_of(as_bytes(row))) is not None]


def as_bytes(row: dict[str, Any]) -> dict[str, Any]:
    """With its features as they are in other stores."""
    for kind in KINDS:
        if (features := row[f"seen_{kind}"]) is not None:
            row[f"seen_{kind}"] = halves(features).tobytes()
    return row


def halves(features: Any) -> NDArray[np.float16]:
    found: NDArray[np.float16] = features.to_numpy().astype(np.float16)
    return found
