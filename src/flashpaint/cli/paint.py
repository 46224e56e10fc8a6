"""`flashpaint paint`: prompts in, PNG files out, with the live stage, the description and the timings."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flashpaint import marks
from flashpaint.errors import OutOfRange, OutputUnwritable, PromptEmpty
from flashpaint.request import Finished, Painting, PaintRequest, Told, check_number
from flashpaint.request import Progress as Stage

MOST = 64  # pictures of one prompt


def paint(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to paint, in English or Chinese; each in quotes.", metavar="PROMPT...", show_default=False
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Read prompts from a UTF-8 text file, one a line.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed paints the same picture. [default: a fresh one]")
    ] = None,
    n: Annotated[int, typer.Option(help=f"Pictures of each prompt, 1 to {MOST}; seeds count up.")] = 1,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels. [default: the model's]")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. [default: the model's]")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale, 1 for none. [default: the model's]")] = None,
    out: Annotated[Path | None, typer.Option(help="A .png file, or a folder. [default: the current folder]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    describe: Annotated[bool, typer.Option(help="Let the language model rewrite the prompt first.")] = True,
    show: Annotated[bool | None, typer.Option(help="Preview in the terminal. [default: when it is one]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a picture on stdout.")] = False,
    model: Annotated[str, typer.Option(help="An embedded model or a model folder.")] = "mini",
    painter: Annotated[
        str | None,
        typer.Option(help="A diffusers model that paints instead: a folder or owner/name (needs flashpaint[torch])."),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Of the painter on its hub, best a commit.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]")] = None,
) -> None:
    """Paint pictures from prompts.

    flashpaint paint "a cat in space" --seed 7 --out cat.png
    """
    check_number("n", n, 1, MOST)
    width, height = parse_size(size)
    texts = [*(prompts or []), *read_prompts(file)]
    if not texts:
        raise PromptEmpty('say what to paint, for example: flashpaint paint "a cat in space"', param="prompt")
    wanted = [
        PaintRequest(text, None if seed is None else seed + k, width, height, steps, guidance, describe)
        for text in texts
        for k in range(n)
    ]
    paths = output_paths(wanted, out, overwrite)
    console = Console(stderr=True, highlight=False)
    preview = show if show is not None else (sys.stdout.isatty() and not as_json)
    from flashpaint.studio import Studio  # the engines load only once the request is known to be sound

    studio = Studio.open(model, threads, painter=painter, revision=revision)
    for request, path in zip(wanted, paths, strict=True):
        painting = paint_one(studio, request, console)
        saved = marks.save(painting, numbered(path, overwrite), overwrite)
        tell(painting, saved, console, preview, as_json)


def paint_one(studio: object, request: PaintRequest, console: Console) -> Painting:
    """One picture, its stages on a progress bar (on stderr, when that is a terminal)."""
    from flashpaint.studio import Studio

    assert isinstance(studio, Studio)
    columns = (
        TextColumn("[bold]{task.description:<8}"),
        BarColumn(28),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("see", total=None, said=escape(request.prompt[:60]))
        for event in studio.stream(request, previews=False):
            if isinstance(event, Stage):
                bar.update(task, description=event.stage, total=event.steps or None, completed=event.step)
            elif isinstance(event, Told):
                bar.update(task, said=escape(event.description[:60]))
            elif isinstance(event, Finished):
                return event.painting
    raise AssertionError("a stream ends with Finished")


def tell(painting: Painting, path: Path, console: Console, preview: bool, as_json: bool) -> None:
    """What was painted, for a person or as JSON."""
    if as_json:
        print(
            json.dumps(
                {
                    "file": str(path),
                    **marks.record(painting),
                    "notes": list(painting.notes),
                    "seconds": {k: round(v, 4) for k, v in painting.timings.items()},
                },
                ensure_ascii=False,
            )
        )
        return
    if preview:
        from flashpaint.cli.terminal import draw

        draw(painting.picture)
    out = Console(highlight=False, soft_wrap=True)
    spent = "  ".join(f"{stage} {seconds * 1000:.0f} ms" for stage, seconds in painting.timings.items())
    out.print(
        f"[bold]{escape(str(path))}[/]\n"
        f"  {escape(painting.request.prompt)}  →  [italic]{escape(painting.description)}[/]"
        f"\n  seed {painting.seed}  {painting.steps} steps  {spent}"
    )
    for note in painting.notes:
        console.print(f"  note: {escape(note)}")


def parse_size(size: str | None) -> tuple[int | None, int | None]:
    """ "256x256" or "256" -> (width, height); OutOfRange when it is neither."""
    if size is None:
        return None, None
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size.strip().lower())
    if not found:
        raise OutOfRange(f"size is {size!r}: give WIDTHxHEIGHT, for example 256x256", param="size")
    return int(found[1]), int(found[2] or found[1])


def read_prompts(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutOfRange(
            f"{file} cannot be read as UTF-8 text ({error}): give a file of prompts, one a line", param="file"
        ) from error
    return [line for line in lines if line.strip()]


def output_paths(requests: Sequence[PaintRequest], out: Path | None, overwrite: bool) -> list[Path]:
    """Where each picture goes, checked before any is painted: one file, or names of their own in a folder."""
    if out is not None and out.suffix and not out.is_dir():
        many = len(requests) > 1
        paths = [out.with_stem(f"{out.stem}-{k + 1}") if many else out for k in range(len(requests))]
        for path in paths:
            marks.check_output(path, overwrite)
        return paths
    folder = out or Path()
    if out is not None and not folder.is_dir():
        raise OutputUnwritable(f"there is no folder {folder}: make it first, or name a .png file", param="out")
    marks.check_output(folder / "a.png", overwrite=True)
    return [folder / f"{slug(request.prompt)}.png" for request in requests]


def numbered(path: Path, overwrite: bool) -> Path:
    """The path, or with the first free number: default names never collide with older pictures."""
    if overwrite or not path.exists():
        return path
    return next(free for k in range(2, 1_000_000) if not (free := path.with_stem(f"{path.stem}-{k}")).exists())


def slug(prompt: str) -> str:
    """A file name of the prompt's own letters, any script."""
    kept = "".join(c if unicodedata.category(c)[0] in "LN" else "-" for c in prompt.lower())
    return re.sub("-+", "-", kept).strip("-")[:40] or "painting"
