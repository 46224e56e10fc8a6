"""Pictures behind signed urls, for as long as a url holds. Names are random, and a path is never part of one."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

from flashpaint import marks
from flashpaint.serve.keys import write_private
from flashpaint.serve.pictures import TYPES
from flashpaint.serve.problems import Problem, missing

SHELVED = re.compile(r"[0-9a-f]{32}\.(png|webp|jpeg)")


class Shelf:
    """secret: signs; it lies in the folder, so that urls outlive a restart."""

    def __init__(self, folder: Path, hold_s: float) -> None:
        self.folder, self.hold_s = folder / "shelf", hold_s
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.secret = secret_of(folder / "secret")
        self._swept = 0.0

    def put(self, content: bytes, kind: str) -> str:
        """Its name. What nobody can fetch any more is thrown away now and then."""
        self.sweep()
        name = f"{secrets.token_hex(16)}.{kind}"
        marks.write(content, self.folder / name)
        return name

    def get(self, name: str) -> tuple[bytes, str]:
        """(content, media type)."""
        found = SHELVED.fullmatch(name)
        try:
            if found is None:
                raise FileNotFoundError
            return (self.folder / name).read_bytes(), TYPES[found[1]]
        except FileNotFoundError:
            raise missing("this picture is not here, or no longer") from None

    def sign(self, name: str, owner: str) -> str:
        """The query that opens it."""
        facts = {"expires": str(int(time.time() + self.hold_s) + 1), "owner": self.mark_of(owner)}
        return urlencode({**facts, "signature": self._signature(name, **facts)})

    def check(self, name: str, expires: str, owner: str, signature: str) -> None:
        """Raises Problem 403 unless we signed this and it still holds."""
        if not hmac.compare_digest(self._signature(name, expires, owner).encode(), signature.encode()):
            raise Problem(403, "permission_error", "this url was not signed here", code="url_invalid")
        if int(expires) < time.time():
            raise Problem(403, "permission_error", "this url has expired: ask for a new one", code="url_expired")

    def mark_of(self, owner: str) -> str:
        """Whose a url is, without saying the name."""
        return hmac.new(self.secret, b"owner\n" + owner.encode(), hashlib.sha256).hexdigest()[:16]

    def _signature(self, name: str, expires: str, owner: str) -> str:
        said = "\n".join(("url", name, expires, owner)).encode()
        return hmac.new(self.secret, said, hashlib.sha256).hexdigest()

    def sweep(self) -> None:
        now = time.time()
        if now - self._swept < min(60.0, self.hold_s):
            return
        self._swept = now
        for path in self.folder.iterdir():
            try:
                if path.stat().st_mtime + self.hold_s + 60 < now:
                    path.unlink()
            except FileNotFoundError:  # another server of this folder was faster
                continue


def secret_of(path: Path) -> bytes:
    """The same for all who share the folder, though several start at once: the first link to the name holds."""
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_private(fresh, secrets.token_bytes(32))
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes()
