"""Opens memories: the one place of `memory` that knows the implementations."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flashpaint.errors import OutOfRange
from flashpaint.memory.address import Address, address_of, is_address
from flashpaint.memory.calibration import Calibration, calibration_file, default_calibration, read_calibration
from flashpaint.memory.memory import Memory
from flashpaint.memory.sqlite import WAIT_S, SqliteStore
from flashpaint.models.cache import data_folder
from flashpaint.models.folder import ModelFolder

if TYPE_CHECKING:
    from flashpaint.memory.copying import End
    from flashpaint.memory.postgres import PostgresStore

SHIPPED = "calibration.json"  # of a model folder
PATIENCE_S = 1.0  # what a shared memory may cost a picture, once, when it goes away


def memory_address() -> str | Path:
    """FLASHPAINT_MEMORY, a folder or a database's address, or ~/.local/share/flashpaint/memory."""
    named = os.environ.get("FLASHPAINT_MEMORY", "")
    return named if is_address(named) else data_folder("FLASHPAINT_MEMORY", "memory")


def memory_folder() -> Path:
    """What this machine keeps for itself: the memory, where that is a folder; calibrations in any case."""
    named = memory_address()
    return named if isinstance(named, Path) else data_folder("FLASHPAINT_LOCAL", "memory")


def open_memory(memory: str | Path, painter: str, seer: str, model: ModelFolder | None = None) -> Memory:
    """The memory in this folder (made if need be) or at this address, for this painter and clip, by name and version;
    model: whose own calibration holds where none was measured here. A shared memory that is away is opened all the
    same: see SharedStore. Raises OutputUnwritable, MemoryDamaged, MemoryNewer or OutOfRange."""
    if is_address(memory):
        from flashpaint.memory.shared import SharedStore
        from flashpaint.memory.spool import Spool

        address = address_of(str(memory))
        spool = Spool(data_folder("FLASHPAINT_SPOOL", "spool") / address.digest)
        store = SharedStore(lambda: open_database(address, PATIENCE_S), spool)
        return Memory(store, calibration_of(memory_folder(), painter, seer, model), None, store.neighbours)
    folder = Path(memory)
    return Memory(SqliteStore(folder), calibration_of(folder, painter, seer, model), folder)


def open_database(address: Address, wait_s: float = WAIT_S) -> PostgresStore:
    """Raises MemoryAway, MemoryNewer or OutOfRange."""
    try:
        from flashpaint.memory.postgres import PostgresStore
    except ImportError as error:
        raise OutOfRange(
            f"a shared memory needs psycopg and pgvector ({error}): pip install 'flashpaint[cluster]'", param="memory"
        ) from error
    from flashpaint.memory.objects import open_pictures

    return PostgresStore(address, open_pictures(address.pictures, wait_s), wait_s=wait_s)


def open_store(memory: str | Path) -> SqliteStore | PostgresStore:
    """To look after it: no spool, and the patience that this has."""
    return open_database(address_of(str(memory))) if is_address(memory) else SqliteStore(Path(memory))


def open_end(memory: str | Path) -> End:
    """Of a copy."""
    from flashpaint.memory.copying import DatabaseEnd, FolderEnd

    store = open_store(memory)
    return FolderEnd(store) if isinstance(store, SqliteStore) else DatabaseEnd(store)


def calibration_of(folder: Path, painter: str, seer: str, model: ModelFolder | None = None) -> Calibration:
    """Measured here, else shipped with the model, else the careful one for anything."""
    if (own := calibration_file(folder, painter, seer)).is_file():
        return read_calibration(own)
    if model is not None and SHIPPED in model.manifest.files:
        shipped = read_calibration(model.file(SHIPPED))
        if (shipped.painter, shipped.seer) == (painter, seer):
            return shipped
    return default_calibration(painter, seer)
