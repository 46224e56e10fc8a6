"""Thousands of pictures from a file of requests, one JSON object a line. Knows files, no terminal.

The folder's manifest has a line for every request that is through: a picture or a failure. Only a written picture is
in it, and a run goes on behind it; so one that is killed at any instant repeats at most the pictures that it was at.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from flashpaint import marks
from flashpaint.errors import DiskFull, FlashpaintError, MemoryBusy, OutOfRange, OutputUnwritable, RequestInvalid
from flashpaint.request import SEED_LIMIT, PaintRequest
from flashpaint.studio import Studio

MANIFEST = "manifest.jsonl"
CALLERS = 8  # requests in the loop at once; as many more are read ahead


class Line(BaseModel):
    """A request as a line of the file: PaintRequest's fields by their names, without pictures to start from."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    describe: bool = True
    negative: str = ""
    sampler: str | None = None
    schedule: str | None = None
    reuse: str | None = None
    canvas: str = "flat"


@dataclass(frozen=True)
class Wanted:
    """Line `number`, counted from 1, of the file: a request, or what is wrong with it; digest: of the line and of the
    seed that it is painted with."""

    number: int
    digest: str
    request: PaintRequest | None = None
    error: FlashpaintError | None = None


@dataclass(frozen=True)
class Done:
    """A line that is through. row: what the manifest says of it; before: by an earlier run."""

    row: dict[str, Any]
    before: bool = False

    @property
    def failed(self) -> bool:
        return "error" in self.row


def read(file: Path, first_seed: int | None = None) -> Iterator[Wanted]:
    """The lines that are not blank, one after the other: files may be larger than memory. first_seed: a request without
    a seed gets this one plus its line's number less one. Raises OutOfRange for what is no UTF-8 text."""
    try:
        with file.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    seed = None if first_seed is None else (first_seed + number - 1) % SEED_LIMIT
                    yield wanted(number, line.strip(), seed)
    except (OSError, UnicodeDecodeError) as error:
        raise OutOfRange(
            f"{file} cannot be read as UTF-8 text ({error}): give a file of JSON objects, one a line", param="file"
        ) from error


def wanted(number: int, line: str, seed: int | None) -> Wanted:
    digest = hashlib.sha256(f"{line}\n{seed}".encode()).hexdigest()[:16]
    try:
        found = Line.model_validate_json(line)
        request = PaintRequest(**found.model_dump())
    except ValidationError as error:
        return Wanted(number, digest, error=OutOfRange(said(error), param="file"))
    except RequestInvalid as error:
        return Wanted(number, digest, error=error)
    return Wanted(number, digest, replace(request, seed=seed) if request.seed is None else request)


def said(error: ValidationError) -> str:
    """What is wrong with a line, in one sentence: an unknown field first, as another is missing for its sake."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        near = get_close_matches(where, Line.model_fields, 1)
        return f"there is no field {where!r}: " + (
            f"did you mean {near[0]!r}?" if near else f"there are {', '.join(Line.model_fields)}"
        )
    if first["type"] == "json_invalid":
        return f'the line is no JSON ({first["msg"]}): write one object a line, such as {{"prompt": "a cat"}}'
    return f"{where or 'the line'}: {first['msg'].lower()}"


def run(
    studio: Studio, file: Path, folder: Path, first_seed: int | None = None, callers: int = CALLERS
) -> Generator[Done]:
    """Paint what the folder does not have yet, and tell of every line as it is through. Failures of earlier runs are
    tried again. Closing the generator waits for the pictures that are being painted, and keeps them.

    Raises OutputUnwritable, or DiskFull: it goes on behind the manifest once there is space.
    """
    with opened(folder) as manifest:
        there = painted_before(folder)
        asked = ((w.number, w.digest) for w in read(file, first_seed))
        yield from (Done(there[line], before=True) for line in asked if line in there)
        left = (w for w in read(file, first_seed) if (w.number, w.digest) not in there)
        with ThreadPoolExecutor(callers) as pool:
            going: set[Future[dict[str, Any]]] = set()
            try:
                while going or (going := started(pool, studio, folder, left, callers)):
                    through, going = wait(going, return_when=FIRST_COMPLETED)
                    for future in through:
                        yield Done(noted(manifest, future.result()))
                    going |= started(pool, studio, folder, left, len(through))
            finally:
                for future in going:
                    if not future.cancel() and future.exception() is None:
                        noted(manifest, future.result())


def started(
    pool: ThreadPoolExecutor, studio: Studio, folder: Path, left: Iterator[Wanted], number: int
) -> set[Future[dict[str, Any]]]:
    return {pool.submit(one, studio, folder, wanted) for wanted in islice(left, number)}


def one(studio: Studio, folder: Path, wanted: Wanted) -> dict[str, Any]:
    """The manifest's row of a request: its picture is written, or says why it is not. Only what would befall all others
    too is raised."""
    row: dict[str, Any] = {"line": wanted.number, "digest": wanted.digest}
    try:
        if wanted.request is None:
            raise wanted.error or OutOfRange("the line is empty", param="file")
        painting = studio.paint(wanted.request)
        path = marks.save(painting, folder / f"{wanted.number:06}.png", overwrite=True)
    except OutputUnwritable:  # DiskFull among them
        raise
    except FlashpaintError as error:
        return row | {"error": {"code": error.code, "message": error.message}}
    return row | {
        "file": path.name,
        **marks.record(painting),
        "reuse": asdict(painting.reuse),
        "seconds": round(painting.timings.get("total", 0.0), 4),
        "notes": list(painting.notes),
    }


@contextmanager
def opened(folder: Path) -> Iterator[TextIO]:
    """The folder's manifest, made if need be, for one run at a time; what a killed run left half is cleared away, a
    line as well as a picture."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", blocking=False), (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
            cut_to_whole_lines(folder / MANIFEST)
            for scratch in folder.glob(".*.png.*"):  # as marks.write names them
                scratch.unlink()
            yield manifest
    except Timeout as error:
        raise MemoryBusy(
            f"another run is writing to {folder}: wait for it, or name another folder", param="out"
        ) from error
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be written ({error.strerror}): name another", param="out") from error


def cut_to_whole_lines(manifest: Path) -> None:
    content = manifest.read_bytes()
    if content and not content.endswith(b"\n"):
        os.truncate(manifest, content.rfind(b"\n") + 1)


def painted_before(folder: Path) -> dict[tuple[int, str], dict[str, Any]]:
    """Rows of pictures that are still there, by line and digest."""
    rows = map(json.loads, (folder / MANIFEST).read_text("utf-8").splitlines())
    return {(row["line"], row["digest"]): row for row in rows if "file" in row and (folder / row["file"]).exists()}


def noted(manifest: TextIO, row: dict[str, Any]) -> dict[str, Any]:
    """The row, in the manifest and on the disk."""
    try:
        manifest.write(json.dumps(row, ensure_ascii=False) + "\n")
        manifest.flush()
        os.fsync(manifest.fileno())
    except OSError as error:
        raise DiskFull(f"the manifest cannot be written ({error.strerror}): free some space", param="out") from error
    return row
