"""Who may: API keys with their scopes, in one file. Knows no framework.

A key is 256 random bits and shown once; the file keeps its SHA-256. A slow hash such as scrypt protects what people
choose, which can be guessed; 256 random bits cannot, and a fast hash costs each request nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from flashpaint import marks
from flashpaint.errors import OutOfRange, OutputUnwritable

SCOPES = ("generate", "read", "admin")
NAME = re.compile(r"[\w.@-]{1,64}")
RESERVED = "public"  # the owner of what is painted without a key on an open server
PREFIX = "fp-"
FILE = "keys.json"


@dataclass(frozen=True)
class Key:
    """name: the owner of all that is painted with it; sha256: of the key; created: seconds since 1970."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: int


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """The keys of a folder. A server sees what `flashpaint keys` changes at the next request."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._turn = threading.Lock()
        self._read: tuple[tuple[int, int, int], dict[str, Key]] | None = None

    def all(self) -> list[Key]:
        return list(self._by_hash().values())

    def find(self, secret: str) -> Key | None:
        """The key that this is. Looked up by hash, so that no comparison tells how near a guess came."""
        return self.hashed_as(hashed(secret))

    def hashed_as(self, sha256: str) -> Key | None:
        return self._by_hash().get(sha256)

    def named(self, name: str) -> Key | None:
        return next((key for key in self.all() if key.name == name), None)

    def add(self, name: str, scopes: Iterable[str]) -> str:
        """A new key, to be shown once. Raises OutOfRange where the name is taken or no name, or a scope is none."""
        wanted = tuple(dict.fromkeys(scopes))
        if not NAME.fullmatch(name) or name == RESERVED:
            raise OutOfRange(f"{name!r} cannot name a key: use letters, digits, . _ @ and -", param="name")
        if not wanted or not set(wanted) <= set(SCOPES):
            raise OutOfRange(f"scopes are {', '.join(SCOPES)}: name one or several of these", param="scope")
        kept = self.all()
        if any(key.name == name for key in kept):
            raise OutOfRange(f"there is a key {name!r} already: revoke it first, or choose another name", param="name")
        secret = PREFIX + secrets.token_urlsafe(32)
        self._write([*kept, Key(name, hashed(secret), wanted, int(time.time()))])
        return secret

    def revoke(self, name: str) -> None:
        kept = [key for key in self.all() if key.name != name]
        if len(kept) == len(self.all()):
            raise OutOfRange(f"there is no key {name!r}: see flashpaint keys list", param="name")
        self._write(kept)

    def _by_hash(self) -> dict[str, Key]:
        with self._turn:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                return {}
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, {key.sha256: key for key in read(self.path)})
            return self._read[1]

    def _write(self, keys: list[Key]) -> None:
        write_private(self.path, json.dumps([asdict(key) for key in keys], indent=1).encode())


def read(path: Path) -> list[Key]:
    try:
        return [Key(**{**row, "scopes": tuple(row["scopes"])}) for row in json.loads(path.read_text("utf-8"))]
    except (ValueError, TypeError, KeyError) as error:
        raise OutOfRange(f"{path} is no list of keys ({error}): mend it, or remove it and add keys anew") from error


def write_private(path: Path, content: bytes) -> None:
    """Readable by its owner alone. Raises OutputUnwritable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OutputUnwritable(f"there can be no {path.parent} ({error.strerror}): choose another --data") from error
    marks.write(content, path, 0o600)
