"""What is written about a picture: in a file beside it, or inside its own. Knows texts and encodings, no pixels."""

from __future__ import annotations

import contextlib
import errno
import html
import json
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from flashpaint.errors import PictureUnreadable, PromptEmpty, PromptUnreadable
from flashpaint.request import PROMPT_LIMIT, clean_prompt

SIDECAR_BYTES = 64 * 2**10
JSON_KEYS = ("caption", "description", "prompt", "text", "title")
DESCRIPTION, XP_TITLE, XP_COMMENT = 0x010E, 0x9C9B, 0x9C9C  # EXIF
AFTER_PROMPT = re.compile(r"(?:^|\n)(?:Negative prompt|Steps):")  # as AUTOMATIC1111 writes `parameters`
# what cameras and programs write of themselves, not of the picture
BOILERPLATE = re.compile(
    r"(olympus|(konica )?minolta) digital camera|sony dsc|created with (the )?gimp.*|screen ?shot[\W\d_]*",
    re.IGNORECASE,
)


def beside(path: Path) -> tuple[str, str] | None:
    """The caption in a file beside the picture, and the kind of that file. Raises PictureUnreadable, naming it."""
    for ending, read in ((".txt", _decoded), (".json", lambda raw: _said(_decoded(raw), JSON_KEYS))):
        for file in (path.with_suffix(ending), path.with_name(path.name + ending)):
            try:
                if os.path.exists(file) and (caption := _caption(read(content_of(file, SIDECAR_BYTES)))):
                    return caption, f"sidecar{ending}"
            except (PictureUnreadable, PromptUnreadable, OSError) as error:
                odd = "not plain text: " if isinstance(error, PromptUnreadable) else ""
                raise PictureUnreadable(f"its caption {file.name} is {odd}{why(error)}", param="file") from error
    return None


def _decoded(raw: bytes) -> str:
    """The text: UTF-8; UTF-16 that says so; or GB18030, where it is plainly Chinese. Raises PictureUnreadable."""
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        with contextlib.suppress(UnicodeDecodeError):
            text = raw.decode(encoding)
            if encoding != "gb18030" or _is_common_chinese(text):
                return text
    raise PictureUnreadable("not UTF-8: save it as UTF-8", param="file")


def _is_common_chinese(text: str) -> bool:
    """Whether what is not ASCII is mostly everyday hanzi (GB 2312, level 1): other scripts' bytes give rare ones."""
    foreign = [character.encode("gb2312", "ignore")[:1] for character in text if not character.isascii()]
    return sum(b"\xa1" <= lead <= b"\xa3" or b"\xb0" <= lead <= b"\xd7" for lead in foreign) > 0.75 * len(foreign)


def _said(text: str, keys: Sequence[str]) -> str:
    """What JSON holds under the first of the keys that holds text; or the JSON, if that is text itself."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PictureUnreadable(f"not JSON: {error}", param="file") from error
    told = told if isinstance(told, dict) else {keys[0]: told}
    return next((value for key in keys if isinstance(value := told.get(key), str) and value.strip()), "")


def _caption(text: str) -> str:
    """The text as a prompt, cut to the length of one; "" where it says nothing. Raises PromptUnreadable."""
    text = " ".join(text.split())[: 4 * PROMPT_LIMIT]  # composing a long run of accents takes time in its square
    with contextlib.suppress(PromptEmpty):
        caption = clean_prompt(unicodedata.normalize("NFC", text)[:PROMPT_LIMIT], "caption")
        return "" if BOILERPLATE.fullmatch(caption) else caption
    return ""


def carried(picture: Image.Image, tags: dict[int, Any]) -> str:
    """The first caption inside the file; what is damaged or no text counts as none."""
    info = picture.info
    xmp = info.get("xmp", info.get("XML:com.adobe.xmp"))
    readings: tuple[tuple[Callable[[Any], str], Any], ...] = (
        (lambda text: _said(text, ("prompt",)), info.get("flashpaint")),
        (lambda text: AFTER_PROMPT.split(text, maxsplit=1)[0], info.get("parameters")),
        *((_mended, info.get(key)) for key in ("Description", "Comment", "Title")),
        (_mended, tags.get(DESCRIPTION)),
        *((lambda raw: str(raw, "utf-16-le"), tags.get(tag)) for tag in (XP_TITLE, XP_COMMENT)),
        (_described, xmp),
    )
    for read, value in readings:
        with contextlib.suppress(ValueError, TypeError, AttributeError, PictureUnreadable, PromptUnreadable):
            if value and (caption := _caption(read(value).strip("\0"))):
                return caption
    return ""


def _mended(value: str | bytes) -> str:
    """Text that Pillow read as Latin-1, as the standards say, though most programs write UTF-8."""
    latin = value if isinstance(value, str) else value.decode("latin-1")
    with contextlib.suppress(UnicodeEncodeError, PictureUnreadable):
        return _decoded(latin.encode("latin-1"))
    return latin


def _described(xmp: str | bytes) -> str:
    """The first language of dc:description. By hand, since an XML parser would follow entities."""
    text = xmp.decode("utf-8", "ignore") if isinstance(xmp, bytes) else xmp
    inside = text.partition("<dc:description")[2].partition("</dc:description>")[0]
    told = re.search(r"<rdf:li[^<>]*>([^<]*)<", inside)
    return html.unescape(told[1]) if told else ""


def why(error: Exception) -> str:
    if isinstance(error, OSError):
        known = {errno.ENOENT: "nothing is there", errno.ELOOP: "it is a link that leads back to itself"}
        return f"not readable: {known.get(error.errno or 0, error.strerror or error)}"
    return str(error)


def content_of(path: Path, limit: int) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise PictureUnreadable("not a plain file: folders, pipes, sockets and devices are never opened", param="file")
    if status.st_size > limit:
        raise PictureUnreadable(f"too large: {status.st_size:,} bytes, more than the {limit:,} allowed", param="file")
    with path.open("rb") as file:
        return file.read(limit)  # no more, should it grow meanwhile
