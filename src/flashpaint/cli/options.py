"""Options that several commands share: which models see, tell and paint, where the memory is, and what comes out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from flashpaint.errors import OutOfRange
from flashpaint.models.cache import data_folder

MODELS = "With other models (see README: With the models you already use)"
MEMORY = "Memory"

Model = Annotated[str, typer.Option(help="An embedded model or a model folder.", rich_help_panel=MODELS)]
Painter = Annotated[
    str | None,
    typer.Option(
        help="What paints instead: a diffusers folder, a name of `flashpaint models`, owner/name of a hub, or "
        "https://HOST/v1#MODEL of an OpenAI-compatible images endpoint.",
        rich_help_panel=MODELS,
    ),
]
Revision = Annotated[str | None, typer.Option(help="Of the painter on its hub, best a commit.", rich_help_panel=MODELS)]
Seer = Annotated[
    str,
    typer.Option(
        help="What sees instead: a CLIP, SigLIP or Chinese CLIP folder, or owner/name.", rich_help_panel=MODELS
    ),
]
Teller = Annotated[
    str,
    typer.Option(
        help="What describes instead: a T5, BART or chat model's folder or owner/name, http://HOST/v1#MODEL of an "
        "OpenAI-compatible endpoint, or none.",
        rich_help_panel=MODELS,
    ),
]
Folder = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="The memory's folder, or postgresql://…?pictures=… of a shared one. [default: FLASHPAINT_MEMORY or "
        "~/.local/share/flashpaint/memory]",
        rich_help_panel=MEMORY,
    ),
]
Remember = Annotated[
    bool, typer.Option("--remember/--no-memory", help="Use and fill the memory.", rich_help_panel=MEMORY)
]
Fast = Annotated[
    str,
    typer.Option(
        help="Trade fidelity for speed inside a diffusers painter: off, balanced or max.", rich_help_panel=MODELS
    ),
]
Seed = Annotated[int | None, typer.Option(help="The same seed paints the same picture. [default: a fresh one]")]
Size = Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels, 512x256. [default: the model's]")]
Out = Annotated[Path | None, typer.Option(help="A .png file, or a folder. [default: the current folder]")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]


def served_folder(given: Path | None) -> Path:
    """Of a server's keys and of the pictures behind its urls."""
    return given or data_folder("FLASHPAINT_DATA")


def check_plot(plot: Path | None) -> None:
    """Raise OutOfRange before any work where a plot is wanted that cannot be drawn."""
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise OutOfRange("plots need matplotlib: pip install 'flashpaint[bench]'", param="plot")
