"""A model folder on disk: found by name or path, every file checked by size and sha256. Knows no engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.ahead import MINI, taken
from flashpaint.models.files import REMEDY, Checks, check_file
from flashpaint.models.manifest import Manifest, read_manifest

EMBEDDED = {"mini": MINI}


@dataclass(frozen=True)
class ModelFolder:
    """checks: of its files, where they are to be checked."""

    path: Path
    manifest: Manifest
    checks: Checks | None = field(default=None, repr=False, compare=False)

    @classmethod
    def open(cls, model: str | Path, verify: bool = True, wait: bool = True) -> ModelFolder:
        """Open an embedded model by name, or any folder with a manifest.json.

        wait: until every file is checked; else that is begun beside what the caller does next, `file` waits for the one
        file and `verified` for all. Raises ModelNotFound, or ModelDamaged unless `verify` is False.
        """
        path = EMBEDDED.get(str(model), Path(model))
        if not (path / "manifest.json").is_file():
            raise ModelNotFound(
                f"there is no model {str(model)!r}: name one of {', '.join(EMBEDDED)} or a folder with a manifest.json",
                param="model",
            )
        manifest = read_manifest(path / "manifest.json")
        folder = cls(path, manifest, (taken(path) or Checks(path, manifest.name, manifest.files)) if verify else None)
        if wait:
            folder.verified()
        return folder

    @property
    def title(self) -> str:
        """Name and version, as its clip, teller and painter go by."""
        return f"{self.manifest.name} {self.manifest.version}"

    def verified(self) -> None:
        """Wait until every file is checked that is to be. Raises ModelDamaged unless each is the one that the manifest
        names."""
        if self.checks is not None:
            self.checks.all()

    def check(self, name: str) -> None:
        """Raise ModelDamaged unless the file is the one that the manifest names."""
        check_file(self.path / name, self.manifest.files[name], f"{self.manifest.name}: {name}", REMEDY)

    def file(self, name: str) -> Path:
        """The path of one of the manifest's files, once it is checked where it is to be. Raises ModelDamaged, also when
        the manifest does not name it."""
        if name not in self.manifest.files:
            raise ModelDamaged(f"{self.path / 'manifest.json'} names no {name}: install the model again", param="model")
        return self.path / name if self.checks is None else self.checks.file(name)
