"""Pictures from outside as RGB, with a guard: how many bytes and pixels they may have, and in which formats."""

from __future__ import annotations

import io

from PIL import Image

from flashpaint.errors import PictureUnreadable
from flashpaint.request import on_white

BYTES = 64 * 2**20  # a PNG of 3840x3840 incompressible pixels has 44 million
PIXELS = 2**25
FORMATS = ("PNG", "WEBP", "JPEG")


def decoded(content: bytes, most_bytes: int = BYTES, most_pixels: int = PIXELS) -> Image.Image:
    """The picture, whole and in RGB; what is transparent lies on white. Its size is read before its pixels.

    Raises PictureUnreadable: too many bytes or pixels, another format, truncated, no picture.
    """
    if len(content) > most_bytes:
        raise PictureUnreadable(f"the picture has {len(content)} bytes: {most_bytes} are allowed")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > most_pixels:
                raise PictureUnreadable(f"the picture has {width}x{height} pixels: {most_pixels} are allowed")
            picture.load()
            return on_white(picture)
    except PictureUnreadable:
        raise
    except Exception as failure:  # decoders raise nearly anything on bytes that are wrong
        names = ", ".join(FORMATS)
        raise PictureUnreadable(
            f"not a whole picture in {names} ({failure}): give one that a viewer opens"
        ) from failure
