"""The models that users have added, as they lie on disk: one folder each with its files and our record of them.

A model becomes visible by one rename, when it is whole, and is gone by one rename. Knows no hub.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashpaint.errors import ModelDamaged, ModelNotFound, RequestInvalid
from flashpaint.models.cache import data_folder
from flashpaint.models.files import check_file
from flashpaint.models.folder import EMBEDDED
from flashpaint.models.manifest import FileEntry
from flashpaint.models.wanted import Kind

RECORD = "flashpaint.json"
PARTIAL, REMOVED = ".partial", ".removed"


def models_folder() -> Path:
    """FLASHPAINT_MODELS or ~/.local/share/flashpaint/models."""
    return data_folder("FLASHPAINT_MODELS", "models")


class Record(BaseModel):
    """What we know of an added model. id: the hub's owner/name, or a name given here; revision: the hub's commit, or a
    hash of a local model's files; asked: the branch or tag that was named; when: UTC, ISO 8601."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    id: str
    revision: str = Field(pattern="^[0-9a-f]{40}$")
    asked: str | None
    source: Literal["hub", "folder"]
    kind: Kind
    variant: str
    when: str
    files: dict[str, FileEntry]


@dataclass(frozen=True)
class Added:
    """A model that is here, whole when it was added."""

    path: Path
    record: Record

    @property
    def name(self) -> str:
        """owner/name@revision, as `verify` and `remove` take it."""
        return f"{self.record.id}@{self.record.revision[:12]}"

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self.record.files.values())

    def answers_to(self, name: str, revision: str | None) -> bool:
        """Whether it is meant by its id or the id's last part, at this revision if one is named."""
        named = name in (self.record.id, self.record.id.rsplit("/", 1)[-1])
        known = revision in (None, self.record.asked) or (
            re.fullmatch("[0-9a-f]{7,40}", str(revision)) and self.record.revision.startswith(str(revision))
        )
        return named and bool(known)

    def check(self, name: str) -> None:
        """Raise ModelDamaged unless the file is the one that was added."""
        again = f"flashpaint models remove {self.name}, then add it again"
        check_file(self.path / name, self.record.files[name], f"{self.record.id}: {name}", again)


def added() -> list[Added]:
    """The models that are here, the last added first; without those whose record is torn, which `torn` names."""
    found = []
    for path in models_folder().glob(f"*/{RECORD}"):
        with contextlib.suppress(ModelDamaged):
            found.append(Added(path.parent, read_record(path.parent)))
    return sorted(found, key=lambda model: model.record.when, reverse=True)


def torn() -> list[ModelDamaged]:
    """One error for each model whose record cannot be read."""
    found = []
    for path in models_folder().glob(f"*/{RECORD}"):
        try:
            read_record(path.parent)
        except ModelDamaged as damage:
            found.append(damage)
    return found


def read_record(folder: Path) -> Record:
    try:
        return Record.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as failure:
        raise ModelDamaged(
            f"{folder / RECORD} cannot be read: add the model again, or delete {folder}", param="model"
        ) from failure


def record_of(folder: Path) -> Record | None:
    """The record where this is the folder of an added model."""
    return read_record(folder) if (folder / RECORD).is_file() else None


def matching(name: str, revision: str | None = None) -> list[Added]:
    """Those meant by an id or its last part, with or without @revision; whole ids before parts, the latest first."""
    name, _, pinned = name.partition("@")
    found = [model for model in added() if model.answers_to(name, pinned or revision)]
    return [model for model in found if model.record.id == name] or found


def the_one(name: str) -> Added:
    """Raises ModelNotFound where none is meant, RequestInvalid where several are."""
    found = matching(name)
    if not found:
        raise ModelNotFound(f"there is no added model {name!r}: {what_there_is()}", param="name")
    if len(found) > 1:
        raise RequestInvalid(f"{name} may be {' or '.join(model.name for model in found)}: name one", param="name")
    return found[0]


def what_there_is() -> str:
    names = ", ".join(dict.fromkeys([*EMBEDDED, *(model.record.id for model in added())]))
    return f"there is {names}; add one with: flashpaint models add OWNER/NAME, or add FOLDER --name NAME"


def folder_name(id: str, revision: str) -> str:
    """As a hub's own caches write owner/name; "--" is in no id."""
    return f"{id.replace('/', '--')}@{revision[:12]}"


def publish(partial: Path, record: Record) -> Added:
    """Make a whole model visible: the record is written last, then one rename."""
    target = models_folder() / folder_name(record.id, record.revision)
    content = record.model_dump_json(indent=1).encode()
    with (partial / RECORD).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if target.is_dir() and not any(model.path == target for model in added()):
        remove(target)  # its record is torn
    try:
        partial.rename(target)
    except OSError:
        if not (target / RECORD).is_file():
            raise
        shutil.rmtree(partial)  # another was faster, with the same files
    return Added(target, record)


def remove(folder: Path) -> None:
    """Gone at once for all who look; then its bytes. What an earlier removal left, cut off, goes too."""
    bin_ = models_folder() / REMOVED
    bin_.mkdir(exist_ok=True)
    folder.rename(bin_ / f"{folder.name}.{uuid.uuid4().hex}")
    shutil.rmtree(bin_, ignore_errors=True)


def unfinished() -> dict[str, Path]:
    """What was begun and not ended, by name: `add` goes on where a hub's stopped, `remove` deletes it."""
    folders = (path for path in (models_folder() / PARTIAL).glob("*@*") if path.is_dir())
    return {path.name.replace("--", "/"): path for path in sorted(folders)}


def size_of(folder: Path) -> int:
    """Bytes in all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
