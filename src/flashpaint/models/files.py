"""Files of a model that are what its manifest says: of that size and sha256. Knows nothing of what they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from flashpaint.errors import ModelDamaged
from flashpaint.models.beside import beside

REMEDY = "install flashpaint again (pip install --force-reinstall flashpaint), or copy the file anew"
PIECE = 2**22  # bytes that are hashed at once: between two pieces a thread waits for those that run Python


class Said(Protocol):
    """What is said of a file."""

    @property
    def bytes(self) -> int: ...

    @property
    def sha256(self) -> str: ...


class Checks:
    """Of a folder's files, begun beside what the caller does next; model: its name."""

    def __init__(self, folder: Path, model: str, files: Mapping[str, Said]) -> None:
        self.folder = folder
        self._begun = {
            name: beside(partial(check_file, folder / name, files[name], f"{model}: {name}", REMEDY))
            for name in sorted(files, key=lambda name: files[name].bytes)
        }

    def file(self, name: str) -> Path:
        """Its path, once it is checked. Raises KeyError, or ModelDamaged."""
        self._begun[name].result()
        return self.folder / name

    def all(self) -> None:
        """Wait for every one. Raises ModelDamaged."""
        for check in self._begun.values():
            check.result()


def check_file(path: Path, entry: Said, called: str, remedy: str) -> None:
    """Raise ModelDamaged unless the file has the entry's size and sha256."""
    if not path.is_file():
        raise ModelDamaged(f"{called} is missing: {remedy}", param="model")
    if (size := path.stat().st_size) != entry.bytes:
        raise ModelDamaged(f"{called} has {size} bytes, not {entry.bytes}: {remedy}", param="model")
    if (found := sha256_of(path)) != entry.sha256:
        raise ModelDamaged(f"{called} hashes to {found[:12]}…, not {entry.sha256[:12]}…: {remedy}", param="model")


def sha256_of(path: Path) -> str:
    found, piece = hashlib.sha256(), bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while number := file.readinto(piece):
            found.update(memoryview(piece)[:number])
    return found.hexdigest()
