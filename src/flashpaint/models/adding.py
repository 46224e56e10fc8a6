"""Adds models: from a hub at a pinned commit, or from a folder here. And finds what a user means by a model's name."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import logging
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from flashpaint.errors import DiskFull, ModelDamaged, ModelNotFound, OutputUnwritable, RequestInvalid
from flashpaint.models import hub, registry
from flashpaint.models.files import sha256_of
from flashpaint.models.folder import EMBEDDED
from flashpaint.models.manifest import FileEntry
from flashpaint.models.progress import TransferBar
from flashpaint.models.registry import Added, Record
from flashpaint.models.wanted import FULL, INDEX, Kind, kind_of, parts_of, wanted

SPARE = 64 * 2**20  # bytes that stay free on the disk
NAME = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}", re.ASCII)

log = logging.getLogger(__name__)


def find_model(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a model: a folder as it is; an added model by id, last part of it, or either with @revision; an
    embedded one by name; else a hub's owner/name, which is added.

    Raises ModelNotFound, which lists what there is and how to add, or what `add` raises.
    """
    if Path(name).is_dir():
        return Path(name)
    if found := registry.matching(str(name), revision):
        return found[0].path
    if str(name) in EMBEDDED:
        return EMBEDDED[str(name)]
    id, _, pinned = str(name).partition("@")
    if not hub.ID.fullmatch(id):
        raise ModelNotFound(f"{str(name)!r} is no folder and no model here: {registry.what_there_is()}", param="model")
    return add(id, pinned or revision).path


def add(model: str, revision: str | None = None, variant: str | None = None) -> Added:
    """Fetch owner/name from the hub, whole and checked, or return it where this commit is here already.

    revision: a branch, a tag or a commit; the commit is recorded. variant: "fp16", "full" or the hub's own word, None
    for fp16 where there is one: half the bytes, and what accelerators compute in anyhow. Killed at any instant, it is
    not visible, and the next `add` goes on where it stopped. Raises ModelNotFound, ModelDamaged, DiskFull.
    """
    if not hub.ID.fullmatch(model):
        raise ModelNotFound(
            f"{model!r} is neither a folder here nor owner/name on a hub, such as stabilityai/sd-turbo", param="model"
        )
    of = hub.listing(model, revision)
    if here := _here(of, variant):
        return here
    with _alone(model):
        return _here(of, variant) or _fetched(of, revision, variant)


def add_folder(folder: Path, name: str) -> Added:
    """Copy the wanted files of a folder, so that what becomes of the folder later touches no added model; a folder
    can also be used where it lies, by its path. Raises ModelNotFound, ModelDamaged, RequestInvalid, DiskFull."""
    if not NAME.fullmatch(name) or "--" in name or name in EMBEDDED:
        raise RequestInvalid(f"{name!r} is no free name: give letters, digits, . _ and -", param="name")
    if registry.matching(name):
        raise RequestInvalid(
            f"there is a model {name} already: choose another name, or: flashpaint models remove {name}", param="name"
        )
    found = (path for pattern in ("*", "*/*") for path in folder.glob(pattern) if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in found]
    kind = kind_of(names, str(folder))
    index = _index(folder / INDEX, str(folder)) if kind == "diffusers" else None
    taken = wanted(names, None if index is None else parts_of(index), None, str(folder))
    partial = _partial(f"{name}@{uuid.uuid4().hex[:12]}")
    try:
        entries = _copied(folder, list(taken), partial)
        digest = hashlib.sha1(json.dumps({file: entry.sha256 for file, entry in entries.items()}).encode()).hexdigest()
        return registry.publish(partial, _record(name, digest, None, "folder", kind, _label(taken), entries))
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _copied(folder: Path, names: list[str], partial: Path) -> dict[str, FileEntry]:
    sizes = {name: (folder / name).stat().st_size for name in sorted(names)}
    room_for(sum(sizes.values()), str(folder))
    try:
        with TransferBar("copying", len(sizes), sum(sizes.values())) as bar:
            for name, size in sizes.items():
                bar.begin(name)
                (partial / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(folder / name, partial / name)
                bar.end(size)
    except OSError as failure:
        full = failure.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFull if full else OutputUnwritable)(
            f"{folder} could not be copied ({failure}): free some space, or look whether it can be read", param="model"
        ) from failure
    return {name: FileEntry(bytes=size, sha256=sha256_of(partial / name)) for name, size in sizes.items()}


