"""`flashpaint edit`, `vary`, `outpaint` and `describe`: what to do with a picture that is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flashpaint import marks
from flashpaint.cli.options import Model, Out, Overwrite, Painter, Revision, Seed, Seer, Teller
from flashpaint.cli.paint import numbered, output_paths, paint_one, tell
from flashpaint.errors import OutOfRange
from flashpaint.request import PaintRequest, check_number

if TYPE_CHECKING:
    from flashpaint.studio import Studio

Picture = Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP file.")]
Strength = Annotated[
    float | None, typer.Option(help="How much is painted anew, above 0 to 1. [default: the task's own]")
]
Count = Annotated[int | None, typer.Option(help="Denoising steps. [default: the model's]")]


def edit(
    picture: Picture,
    prompt: Annotated[str, typer.Argument(help="What the picture shall show, or with --instruct what shall change.")],
    mask: Annotated[
        Path | None, typer.Option(help="Paint only here: a mask of the same size, transparent or white where to edit.")
    ] = None,
    instruct: Annotated[
        bool, typer.Option("--instruct", help='The prompt is an instruction, such as "make it night".')
    ] = False,
    strength: Strength = None,
    seed: Seed = None,
    steps: Count = None,
    out: Out = None,
    overwrite: Overwrite = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint over a picture, or over the masked part of it; what a mask leaves out stays to the bit.

    flashpaint edit cat.png "a dog in space" --strength 0.6

    flashpaint edit cat.png "a cat with a hat" --mask hat.png
    """
    if instruct and mask is not None:
        raise OutOfRange("an instruction is about the whole picture: leave out --mask, or --instruct", param="mask")
    from flashpaint.tasks import edit as task
    from flashpaint.tasks.reading import mask_at, picture_at

    source = picture_at(picture)
    hole = None if mask is None else mask_at(mask)

    def requests(studio: Studio) -> list[PaintRequest]:
        if instruct:
            return [task.instruct(studio, source, prompt, strength, seed=seed, steps=steps)]
        if hole is not None:
            return [task.inpaint(source, hole, prompt, strength, seed=seed, steps=steps)]
        return [task.edit(source, prompt, strength, seed=seed, steps=steps)]

    run(requests, out, overwrite, model, painter, revision, seer, teller)


def vary(
    picture: Picture,
    n: Annotated[int, typer.Option(help="How many, 1 to 64; seeds count up.")] = 4,
    strength: Strength = None,
    seed: Seed = None,
    steps: Count = None,
    out: Out = None,
    overwrite: Overwrite = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint pictures like this one.

    flashpaint vary cat.png --n 4 --out variations
    """
    check_number("n", n, 1, 64)
    from flashpaint.tasks.reading import picture_at
    from flashpaint.tasks.vary import variations

    source = picture_at(picture)

    def requests(studio: Studio) -> list[PaintRequest]:
        return variations(studio, source, n, strength, seed=seed, steps=steps)

    run(requests, out, overwrite, model, painter, revision, seer, teller)


def outpaint(
    picture: Picture,
    prompt: Annotated[str | None, typer.Argument(help="What the whole shows. [default: what clip sees]")] = None,
    left: Annotated[int, typer.Option(help="Pixels to add.")] = 0,
    right: Annotated[int, typer.Option(help="Pixels to add.")] = 0,
    top: Annotated[int, typer.Option(help="Pixels to add.")] = 0,
    bottom: Annotated[int, typer.Option(help="Pixels to add.")] = 0,
    seed: Seed = None,
    steps: Count = None,
    out: Out = None,
    overwrite: Overwrite = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint what lies beyond a picture's edges. Where the painter has one size, the picture is shrunk to make room.

    flashpaint outpaint cat.png --left 64 --right 64
    """
    from flashpaint.tasks.outpaint import Room
    from flashpaint.tasks.outpaint import outpaint as task
    from flashpaint.tasks.reading import picture_at

    source, room = picture_at(picture), Room(left, right, top, bottom)

    def requests(studio: Studio) -> list[PaintRequest]:
        return [task(studio, source, room, prompt, seed=seed, steps=steps)]

    run(requests, out, overwrite, model, painter, revision, seer, teller)


def describe(
    picture: Picture,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    model: Model = "mini",
    seer: Seer = "mini",
) -> None:
    """Say what clip sees in a picture.

    flashpaint describe cat.png
    """
    from flashpaint.studio import Studio
    from flashpaint.tasks.describe import describe as look
    from flashpaint.tasks.reading import picture_at

    source = picture_at(picture)
    found = look(Studio.open(model, seer=seer, teller="mini" if seer == "mini" else "none"), source)
    if as_json:
        words = [{"word": word, "cosine": round(cosine, 4)} for word, cosine in found.words]
        print(json.dumps({"description": found.text, "words": words}, ensure_ascii=False))
        return
    print(found.text)
    print("  nearest words: " + ", ".join(f"{word} {cosine:.2f}" for word, cosine in found.words))


def run(
    requests: Callable[[Studio], Sequence[PaintRequest]],
    out: Path | None,
    overwrite: bool,
    model: str,
    painter: str | None,
    revision: str | None,
    seer: str,
    teller: str,
) -> None:
    """Paint each with a studio of these models, save it and tell of it."""
    from flashpaint.studio import Studio

    if out is not None and out.suffix:
        marks.check_output(out, overwrite)
    studio = Studio.open(model, painter=painter, revision=revision, seer=seer, teller=teller)
    asked = requests(studio)
    console = Console(stderr=True, highlight=False)
    for request, path in zip(asked, output_paths(asked, out, overwrite), strict=True):
        painting = paint_one(studio, request, console)
        tell(painting, marks.save(painting, numbered(path, overwrite), overwrite), console, False, False)
