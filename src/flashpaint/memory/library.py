"""A user's own pictures and what is written about them, read from disk.

Knows files and Pillow; knows no models and no store. What is wrong with a file becomes a Skipped that says so: a walk
over thousands of files goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from flashpaint.errors import PictureUnreadable
from flashpaint.memory.captions import DESCRIPTION, XP_COMMENT, XP_TITLE, beside, carried, content_of, why
from flashpaint.request import on_white

FILE_BYTES = 64 * 2**20  # a file is held whole, for its hash and for Pillow; photographs of 50 megapixels stay below
PIXELS = 50_000_000  # 200 MB as RGBA: what one picture may take while it is laid on white, a few times over
SIDE_PIXELS = 16  # what is smaller is an icon or a tracking dot
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
FORMATS = ("PNG", "JPEG", "WEBP")
SIGNATURES = re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP", re.DOTALL)
ORIENTATION = 0x0112  # EXIF
TURNS = dict(zip((2, 3, 4, 5, 6, 7, 8), map(Image.Transpose, (0, 3, 1, 5, 4, 6, 2)), strict=True))  # EXIF's to Pillow's
QUIET = threading.Lock()  # catch_warnings changes the whole process: one thread at a time


@dataclass(frozen=True)
class Found:
    """A picture of the library: RGB, upright, alpha laid on white.

    caption: "" where there is none. caption_from: "sidecar.txt", "sidecar.json", "metadata" or "". sha256: of the file.
    """

    path: Path
    picture: Image.Image
    caption: str
    caption_from: str
    sha256: str


@dataclass(frozen=True)
class Skipped:
    """A path that gives no picture. reason: what is wrong, for a report."""

    path: Path
    reason: str


def pictures_in(paths: Sequence[Path]) -> Iterator[Path | Skipped]:
    """The picture files that are named or lie below the folders named, in sorted order, each real file once."""
    seen: set[object] = set()
    todo = [(path, True) for path in reversed(paths)]
    while todo:
        path, named = todo.pop()
        fits = path.suffix.lower() in ENDINGS
        try:
            status = path.stat()
            folder = stat.S_ISDIR(status.st_mode)
            # some network file systems number no files
            real = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)
            if real in seen or not (folder or fits or named):
                continue
            if folder or fits:  # under another name it may still be one
                seen.add(real)
            if folder:
                names = sorted(os.listdir(path), reverse=True)
                todo += [(path / name, False) for name in names if not name.startswith(".")]
            elif not stat.S_ISREG(status.st_mode):
                yield Skipped(path, "not a plain file: pipes, sockets and devices are never opened")
            else:
                yield path if fits else Skipped(path, f"its name does not end in {', '.join(ENDINGS)}")
        except (OSError, ValueError) as error:
            if named or fits or not isinstance(error, FileNotFoundError):  # a broken link to who knows what is silent
                yield Skipped(path, why(error))


def read_picture(path: Path, side: int | None = None) -> Found | Skipped:
    """The picture and its caption. side: pixels of its short side that are enough; a JPEG may come smaller, cheaply."""
    try:
        content = content_of(path, FILE_BYTES)
        picture, inside = _picture(content, side)
        caption, source = beside(path) or (inside, "metadata" if inside else "")
    except (PictureUnreadable, OSError, ValueError) as error:
        return Skipped(path, why(error))
    return Found(path, picture, caption, source, hashlib.sha256(content).hexdigest())


def _picture(content: bytes, side: int | None) -> tuple[Image.Image, str]:
    """The picture, RGB and upright, and the caption that it carries; once more without metadata that is in the way."""
    fault: Exception
    for prepared in (bytes, _bare):
        try:
            picture = _loaded(prepared(content), side)
            tags = _tags(picture)
            return _upright(picture, tags), carried(picture, tags)
        except PictureUnreadable:
            raise
        except Exception as error:  # Pillow's plugins raise whatever their parsing meets, from KeyError to zlib.error
            fault = error
    raise PictureUnreadable(_fault(content, fault), param="file") from fault


def _loaded(content: bytes, side: int | None) -> Image.Image:
    with QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of size, which _check_header judges, and of damaged metadata
        try:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise PictureUnreadable(f"too large: more than {PIXELS // 10**6} megapixels", param="file") from error
    _check_header(picture, content)
    if side is not None:
        picture.draft("RGB", (side, side))
    picture.load()
    return picture


def _check_header(picture: Image.Image, content: bytes) -> None:
    """Raise PictureUnreadable for what need not be decoded to be refused."""
    width, height = picture.size
    deep = picture.mode.startswith(("I", "F")) or (picture.format == "PNG" and content[24] == 16)  # IHDR's bit depth
    # an MPO of two frames is a photograph with its depth or its second eye: the first frame is the picture
    moving = picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1
    for wrong, reason in (
        (width * height > PIXELS, f"too large: {width}x{height}, and {PIXELS // 10**6} megapixels are allowed"),
        (min(width, height) < SIDE_PIXELS, f"too small: {width}x{height}, and a side has {SIDE_PIXELS} pixels or more"),
        (moving, "animated: save the frame that you want as a picture of its own"),
        (deep, "16 bits a channel: convert it to 8, for example with `magick IN -depth 8 OUT`"),
        (picture.mode == "CMYK", "CMYK: convert it to RGB, for example with `magick IN -colorspace sRGB OUT`"),
    ):
        if wrong:
            raise PictureUnreadable(reason, param="file")


def _fault(content: bytes, error: Exception) -> str:
    if not SIGNATURES.match(content):
        return "not a picture: its content is neither PNG nor JPEG nor WebP" if content else "empty: it has no bytes"
    riff = int.from_bytes(content[4:8], "little") + 8 if content.startswith(b"RIFF") else 0
    if riff > len(content) or "truncated" in str(error).lower():
        return "cut off: its data ends before the picture does"
    return f"damaged: {'its header' if isinstance(error, UnidentifiedImageError) else error or 'it'} cannot be decoded"


def _bare(content: bytes) -> bytes:
    """The same PNG without its metadata, which Pillow refuses whole where it is damaged; other forms as they are."""
    if not content.startswith(b"\x89PNG"):
        return content
    kept, at = [content[:8]], 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 5].isupper() or content[at + 4 : at + 8] in (b"tRNS", b"acTL"):
            kept.append(content[at:end])
        at = end
    return b"".join(kept)


def _tags(picture: Image.Image) -> dict[int, Any]:
    """The EXIF tags that we read, each for itself: a damaged one loses neither the picture nor the others."""
    tags: dict[int, Any] = {}
    for tag in (ORIENTATION, DESCRIPTION, XP_TITLE, XP_COMMENT):
        with QUIET, warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            tags[tag] = picture.getexif().get(tag)
    return tags


def _upright(picture: Image.Image, tags: dict[int, Any]) -> Image.Image:
    flat = on_white(picture)
    flat.info = {}  # places and owners go no further
    turn = TURNS.get(tags.get(ORIENTATION, 1))
    return flat if turn is None else flat.transpose(turn)
