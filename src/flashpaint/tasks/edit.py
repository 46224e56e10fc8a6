"""Edit, inpaint and instruct: a picture and words become a request. `asked` are PaintRequest's own fields."""

from __future__ import annotations

from typing import Any

from PIL import Image

from flashpaint.request import PaintRequest, Source, clean_prompt
from flashpaint.studio import Studio
from flashpaint.tasks.describe import describe

EDIT, INPAINT, INSTRUCT = 0.6, 1.0, 0.6  # strengths


def edit(picture: Image.Image, prompt: str, strength: float | None = None, **asked: Any) -> PaintRequest:
    """The picture, towards the prompt: image to image (SDEdit, Meng et al. 2022)."""
    return PaintRequest(prompt, source=Source(picture, None, EDIT if strength is None else strength), **asked)


def inpaint(
    picture: Image.Image, mask: Image.Image, prompt: str, strength: float | None = None, **asked: Any
) -> PaintRequest:
    """The masked part painted anew as the prompt says, which tells of the whole picture; the rest stays to the bit."""
    return PaintRequest(prompt, source=Source(picture, mask, INPAINT if strength is None else strength), **asked)


def instruct(
    studio: Studio, picture: Image.Image, instruction: str, strength: float | None = None, **asked: Any
) -> PaintRequest:
    """The picture, changed as the instruction says ("make it night"): what clip sees in it and the instruction go to
    the teller together, and its description is painted over the picture."""
    said = clean_prompt(instruction, "instruction")
    source = Source(picture, None, INSTRUCT if strength is None else strength, task="instruct")
    return PaintRequest(f"{describe(studio, source.picture).text}, {said}", source=source, **asked)
