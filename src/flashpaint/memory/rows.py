"""An entry as a row of the database, and back. Knows the columns; knows no files and holds no connection."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.memory.entry import KINDS, Entry, Scope, said

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


def row_of(entry: Entry, picture: str, size: int, now: float) -> tuple[Entry, dict[str, Any]]:
    """The entry as it is kept, and its row by column. picture: the name of its file, of size bytes."""
    blobs = {f"seen_{kind}": blob(entry.features.get(kind)) for kind in KINDS} | {"latents": blob(entry.latents)}
    total = size + OVERHEAD + sum(len(b) for b in blobs.values() if b)
    kept = replace(entry, picture=picture, bytes=total, created=entry.created or now)
    texts = {field: getattr(kept, field) for field in ("id", "key", "prompt", "description", "teller", "picture")}
    numbers = {field: getattr(kept, field) for field in ("seed", "steps", "hits", "bytes", "created")}
    return kept, {
        **entry.scope.__dict__,
        **texts,
        **numbers,
        **blobs,
        "scope": entry.scope.digest,
        "said": said(entry.prompt),
        "record": json.dumps(dict(entry.record), ensure_ascii=False),
        "shape": None if entry.latents is None else json.dumps(entry.latents.shape),
        "check": kept.check(),
        "used": now,
        "heat": float(entry.steps),
        "worth": worth(entry.steps, total, now),
    }


def insert(db: sqlite3.Connection, row: dict[str, Any]) -> int:
    """The number that the row has now."""
    names, marks = ", ".join(f'"{column}"' for column in row), ", ".join("?" * len(row))
    found = db.execute(f"INSERT INTO pictures ({names}) VALUES ({marks})", list(row.values()))
    return int(found.lastrowid or 0)


def read_rows(db: sqlite3.Connection, where: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Rows by column, as they are: whether one is whole only `entry_of` says."""
    found = db.execute(f"{ROW} {where}", values).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in found]


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
        return entry if entry.check() == row['"check"'] else None
    except (ValueError, TypeError, RecursionError):
        return None


def text_of(raw: bytes) -> str:
    """The text of a column, of a damaged one too: a checksum tells them apart, an error would hide its neighbours."""
    return raw.decode("utf-8", "replace")


def blob(array: NDArray[Any] | None) -> bytes | None:
    return None if array is None else np.ascontiguousarray(array, np.float16).tobytes()
