"""A model folder on disk: found by name or path, every file checked by size and sha256. Knows no engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.manifest import FileEntry, Manifest, read_manifest

EMBEDDED = {"mini": Path(__file__).parent.parent / "mini"}


@dataclass(frozen=True)
class ModelFolder:
    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, model: str | Path, verify: bool = True) -> ModelFolder:
        """Open an embedded model by name, or any folder with a manifest.json.

        Raises ModelNotFound, or ModelDamaged unless `verify` is False.
        """
        path = EMBEDDED.get(str(model), Path(model))
        if not (path / "manifest.json").is_file():
            raise ModelNotFound(
                f"there is no model {str(model)!r}: name one of {', '.join(EMBEDDED)} or a folder with a manifest.json",
                param="model",
            )
        folder = cls(path, read_manifest(path / "manifest.json"))
        if verify:
            folder.verify()
        return folder

    @property
    def title(self) -> str:
        """Name and version, as its clip, teller and painter go by."""
        return f"{self.manifest.name} {self.manifest.version}"

    def verify(self) -> None:
        """Raise ModelDamaged unless every file is the one that the manifest names."""
        for name in self.manifest.files:
            self.check(name)

    def check(self, name: str) -> None:
        """Raise ModelDamaged unless the file is the one that the manifest names."""
        remedy = "install flashpaint again (pip install --force-reinstall flashpaint), or copy the file anew"
        check_file(self.path / name, self.manifest.files[name], f"{self.manifest.name}: {name}", remedy)

    def file(self, name: str) -> Path:
        """The path of one of the manifest's files; ModelDamaged when the manifest does not name it."""
        if name not in self.manifest.files:
            raise ModelDamaged(f"{self.path / 'manifest.json'} names no {name}: install the model again", param="model")
        return self.path / name


def check_file(path: Path, entry: FileEntry, called: str, remedy: str) -> None:
    """Raise ModelDamaged unless the file has the entry's size and sha256."""
    if not path.is_file():
        raise ModelDamaged(f"{called} is missing: {remedy}", param="model")
    if (size := path.stat().st_size) != entry.bytes:
        raise ModelDamaged(f"{called} has {size} bytes, not {entry.bytes}: {remedy}", param="model")
    if (found := sha256_of(path)) != entry.sha256:
        raise ModelDamaged(f"{called} hashes to {found[:12]}…, not {entry.sha256[:12]}…: {remedy}", param="model")


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
