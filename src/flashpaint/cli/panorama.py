"""`flashpaint panorama`: a picture all around, for 360° viewers, headsets and game engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flashpaint import marks
from flashpaint.cli.options import Model, Out, Overwrite, Painter, Revision, Seed, Seer, Teller
from flashpaint.cli.paint import numbered, output_paths, paint_one, tell
from flashpaint.errors import OutputUnwritable
from flashpaint.painting import Painting


def panorama(
    prompt: Annotated[str, typer.Argument(help="A place, in English or Chinese.")],
    width: Annotated[int, typer.Option(help="Pixels; half as high.")] = 2048,
    seed: Seed = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. [default: the model's]")] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Save the coarse panorama first, as NAME-preview.png.")
    ] = False,
    cube: Annotated[
        Path | None, typer.Option(help="The six faces too: a folder, or a .png of all side by side.")
    ] = None,
    describe: Annotated[
        bool, typer.Option(help="Let the language model rewrite the prompt first, which may put things there.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint a 360° panorama: 2:1 equirectangular, without a seam, marked so that viewers know it.

    flashpaint panorama "a beach at sunset" --width 2048 --seed 3 --out beach.png
    """
    from flashpaint.tasks import panorama as task

    asked = {"seed": seed, "steps": steps, "describe": describe}
    request = task.panorama(prompt, width, **asked)
    path = numbered(output_paths([request], out, overwrite)[0], overwrite)
    small = path.with_stem(f"{path.stem}-preview")
    if preview:
        marks.check_output(small, overwrite)
    check_cube(cube, overwrite)
    from flashpaint.studio import Studio

    studio = Studio.open(model, painter=painter, revision=revision, seer=seer, teller=teller)
    studio.check(request)
    console = Console(stderr=True, highlight=False)
    if preview:
        first = paint_one(studio, task.coarse(prompt, **asked), console)
        tell(first, marks.save(first, small, overwrite), console, False, False)
        request = replace(request, seed=first.seed)
    painting = paint_one(studio, request, console)
    tell(painting, marks.save(painting, path, overwrite), console, False, False)
    if cube is not None:
        save_cube(painting, cube, overwrite)


def cube_paths(cube: Path) -> dict[str, Path]:
    """By face; "" for the strip of all."""
    from flashpaint.tasks.panorama import FACES

    return {"": cube} if cube.suffix else {name: cube / f"{name}.png" for name in FACES}


def check_cube(cube: Path | None, overwrite: bool) -> None:
    """Raise before any work where the faces cannot be written."""
    if cube is None:
        return
    if not cube.suffix and not cube.is_dir():
        raise OutputUnwritable(f"there is no folder {cube}: make it first, or name a .png file", param="cube")
    for path in cube_paths(cube).values():
        marks.check_output(path, overwrite)


def save_cube(painting: Painting, cube: Path, overwrite: bool) -> None:
    from flashpaint.tasks.panorama import faces, strip

    found = {"": strip(painting.picture)} if cube.suffix else faces(painting.picture)
    for name, path in cube_paths(cube).items():
        marks.save(replace(painting, picture=found[name]), path, overwrite)
    print(f"  cube  {cube}")
