"""Edits and variations: which task an uploaded picture and its fields ask for."""

from __future__ import annotations

from PIL import Image

from flashpaint.request import PaintRequest
from flashpaint.serve.forms import too_many
from flashpaint.serve.problems import refused
from flashpaint.serve.schemas import Edit, Variation, several
from flashpaint.studio import Studio
from flashpaint.tasks.edit import edit, inpaint, instruct
from flashpaint.tasks.outpaint import Room, outpaint
from flashpaint.tasks.vary import variations

Pictures = dict[str, list[Image.Image]]

FIDELITY = {"high": 0.4, "low": None}  # strengths; None is the task's own


def only(pictures: Pictures) -> Image.Image:
    found = pictures.get("image", [])
    if not found:
        raise refused("image is missing: send a picture", "image", "missing_required_parameter")
    if len(found) > 1:
        raise too_many(len(found), "image")
    return found[0]


def mask_of(pictures: Pictures) -> Image.Image | None:
    """In a mode that says what to edit: by alpha where there is any, else by brightness."""
    masks = pictures.get("mask", [])
    if len(masks) > 1:
        raise refused("mask is given twice: give it once", "mask")
    if not masks or masks[0].mode in ("L", "RGBA"):
        return masks[0] if masks else None
    return masks[0].convert("RGBA" if masks[0].has_transparency_data else "L")


def edits(studio: Studio, asked: Edit, pictures: Pictures, owner: str) -> list[PaintRequest]:
    """Where the mask is transparent, beyond the edges, by an instruction, or all of it by strength."""
    picture, mask, fields = only(pictures), mask_of(pictures), {**asked.fields(studio), "owner": owner}
    strength = asked.strength or FIDELITY[asked.input_fidelity or "low"]
    if sum((mask is not None, bool(asked.extend), asked.instruct)) > 1:
        raise refused("a mask, extend and instruct exclude one another: give one", "extend" if asked.extend else "mask")
    if mask is not None:
        first = inpaint(picture, mask, asked.prompt, asked.strength, **fields)
    elif asked.extend:
        if not asked.extend.keys() <= {"left", "right", "top", "bottom"}:
            raise refused("extend says by how many pixels: left, right, top, bottom", "extend")
        first = outpaint(studio, picture, Room(**asked.extend), asked.prompt, asked.strength, **fields)
    elif asked.instruct:
        first = instruct(studio, picture, asked.prompt, strength, **fields)
    else:
        first = edit(picture, asked.prompt, strength, **fields)
    return several(first, asked.n)


def varied(studio: Studio, asked: Variation, pictures: Pictures, owner: str) -> list[PaintRequest]:
    fields = asked.fields(studio)
    del fields["describe"]  # clip's own words are not rewritten
    return variations(studio, only(pictures), asked.n, asked.strength, **fields, owner=owner)
