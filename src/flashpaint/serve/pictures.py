"""Pictures in and out of bytes: what is sent in the format that was asked for, what was uploaded, checked before it is
decoded."""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageOps

from flashpaint import marks
from flashpaint.errors import PictureUnreadable
from flashpaint.painting import Painting
from flashpaint.serve.problems import Problem

FORMATS = ("png", "webp", "jpeg")
TYPES = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
# what a file begins with; names and content types are whatever a client says
MAGIC = ((b"\x89PNG\r\n\x1a\n", "PNG"), (b"\xff\xd8\xff", "JPEG"))


def encode(painting: Painting, kind: str, compression: int = 100) -> bytes:
    """png with all its marks; webp and jpeg with the one that says a machine made it, or a part of it."""
    if kind == "png":
        return marks.to_png(painting)
    return squeeze(painting.picture, kind, compression, marks.xmp(painting))


def squeeze(picture: Image.Image, kind: str, compression: int = 100, xmp: str = marks.PLAIN_XMP) -> bytes:
    """compression: 0 to 100, quality as OpenAI counts it; nothing to png, which loses nothing."""
    out, said = io.BytesIO(), xmp.encode()
    if kind == "png":
        picture.save(out, "PNG", compress_level=1)
    elif kind == "webp":
        picture.save(out, "WEBP", quality=compression, method=2, xmp=said)
    else:
        picture.save(out, "JPEG", quality=compression, xmp=said)
    return out.getvalue()


def sniffed(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in MAGIC if content.startswith(magic)), None)


def decode(content: bytes, param: str, most_pixels: int) -> Image.Image:
    """An uploaded picture, upright. Its size is read from its header before any pixel is."""
    kind = sniffed(content)
    if kind is None:
        raise PictureUnreadable(f"{param} is no PNG, WebP or JPEG: send one of these", param=param)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count ourselves
            picture = Image.open(io.BytesIO(content), formats=(kind,))
        if picture.width * picture.height > most_pixels:
            raise too_many(param, most_pixels)
        picture.load()
        return ImageOps.exif_transpose(picture) or picture
    except Image.DecompressionBombError:
        raise too_many(param, most_pixels) from None
    except (OSError, ValueError, SyntaxError, MemoryError, EOFError) as error:
        raise PictureUnreadable(f"{param} cannot be read ({error}): is it whole?", param=param) from error


def too_many(param: str, most: int) -> Problem:
    said = f"{param} has too many pixels: this server takes {most:,}"
    return Problem(413, "invalid_request_error", said, param=param, code="too_large")
