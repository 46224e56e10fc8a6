"""`flashpaint paint`: prompts in, PNG files out, with the live stage, the description and the timings."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from flashpaint import marks
from flashpaint.cli.ahead import settle
from flashpaint.cli.options import (
    MEMORY,
    MODELS,
    Fast,
    Folder,
    Model,
    Out,
    Overwrite,
    Painter,
    Remember,
    Revision,
    Seed,
    Seer,
    Size,
    Teller,
)
from flashpaint.errors import OutOfRange, OutputUnwritable, PromptEmpty
from flashpaint.painting import Finished, Painting, Reuse, Told
from flashpaint.painting import Progress as Stage
from flashpaint.request import PaintRequest, check_number

MOST = 64  # pictures of one prompt


ADVANCED = "How it is painted"


def paint(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            help="What to paint, in English or Chinese; each in quotes.", metavar="PROMPT...", show_default=False
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Read prompts from a UTF-8 text file, one a line.")] = None,
    seed: Seed = None,
    n: Annotated[int, typer.Option(help=f"Pictures of each prompt, 1 to {MOST}; seeds count up.")] = 1,
    size: Size = None,
    tile: Annotated[bool, typer.Option("--tile", help="A texture whose opposite borders meet.")] = False,
    out: Out = None,
    overwrite: Overwrite = False,
    describe: Annotated[bool, typer.Option(help="Let the language model rewrite the prompt first.")] = True,
    compose: Annotated[bool, typer.Option(help="Paint several things apart and lay them together.")] = True,
    show: Annotated[bool | None, typer.Option(help="Preview in the terminal. [default: when it is one]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a picture on stdout.")] = False,
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps. [default: the model's]", rich_help_panel=ADVANCED)
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(help="Guidance scale, 1 for none. [default: the model's]", rich_help_panel=ADVANCED),
    ] = None,
    negative: Annotated[str, typer.Option(help="What to steer away from.", rich_help_panel=ADVANCED)] = "",
    sampler: Annotated[
        str | None,
        typer.Option(help="euler, dpm++2m or lcm. [default: the model's]", rich_help_panel=ADVANCED),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Of the noise levels: own or karras. [default: the model's own]", rich_help_panel=ADVANCED),
    ] = None,
    sigmas: Annotated[
        str | None,
        typer.Option(help="The noise levels themselves, falling to 0: 1,0.6,0.3,0", rich_help_panel=ADVANCED),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: all]", rich_help_panel=ADVANCED)] = None,
    reuse: Annotated[
        str | None,
        typer.Option(
            help="auto starts from a remembered picture that is near, exact gives back the very same one, off forgets "
            "memory. [default: exact with --seed, else auto]",
            rich_help_panel=MEMORY,
        ),
    ] = None,
    remember: Remember = True,
    memory: Folder = None,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
    lora: Annotated[
        list[str] | None,
        typer.Option(
            help="A LoRA for the painter, FILE.safetensors or FILE.safetensors:WEIGHT; may be given several times.",
            rich_help_panel=MODELS,
        ),
    ] = None,
    fast: Fast = "off",
) -> None:
    """Paint pictures from prompts.

    flashpaint paint "a cat in space" --seed 7 --out cat.png
    """
    check_number("n", n, 1, MOST)
    width, height = parse_size(size)
    texts = [*(prompts or []), *read_prompts(file)]
    if not texts:
        raise PromptEmpty('say what to paint, for example: flashpaint paint "a cat in space"', param="prompt")
    worn = parse_loras(lora or [])
    asked = PaintRequest(
        texts[0],
        width=width,
        height=height,
        steps=steps,
        guidance_scale=guidance,
        describe=describe,
        compose=compose,
        negative=negative,
        sampler=sampler,
        schedule=schedule,
        sigmas=parse_sigmas(sigmas),
        loras=tuple((name, weight) for name, _, weight in worn),
        reuse=reuse,
        canvas="tile" if tile else "flat",
    )
    wanted = [
        # who asks for several of one prompt wants them different
        replace(asked, prompt=text, seed=None if seed is None else seed + k, reuse=reuse or ("exact" if k else None))
        for text in texts
        for k in range(n)
    ]
    paths = output_paths(wanted, out, overwrite)
    console = Console(stderr=True, highlight=False)
    preview = show if show is not None else (sys.stdout.isatty() and not as_json)
    # the engines load only once the request is known to be sound
    from flashpaint.memory.opening import memory_address
    from flashpaint.studio import Studio

    studio = Studio.open(
        model,
        threads,
        painter=painter,
        revision=revision,
        loras={name: path for name, path, _ in worn},
        fast=fast,
        seer=seer,
        teller=teller,
        memory=(memory or memory_address()) if remember and reuse != "off" else None,
    )
    settle()
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
                    "reuse": asdict(painting.reuse),
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
        f"\n  seed {painting.seed}  {painting.steps} steps  {spent}{recalled(painting.reuse)}"
    )
    for note in painting.notes:
        console.print(f"  note: {escape(note)}")


def recalled(reuse: Reuse) -> str:
    """What came from memory, on a line of its own; "" where nothing did."""
    told = "; the description too" if reuse.told else ""
    saved = f", about {reuse.saved_s * 1000:.0f} ms saved" if reuse.saved_s else ""
    said = {
        "identical": f"the very picture that was painted for this before ({reuse.neighbour})",
        "near": f"started from {reuse.neighbour} ({reuse.similarity:.3f} alike), {reuse.skipped} steps skipped{told}",
        "refused": f"started from {reuse.neighbour}, but that did not look right, and was painted from noise",
    }.get(reuse.kind, "")
    return f"\n  memory: {said}{saved}" if said else ""


def parse_size(size: str | None) -> tuple[int | None, int | None]:
    """ "256x256" or "256" -> (width, height); OutOfRange when it is neither."""
    if size is None:
        return None, None
    found = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", size.strip().lower())
    if not found:
        raise OutOfRange(f"size is {size!r}: give WIDTHxHEIGHT, for example 256x256", param="size")
    return int(found[1]), int(found[2] or found[1])


def parse_sigmas(levels: str | None) -> tuple[float, ...] | None:
    """ "1,0.6,0.3,0" -> numbers; OutOfRange when they are none."""
    if levels is None:
        return None
    try:
        return tuple(float(level) for level in levels.split(","))
    except ValueError as error:
        raise OutOfRange(
            f"sigmas are {levels!r}: give numbers between commas, for example 1,0.6,0.3,0", param="sigmas"
        ) from error


def parse_loras(given: Sequence[str]) -> list[tuple[str, Path, float]]:
    """FILE or FILE:WEIGHT -> (name, file, weight), the name being the file's without its ending."""
    found = []
    for text in given:
        file, _, weight = text.rpartition(":") if re.search(r":-?[\d.]+$", text) else (text, "", "1")
        found.append((Path(file).stem, Path(file), float(weight)))
    return found


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
