"""Pictures and masks from files, for the tasks: through the library's guards; whatever is wrong is said and refused."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from flashpaint.errors import MaskInvalid, PictureUnreadable
from flashpaint.memory.library import FORMATS, Skipped, read_picture


def picture_at(path: Path) -> Image.Image:
    """RGB and upright. Raises PictureUnreadable."""
    found = read_picture(path)
    if isinstance(found, Skipped):
        raise PictureUnreadable(f"{path}: {found.reason}", param="image")
    return found.picture


def mask_at(path: Path) -> Image.Image:
    """A mask as `Source` takes it: of a file with an alpha channel what is transparent, else what is white. Raises
    MaskInvalid."""
    found = read_picture(path)
    if isinstance(found, Skipped):
        raise MaskInvalid(f"{path}: {found.reason}", param="mask")
    with Image.open(path, formats=FORMATS) as mask:  # it has passed the guards, which laid it on white
        if mask.has_transparency_data:
            return ImageOps.exif_transpose(mask).convert("RGBA")
    return found.picture.convert("L")
