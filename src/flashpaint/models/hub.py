"""Talks to a model hub through huggingface_hub: which files a model has at which commit, and their bytes, resumed
where they broke off. Knows nothing of what becomes of them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from flashpaint.errors import DiskFull, FlashpaintError, ModelDamaged, ModelNotFound
from flashpaint.models.files import sha256_of

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

TIMEOUT_S = 20.0
ID = re.compile(r"(?!.*--)[A-Za-z0-9_][\w.\-]{0,95}/[A-Za-z0-9_][\w.\-]{0,95}", re.ASCII)
PART = ".part"


@dataclass(frozen=True)
class HubFile:
    """A file as the hub lists it. sha256: of large files; git_sha1: of the others, as git counts it."""

    name: str
    bytes: int
    sha256: str | None
    git_sha1: str | None

    def is_here(self, path: Path) -> bool:
        """Whether the file at this path is the one that the hub lists."""
        if not path.is_file() or path.stat().st_size != self.bytes:
            return False
        return sha256_of(path) == self.sha256 if self.sha256 else git_sha1(path) == self.git_sha1


@dataclass(frozen=True)
class Listing:
    """A model at one commit."""

    id: str
    commit: str
    files: dict[str, HubFile]


def listing(model: str, revision: str | None) -> Listing:
    """Raises ModelNotFound: no such model or revision, gated, hub out of reach."""
    needed(model)
    import huggingface_hub

    with said(model, revision):
        api = huggingface_hub.HfApi(endpoint=endpoint())
        found = api.model_info(model, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    if not re.fullmatch("[0-9a-f]{40}", found.sha or ""):
        raise ModelNotFound(f"the hub names no commit of {model}: set HF_ENDPOINT to a model hub", param="model")
    files = [_hub_file(model, sibling) for sibling in found.siblings or ()]
    return Listing(model, str(found.sha), {file.name: file for file in files})


def fetch(of: Listing, file: HubFile, folder: Path, at: Callable[[int], None]) -> None:
    """Bring one file into the folder, whole and checked; what an earlier attempt left of it is not fetched again.

    at: is told how many of its bytes are here. Raises ModelNotFound (out of reach), DiskFull, or ModelDamaged where
    the bytes are not those that the hub lists.
    """
    path = folder / file.name
    part = path.with_name(path.name + PART)
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(2):  # what an earlier attempt left may be torn: once from the start
        resumed = _download(of, file, part, at)
        if file.is_here(part):
            part.rename(path)
            return
        part.unlink()
        if not resumed:
            break
    raise ModelDamaged(
        f"{of.id}: {file.name} is not what the hub lists: its sha differs: try again, and if it stays, tell the hub",
        param="model",
    )


def _download(of: Listing, file: HubFile, part: Path, at: Callable[[int], None]) -> bool:
    """The bytes that are missing, at the end of those that are here. Returns whether any were."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, disable_progress_bars  # type: ignore[attr-defined]

    disable_progress_bars("huggingface_hub.http_get")  # ours is shown instead
    url = hf_hub_url(of.id, file.name, revision=of.commit, endpoint=endpoint())
    headers = {**build_hf_headers(), "accept-encoding": "identity"}  # ranges count the bytes of the file itself
    if part.is_file() and part.stat().st_size > file.bytes:
        part.unlink()
    with said(of.id, of.commit), part.open("ab") as out:
        here = out.tell()
        at(here)
        counted = cast(BinaryIO, Counted(out, at))
        http_get(url, counted, resume_size=here, headers=headers, expected_size=file.bytes)
        out.flush()
        os.fsync(out.fileno())
    return here > 0


class Counted:
    """A file that tells how far it is at every write."""

    def __init__(self, file: Any, at: Callable[[int], None]) -> None:
        self._file, self._at = file, at
        self.seek, self.tell, self.truncate = file.seek, file.tell, file.truncate

    def write(self, chunk: bytes) -> int:
        written = int(self._file.write(chunk))
        self._at(self._file.tell())
        return written


def endpoint() -> str | None:
    """HF_ENDPOINT as it is now, None for huggingface_hub's own."""
    return os.environ.get("HF_ENDPOINT") or None


def needed(model: str) -> None:
    """Raise ModelNotFound where huggingface_hub is not installed."""
    import importlib.util

    if importlib.util.find_spec("huggingface_hub") is None:
        raise ModelNotFound(
            f"fetching {model} needs huggingface_hub: pip install 'flashpaint[torch]', or give a folder", param="model"
        )


@contextlib.contextmanager
def said(model: str, revision: str | None) -> Iterator[None]:
    """Failures of the hub's client in our words."""
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    # HTTPError of the client library, whichever huggingface_hub is built on
    transport = cast(type[Exception], HfHubHTTPError.__mro__[1])
    try:
        yield
    except (transport, OSError, ValueError, OfflineModeIsEnabled) as failure:
        raise _as_ours(failure, model, revision) from failure


def _as_ours(failure: Exception, model: str, revision: str | None) -> FlashpaintError:
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoRevision

    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"the disk is full: free some space, then add {model} again: it goes on", param="model")
    if isinstance(failure, GatedRepoError):
        why = "is gated: ask for access on its page, then put a token of yours into HF_TOKEN"
    elif isinstance(failure, NoRevision):
        why = f"has no revision {revision!r}: name a branch, a tag or a commit"
    elif isinstance(failure, RepositoryNotFoundError):
        why = "is not on the hub, or is private: check the name, or put a token that may read it into HF_TOKEN"
    elif isinstance(failure, OfflineModeIsEnabled):
        why = "is not here, and HF_HUB_OFFLINE forbids to fetch it: unset it, or copy the model's folder here"
    else:
        why = f"could not be fetched ({type(failure).__name__}: {' '.join(str(failure).split())[:200]}): try again "
        why += "(it goes on where it stopped), or copy the model's folder to this machine and give its path"
    return ModelNotFound(f"{model} {why}", param="model")


def _hub_file(model: str, sibling: RepoSibling) -> HubFile:
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    if sibling.size is None or not (sha256 or sibling.blob_id):
        raise ModelNotFound(
            f"the hub tells no size or hash of {model}'s {sibling.rfilename}: set HF_ENDPOINT to one that does",
            param="model",
        )
    return HubFile(sibling.rfilename, sibling.size, sha256, sibling.blob_id)


def git_sha1(path: Path) -> str:
    """The name that git gives to a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
