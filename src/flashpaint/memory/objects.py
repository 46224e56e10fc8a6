"""Pictures by content hash in an object store, through fsspec. Knows no database.

Object stores put an object whole or not at all; elsewhere a picture is written under another name first. A place that
stalls is given up after LIMIT_S.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from flashpaint.errors import MemoryDamaged, OutOfRange, OutputUnwritable, PictureUnreadable
from flashpaint.memory.files import SCRATCH, PictureFiles
from flashpaint.memory.store import Pictures

Answer = TypeVar("Answer")

LIMIT_S = 2.0
NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,8}")
WHOLE = ("s3", "gs", "az", "memory")  # whose puts are whole or not at all
ENGINE = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}  # obstore's names


class ObjectFiles:
    """place: an fsspec URL; who may write there says the environment. Raises OutOfRange where it cannot be opened."""

    def __init__(self, place: str, limit_s: float = LIMIT_S) -> None:
        self.place, self.limit_s = place, limit_s
        protocol, _, self._root = place.partition("://")
        self._scheme = ENGINE.get(protocol, protocol)
        self._fs = file_system(self._scheme, limit_s)

    @staticmethod
    def name_of(content: bytes, suffix: str) -> str:
        return hashlib.sha256(content).hexdigest() + suffix

    def path(self, name: str) -> str:
        """Raises MemoryDamaged for what is no picture's name: it could lead elsewhere."""
        if not NAME.fullmatch(name):
            raise MemoryDamaged(f"{name[:12]!r} names no picture", param="memory")
        return f"{self._root}/{name[:2]}/{name}"

    def keep(self, content: bytes, suffix: str) -> str:
        name = self.name_of(content, suffix)
        try:
            within(self.limit_s, lambda: self._put(self.path(name), content))
        except MemoryDamaged:
            raise
        except Exception as error:  # each file system has its own
            raise OutputUnwritable(
                f"no picture can be put where they are shared ({why(error)})", param="memory"
            ) from error
        return name

    def _put(self, path: str, content: bytes) -> None:
        if self._scheme in WHOLE:
            self._fs.pipe_file(path, content)
            return
        folder = path.rpartition("/")[0]
        scratch = f"{folder}/{SCRATCH}{secrets.token_hex(8)}"
        self._fs.makedirs(folder, exist_ok=True)
        self._fs.pipe_file(scratch, content)
        self._fs.mv(scratch, path)

    def read(self, name: str) -> bytes:
        path = self.path(name)
        try:
            content: bytes = within(self.limit_s, lambda: self._fs.cat_file(path))
        except FileNotFoundError as error:
            raise MemoryDamaged(f"picture {name[:12]} is gone", param="memory") from error
        except Exception as error:
            raise PictureUnreadable(
                f"picture {name[:12]} cannot be read now ({why(error)}): try again", param="memory"
            ) from error
        if hashlib.sha256(content).hexdigest() != name.partition(".")[0]:
            raise MemoryDamaged(f"picture {name[:12]} is damaged", param="memory")
        return content

    def drop(self, name: str) -> None:
        path = self.path(name)
        try:
            within(self.limit_s, lambda: self._fs.rm_file(path))
        except FileNotFoundError:
            return
        except Exception as error:
            raise OutputUnwritable(f"no picture can be removed where they are shared ({why(error)})") from error

    def names(self) -> Iterator[str]:
        self._fs.invalidate_cache()
        found = (str(path).rpartition("/")[2] for path in self._fs.find(self._root))
        yield from sorted(name for name in found if NAME.fullmatch(name))

    def sweep(self) -> int:
        """Nothing is ever half-written where puts are whole; elsewhere what is, has a name that nothing reads."""
        return 0


def open_pictures(place: str, limit_s: float = LIMIT_S) -> Pictures:
    """A folder, or an fsspec URL. Raises OutOfRange."""
    if place.startswith("/"):
        return PictureFiles(Path(place))
    if place.startswith("file://"):
        return PictureFiles(Path(place.removeprefix("file://")))
    return ObjectFiles(place, limit_s)


def file_system(scheme: str, limit_s: float) -> Any:
    try:
        import fsspec  # type: ignore[import-untyped]

        if scheme in ENGINE.values() and importlib.util.find_spec("obstore"):
            from obstore.fsspec import FsspecStore

            opened: Any = FsspecStore  # it is typed for one scheme at a time
            patience: Any = {"timeout": f"{limit_s:g}s", "connect_timeout": f"{limit_s:g}s"}
            retry: Any = {"max_retries": 1}
            return opened(scheme, client_options=patience | insecure(), retry_config=retry, skip_instance_cache=True)
        return fsspec.filesystem(scheme)
    except (ImportError, ValueError) as error:
        raise OutOfRange(
            f"pictures cannot be kept at {scheme}:// ({error}): pip install 'flashpaint[cluster]', or what that needs",
            param="memory",
        ) from error


def insecure() -> dict[str, Any]:
    """A server of one's own may speak plain HTTP; that its address is in the environment says that it may."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_S3") or ""
    return {"allow_http": True} if endpoint.startswith("http://") else {}


def within(limit_s: float, run: Callable[[], Answer]) -> Answer:
    """Its answer or its error; TimeoutError, and it is left to itself, where that takes longer."""
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def ran() -> None:
        try:
            answers.append(run())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=ran, name="pictures", daemon=True)
    thread.start()
    thread.join(limit_s)
    if errors:
        raise errors[0]
    if not answers:
        raise TimeoutError(f"no answer within {limit_s:g} s")
    return answers[0]


def why(error: BaseException) -> str:
    """In a word: what a server says quotes its address, and is in the log as the cause."""
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
