"""A memory in one file, to move it or to keep it: rows as JSON lines, arrays as safetensors, pictures as they are.

Knows the zip and what may be believed of it: nothing that its checksums and bounds do not say again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from flashpaint.errors import MemoryDamaged
from flashpaint.memory.entry import KINDS, Entry, Kind, Scope
from flashpaint.memory.files import PictureFiles, settle, unwritable
from flashpaint.memory.migrations import refuse_newer
from flashpaint.memory.rows import entry_of
from flashpaint.memory.salvage import connect, newest_of, walk
from flashpaint.memory.sqlite import SqliteStore, translated

ENTRIES, ARRAYS, PICTURES = "entries.jsonl", "arrays.safetensors", "pictures/"
LINE_LIMIT = 2**20  # bytes of one entry's texts
BLOCK = 2**20


class Header(BaseModel):
    """The first line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["flashpaint memory"] = "flashpaint memory"
    version: Literal[1] = 1


class Line(BaseModel):
    """An entry but for its arrays. check: of the entry, arrays and all."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ser_json_inf_nan="constants")

    id: str = Field(pattern=r"\A[\w-]{1,64}\z")
    scope: Scope
    prompt: str
    description: str
    key: str
    teller: str
    seed: int = Field(ge=-(2**63), lt=2**63)
    steps: int = Field(ge=0, lt=2**31)
    record: dict[str, Any]
    picture: str = Field(pattern=r"\A[0-9a-f]{64}\.[a-z0-9]{1,8}\z")
    bytes: int = Field(gt=0)
    created: float
    check: int


@dataclass(frozen=True)
class Imported:
    """skipped: those that were there already, by their ids."""

    added: int
    skipped: int
    damaged: int


# ---- out


def export_memory(store_folder: Path, out: Path, owner: str | None = None) -> int:
    """Write what is remembered, of one owner or of all, as it is now; how many entries. What is damaged, or evicted
    meanwhile, is left out. `out` appears whole or not at all. Raises DiskFull or OutputUnwritable."""
    try:
        with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".exporting-") as scratch:
            number = write_archive(store_folder, Path(scratch), owner)
            (Path(scratch) / "zip").replace(out)
            settle(out.absolute().parent)
    except OSError as error:
        raise unwritable(error, out.parent) from error
    return number


def write_archive(store_folder: Path, scratch: Path, owner: str | None) -> int:
    files, arrays, names = PictureFiles(store_folder / "pictures"), dict[str, NDArray[np.float16]](), set[str]()
    number = 0
    with zipfile.ZipFile(scratch / "zip", "w", zipfile.ZIP_STORED) as archive:
        with (scratch / ENTRIES).open("w", encoding="utf-8") as lines:
            lines.write(Header().model_dump_json() + "\n")
            for entry in entries_of(store_folder, owner):
                with contextlib.suppress(MemoryDamaged):
                    if entry.picture not in names:
                        archive.writestr(PICTURES + entry.picture, files.read(entry.picture))
                        names.add(entry.picture)
                    lines.write(line_of(entry).model_dump_json() + "\n")
                    arrays |= arrays_of(entry)
                    number += 1
        save_file(arrays, scratch / ARRAYS)
        for name in (ENTRIES, ARRAYS):
            archive.write(scratch / name, name)
    with (scratch / "zip").open("rb") as written:
        os.fsync(written.fileno())
    return number


def entries_of(folder: Path, owner: str | None) -> Iterator[Entry]:
    """Those that are whole, oldest first, as of one moment."""
    with translated(folder), contextlib.closing(connect(folder)) as db:
        refuse_newer(db)
        db.execute("BEGIN")  # one view, whatever others write
        for _, row in walk(db, newest_of(db)):
            entry = entry_of(row) if row else None
            if entry is not None and owner in (None, entry.scope.owner):
                yield entry


def line_of(entry: Entry) -> Line:
    same = {field: getattr(entry, field) for field in Line.model_fields.keys() - {"record", "check"}}
    return Line(**same, record=dict(entry.record), check=entry.check())


def arrays_of(entry: Entry) -> dict[str, NDArray[np.float16]]:
    arrays = {f"{entry.id}.{kind}": row for kind, row in entry.features.items()}
    return arrays if entry.latents is None else {**arrays, f"{entry.id}.latents": entry.latents}


# ---- in


def import_memory(archive: Path, store: SqliteStore) -> Imported:
    """Add what is not there yet, each entry under its id and with its date; uses are counted anew. One that was stopped
    goes on when called again. Raises MemoryDamaged, before anything is added, where the file is no such archive."""
    with contextlib.ExitStack() as stack:
        with refusing(archive):
            opened = stack.enter_context(zipfile.ZipFile(archive))
            refuse_bombs(opened, archive.stat().st_size)
            for _ in read_lines(opened):  # all of them, before the first is added
                pass
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=store.folder, prefix=".importing-")))
        packed = unpacked(opened, scratch, archive)
        with refusing(archive):
            arrays = stack.enter_context(safe_open(packed, framework="numpy"))
        return add_all(opened, arrays, store)


@contextlib.contextmanager
def refusing(archive: Path) -> Iterator[None]:
    """What is wrong with the file as our error."""
    try:
        yield
    except (OSError, zipfile.BadZipFile, SafetensorError, KeyError, ValueError, EOFError, NotImplementedError) as error:
        raise no_archive(archive, error) from error


def no_archive(archive: Path, error: Exception) -> MemoryDamaged:
    why = " ".join(str(error).split())
    return MemoryDamaged(f"{archive} is no whole export of a memory ({why}): export it again", param="archive")


def refuse_bombs(opened: zipfile.ZipFile, size: int) -> None:
    """Nothing in it is compressed or listed twice, so that nothing is larger than the archive itself."""
    members = opened.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("a part of it is compressed")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its parts are larger than the whole")


def read_lines(opened: zipfile.ZipFile) -> Iterator[Line]:
    with opened.open(ENTRIES) as file:
        Header.model_validate_json(file.readline(LINE_LIMIT))
        while line := file.readline(LINE_LIMIT):
            yield Line.model_validate_json(line)


def unpacked(opened: zipfile.ZipFile, scratch: Path, archive: Path) -> Path:
    with refusing(archive):
        packed = opened.open(ARRAYS)
    try:
        with packed, (scratch / ARRAYS).open("wb") as file:
            shutil.copyfileobj(packed, file, BLOCK)
    except OSError as error:
        raise unwritable(error, scratch.parent) from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise no_archive(archive, error) from error
    return scratch / ARRAYS


def add_all(opened: zipfile.ZipFile, arrays: Any, store: SqliteStore) -> Imported:
    added = skipped = damaged = 0
    names = set(arrays.keys())
    with translated(store.folder), contextlib.closing(connect(store.folder)) as db:
        for line in read_lines(opened):
            if is_there(db, line.id):
                skipped += 1
            elif (found := entry_in(opened, line, arrays, names)) is None:
                damaged += 1
            else:
                store.add(*found, Path(line.picture).suffix)
                added += 1
    return Imported(added, skipped, damaged)


def is_there(db: sqlite3.Connection, id: str) -> bool:
    return db.execute("SELECT 1 FROM pictures WHERE id = ?", (id,)).fetchone() is not None


def entry_in(opened: zipfile.ZipFile, line: Line, arrays: Any, names: set[str]) -> tuple[Entry, bytes] | None:
    """The entry and its picture, as new to a store; None where either is not what was written."""
    try:
        features: dict[Kind, NDArray[np.float16]] = {
            kind: feature(arrays.get_tensor(f"{line.id}.{kind}")) for kind in KINDS if f"{line.id}.{kind}" in names
        }
        latents = arrays.get_tensor(f"{line.id}.latents") if f"{line.id}.latents" in names else None
        entry = Entry(
            **line.model_dump(exclude={"scope", "check", "bytes"}),
            scope=line.scope,
            features=features,
            latents=latents,
        )
        picture = picture_in(opened, line)
    except (zipfile.BadZipFile, SafetensorError, KeyError, ValueError, TypeError, EOFError):
        return None
    sound = entry.check() == line.check and (latents is None or latents.dtype == np.float16)
    return (entry, picture) if sound else None


def feature(row: NDArray[Any]) -> NDArray[np.float16]:
    """Raises ValueError for what is no direction: it would be near to everything, or to nothing."""
    if row.dtype != np.float16 or row.ndim != 1 or not abs(float(np.linalg.norm(row.astype(np.float32))) - 1) < 0.02:
        raise ValueError("no features of length 1")
    return row


def picture_in(opened: zipfile.ZipFile, line: Line) -> bytes:
    """By hash. Raises ValueError or BadZipFile; a picture that is larger than its row says is not read."""
    member = opened.getinfo(PICTURES + line.picture)
    if member.file_size > line.bytes:
        raise ValueError("larger than its row says")
    content = opened.read(member)
    if PictureFiles.name_of(content, Path(line.picture).suffix) != line.picture:
        raise ValueError("another picture")
    return content
