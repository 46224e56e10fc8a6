"""`flashpaint search`: the remembered pictures that come nearest to a text or a picture."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from PIL import Image

from flashpaint import marks
from flashpaint.cli.options import Folder, Model, Seer, Teller
from flashpaint.errors import MemoryDamaged

if TYPE_CHECKING:
    from flashpaint.memory.entry import Entry
    from flashpaint.studio import Studio


def search(
    asked: Annotated[str, typer.Argument(help="A text in quotes, or a picture's file.", metavar="TEXT|PICTURE")],
    number: Annotated[int, typer.Option("--number", "-k", help="How many to show.", min=1, max=100)] = 12,
    out: Annotated[Path | None, typer.Option(help="Write the contact sheet to this .png file.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    show: Annotated[bool | None, typer.Option(help="Preview in the terminal. [default: when it is one]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a picture on stdout.")] = False,
    memory: Folder = None,
    model: Model = "mini",
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Find pictures that were painted or indexed, by words in any language that clip or teller read, or by a picture.

    flashpaint search "a cat in space" --out cats.png
    """
    if out is not None:
        marks.check_output(out, overwrite)
    from flashpaint import gallery
    from flashpaint.memory.library import ENDINGS
    from flashpaint.memory.opening import memory_address
    from flashpaint.studio import Studio
    from flashpaint.tasks.reading import picture_at

    wanted = picture_at(Path(asked)) if Path(asked).suffix.lower() in ENDINGS else asked
    studio = Studio.open(model, seer=seer, teller=teller, memory=memory or memory_address())
    near = gallery.search(studio, wanted, number)
    if not near:
        print("nothing is remembered yet that this clip has seen: paint something, or run flashpaint index DIR")
        raise typer.Exit(1)
    for entry, similarity in near:
        print(json.dumps(as_row(entry, similarity), ensure_ascii=False) if as_json else line(entry, similarity))
    preview = show if show is not None else (sys.stdout.isatty() and not as_json)
    if out is not None or preview:
        sheet = sheet_of(studio, near)
        if out is not None:
            content = io.BytesIO()
            sheet.save(content, "PNG")
            marks.write(content.getvalue(), out)
        if preview:
            from flashpaint.cli.terminal import draw

            draw(sheet, columns=96)


def as_row(entry: Entry, similarity: float) -> dict[str, object]:
    return {
        "id": entry.id,
        "similarity": round(similarity, 4),
        "prompt": entry.prompt,
        "description": entry.description,
        **({"file": entry.record["file"]} if "file" in entry.record else {"seed": entry.seed}),
    }


def line(entry: Entry, similarity: float) -> str:
    whence = entry.record.get("file") or f"seed {entry.seed}"
    return f"{similarity:6.3f}  {entry.id}  {entry.description}  ({whence})"


def sheet_of(studio: Studio, near: list[tuple[Entry, float]]) -> Image.Image:
    from flashpaint.sheet import contact_sheet

    assert studio.memory is not None
    shown = []
    for entry, similarity in near:
        with contextlib.suppress(MemoryDamaged):  # a picture that is gone is left out
            picture = Image.open(io.BytesIO(studio.memory.store.picture(entry)))
            shown.append((picture, entry.description, f"{similarity:.3f}  {entry.id}"))
    return contact_sheet(shown)
