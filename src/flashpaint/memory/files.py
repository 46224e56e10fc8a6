"""Picture files by content hash, in folders of 256. Knows no database.

A file appears whole under its name or not at all; its name says what it holds, so that damage shows.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flashpaint.errors import DiskFull, MemoryDamaged, OutputUnwritable

SCRATCH = ".writing-"
STALE_S = 3600.0  # no write takes so long: what is older was left by a process that was killed


class PictureFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def write(self, content: bytes, suffix: str) -> tuple[str, Path]:
        """The name that it will have, and a file beside that place which holds it, safe on the disk already.

        Raises DiskFull or OutputUnwritable, and leaves nothing then.
        """
        name, scratch = hashlib.sha256(content).hexdigest() + suffix, None
        try:
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.path(name).parent, prefix=SCRATCH, delete=False) as file:
                scratch = Path(file.name)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if scratch is not None:
                scratch.unlink(missing_ok=True)
            raise unwritable(error, self.folder) from error
        return name, scratch

    def read(self, name: str) -> bytes:
        """Raises MemoryDamaged where the file is missing or holds something else."""
        try:
            content = self.path(name).read_bytes()
        except OSError as error:
            raise MemoryDamaged(
                f"picture {name[:12]} cannot be read ({error.strerror}): run flashpaint memory verify", param="memory"
            ) from error
        if hashlib.sha256(content).hexdigest() != name.partition(".")[0]:
            raise MemoryDamaged(f"picture {name[:12]} is damaged: run flashpaint memory verify", param="memory")
        return content

    def names(self) -> Iterator[str]:
        for path in sorted(self.folder.glob("??/*")):
            if not path.name.startswith(SCRATCH):
                yield path.name

    def sweep(self) -> int:
        """Remove what killed processes left half-written; how many there were."""
        left = [p for p in self.folder.glob(f"??/{SCRATCH}*") if time.time() - p.stat().st_mtime > STALE_S]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)


def unwritable(error: OSError, folder: Path) -> OutputUnwritable:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else OutputUnwritable
    return kind(
        f"memory cannot write to {folder} ({error.strerror}): free some space, or lower its budget", param="memory"
    )