def _fetched(of: hub.Listing, asked: str | None, variant: str | None) -> Added:
    partial = _partial(registry.folder_name(of.id, of.commit))
    kind = kind_of(of.files, of.id)
    parts = None
    if kind == "diffusers":  # its index says which folders are parts of it
        if not of.files[INDEX].is_here(partial / INDEX):
            hub.fetch(of, of.files[INDEX], partial, lambda _: None)
        parts = parts_of(_index(partial / INDEX, of.id))
    taken = wanted(of.files, parts, variant, of.id)
    files = [of.files[name] for name in sorted(taken)]
    total = sum(file.bytes for file in files)
    room_for(total - registry.size_of(partial), of.id)
    with TransferBar("fetching", len(files), total) as bar:
        for file in files:
            bar.begin(file.name)
            if not file.is_here(partial / file.name):
                hub.fetch(of, file, partial, bar.at)
            bar.end(file.bytes)
    entries = {f.name: FileEntry(bytes=f.bytes, sha256=f.sha256 or sha256_of(partial / f.name)) for f in files}
    _only(partial, taken)
    return registry.publish(partial, _record(of.id, of.commit, asked, "hub", kind, _label(taken), entries))


def _here(of: hub.Listing, variant: str | None) -> Added | None:
    """This commit, if it is here. Raises RequestInvalid where it is here in another variant than was asked."""
    found = registry.matching(of.id, of.commit)
    if found and variant not in (None, found[0].record.variant):
        raise RequestInvalid(
            f"{found[0].name} is here as {found[0].record.variant}: flashpaint models remove {found[0].name} first",
            param="variant",
        )
    return found[0] if found else None


@contextlib.contextmanager
def _alone(model: str) -> Iterator[None]:
    """One process fetches a model; others wait, and find it here."""
    from filelock import FileLock, Timeout

    lock = FileLock(_partial("") / f"{model.replace('/', '--')}.lock")  # held by the kernel: a killed holder frees it
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("another process is fetching %s: waiting for it", model)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def room_for(bytes_: int, model: str) -> None:
    """Raise DiskFull unless so many bytes fit beside what is free for others."""
    free = shutil.disk_usage(registry.models_folder()).free
    if bytes_ + SPARE > free:
        raise DiskFull(
            f"{model} needs {bytes_ / 1e6:.0f} MB in {registry.models_folder()}, where {free / 1e6:.0f} MB are free: "
            "make room, or set FLASHPAINT_MODELS to a folder on another disk",
            param="model",
        )


def _partial(name: str) -> Path:
    folder = registry.models_folder() / registry.PARTIAL / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        raise OutputUnwritable(
            f"{folder} cannot be made ({failure.strerror}): set FLASHPAINT_MODELS to a folder that you may write to",
            param="model",
        ) from failure
    return folder


def _index(path: Path, model: str) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        if isinstance(found := json.loads(path.read_bytes()), dict):
            return found
    raise ModelDamaged(f"{model}: {INDEX} is no JSON object: take another revision", param="model")


def _only(folder: Path, taken: Mapping[str, str]) -> None:
    """Delete what an earlier attempt at another variant left."""
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in taken:
            path.unlink()


def _label(taken: Mapping[str, str]) -> str:
    """The variant in a word, though a part or two may lack it and be full."""
    return min({*taken.values()} - {"", FULL}, default=FULL)


def _record(
    id: str,
    revision: str,
    asked: str | None,
    source: Literal["hub", "folder"],
    kind: Kind,
    variant: str,
    files: dict[str, FileEntry],
) -> Record:
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    return Record(
        id=id, revision=revision, asked=asked, source=source, kind=kind, variant=variant, when=when, files=files
    )
