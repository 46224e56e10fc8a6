"""Options that several commands have in common: which models see, tell and paint, and where the memory is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    Path | None,
    typer.Option(
        "--memory",
        help="The memory's folder. [default: FLASHPAINT_MEMORY or ~/.local/share/flashpaint/memory]",
        rich_help_panel=MEMORY,
    ),
]
