"""Opens memories: the one place of `memory` that knows the implementations."""

from __future__ import annotations

from pathlib import Path

from flashpaint.memory.calibration import Calibration, calibration_file, default_calibration, read_calibration
from flashpaint.memory.memory import Memory
from flashpaint.memory.sqlite import SqliteStore
from flashpaint.models.cache import data_folder
from flashpaint.models.folder import ModelFolder

SHIPPED = "calibration.json"  # of a model folder


def memory_folder() -> Path:
    """FLASHPAINT_MEMORY or ~/.local/share/flashpaint/memory."""
    return data_folder("FLASHPAINT_MEMORY", "memory")


def open_memory(folder: Path, painter: str, seer: str, model: ModelFolder | None = None) -> Memory:
    """The memory in this folder (made if need be) for this painter and clip, by name and version; model: whose own
    calibration holds where none was measured here. Raises OutputUnwritable, MemoryDamaged or MemoryNewer."""
    return Memory(SqliteStore(folder), calibration_of(folder, painter, seer, model), folder)


def calibration_of(folder: Path, painter: str, seer: str, model: ModelFolder | None = None) -> Calibration:
    """Measured here, else shipped with the model, else the careful one for anything."""
    if (own := calibration_file(folder, painter, seer)).is_file():
        return read_calibration(own)
    if model is not None and SHIPPED in model.manifest.files:
        shipped = read_calibration(model.file(SHIPPED))
        if (shipped.painter, shipped.seer) == (painter, seer):
            return shipped
    return default_calibration(painter, seer)
