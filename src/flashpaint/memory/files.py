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

from flashpaint.errors import DiskFull, MemoryDamaged, OutputUnwritable, PictureUnreadable

SCRATCH = ".writing-"
STALE_S = 3600.0  # no write takes so long: what is older was left by a process that was killed


class PictureFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def name_of(content: bytes, suffix: str) -> str:
        return hashlib.sha256(content).hexdigest() + suffix

    def path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def write(self, content: bytes, suffix: str) -> tuple[str, Path]:
        """The name that it will have, and a file beside that place which holds it, safe on the disk already.

        Raises DiskFull or OutputUnwritable, and leaves nothing then.
        """
        name, scratch = self.name_of(content, suffix), None
        try:
            if not self.path(name).parent.is_dir():
                self.path(name).parent.mkdir(parents=True, exist_ok=True)
                settle(self.folder)
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

    def keep(self, content: bytes, suffix: str) -> str:
        """Both at once, where nothing needs to happen in between."""
        name, scratch = self.write(content, suffix)
        try:
            self.place(scratch, name)
        except OSError as error:
            raise unwritable(error, self.folder) from error
        finally:
            scratch.unlink(missing_ok=True)
        return name

    def drop(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def place(self, scratch: Path, name: str) -> None:
        """Give what `write` wrote its name, which a power cut does not take away again."""
        scratch.replace(self.path(name))
        settle(self.path(name).parent)

    def read(self, name: str) -> bytes:
        """Raises MemoryDamaged where the file is missing or holds something else, PictureUnreadable where it may be
        there, but not to be read now."""
        try:
            content = self.path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise MemoryDamaged(f"picture {name[:12]} is gone: run flashpaint memory verify", param="memory") from error
        except OSError as error:
            raise PictureUnreadable(
                f"picture {name[:12]} cannot be read now ({error.strerror}): try again", param="memory"
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
        left = self.scratch(STALE_S)
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def scratch(self, older_s: float = 0.0) -> list[Path]:
        """Files that are half-written, by a process that runs or by one that was killed."""
        return [path for path in sorted(self.folder.glob(f"??/{SCRATCH}*")) if age_s(path) >= older_s]


def age_s(path: Path) -> float:
    """Since it was written; minus one for a file that is gone, as one that another process has just named."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return -1.0


def settle(folder: Path) -> None:
    """Make safe on the disk which names there are in the folder."""
    if os.name == "posix":  # elsewhere folders cannot be opened
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def unwritable(error: OSError, folder: Path) -> OutputUnwritable:
    kind = DiskFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else OutputUnwritable
    return kind(
        f"memory cannot write to {folder} ({error.strerror}): free some space, or lower its budget", param="memory"
    )
