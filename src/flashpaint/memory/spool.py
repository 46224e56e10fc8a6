"""What is to be remembered once the shared memory is back: files of one folder, each an entry and its picture.

A file is safe on the disk, whole or not there, and holds tensors and JSON (safetensors), nothing that runs. Several
processes of a machine may share a folder. Knows no store.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from flashpaint.errors import MemoryBusy
from flashpaint.memory.archive import Line, arrays_of, feature, line_of
from flashpaint.memory.entry import KINDS, Entry
from flashpaint.memory.files import PictureFiles, unwritable
from flashpaint.memory.rows import row_of

BOUND = 256 * 2**20  # bytes on the disk
ENDING, DAMAGED = ".entry", ".damaged"


class Spool:
    """folder: made if need be. bound: bytes that it may take."""

    def __init__(self, folder: Path, bound: int = BOUND) -> None:
        self.folder, self.bound = folder, bound

    def put(self, entry: Entry, picture: bytes, suffix: str) -> Entry:
        """The entry as it will be kept, but for its number; safe on return. Raises MemoryBusy where there is no room,
        DiskFull or OutputUnwritable."""
        kept = row_of(entry, PictureFiles.name_of(picture, suffix), len(picture), entry.created)[0]
        arrays: dict[str, Any] = {name.partition(".")[2]: array for name, array in arrays_of(kept).items()}
        told = save(
            {**arrays, "picture_file": np.frombuffer(picture, np.uint8)}, {"entry": line_of(kept).model_dump_json()}
        )
        if self.size() + len(told) > self.bound:
            raise MemoryBusy(
                f"the shared memory is away and {self.folder} is full ({self.bound / 1e6:,.0f} MB): this picture is "
                "not remembered",
                param="memory",
            )
        self._write(told)
        return kept

    def _write(self, told: bytes) -> None:
        files = PictureFiles(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            name, scratch = files.write(told, ENDING)  # in a folder of 256, as pictures are
            files.place(scratch, name)
        except OSError as error:
            raise unwritable(error, self.folder) from error

    def waiting(self) -> list[Path]:
        """Oldest first."""
        found = [(written(path), path) for path in self.folder.glob(f"??/*{ENDING}")]
        return [path for _, path in sorted(found)]

    def size(self) -> int:
        return sum(size for path in self.folder.glob("??/*") if (size := size_of(path)))

    def entries(self) -> Iterator[tuple[Path, Entry, bytes, str]]:
        """(file, entry, picture, its ending) of those that are whole; what is not is put aside."""
        for path in self.waiting():
            try:
                yield path, *read(path.read_bytes())
            except FileNotFoundError:  # another process has caught up with it
                continue
            except (OSError, SafetensorError, ValidationError, ValueError, KeyError, TypeError):
                self.refuse(path)

    def refuse(self, path: Path) -> None:
        """Put it aside, for people."""
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(DAMAGED))

    def forget(self, owner: str, ids: set[str] | None) -> int:
        """Of this owner's: these, or all; how many they were."""
        gone = 0
        for path, entry, _, _ in self.entries():
            if entry.scope.owner == owner and (ids is None or entry.id in ids):
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def read(told: bytes) -> tuple[Entry, bytes, str]:
    """Raises ValueError, KeyError, SafetensorError or ValidationError for what is not what was written."""
    header = json.loads(told[8 : 8 + int.from_bytes(told[:8], "little")])
    line, arrays = Line.model_validate_json(header["__metadata__"]["entry"]), load(told)
    entry = Entry(
        **line.model_dump(exclude={"scope", "check"}),
        scope=line.scope,
        features={kind: feature(arrays[kind]) for kind in KINDS if kind in arrays},
        latents=arrays.get("latents"),
    )
    picture, suffix = arrays["picture_file"].tobytes(), Path(line.picture).suffix
    if entry.check() != line.check or PictureFiles.name_of(picture, suffix) != line.picture:
        raise ValueError("another entry or picture")
    return replace(entry, bytes=0), picture, suffix


def written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
