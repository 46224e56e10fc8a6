"""`flashpaint driving`: a sweep of driving scenes as a dataset with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from flashpaint.cli.compose import text_of
from flashpaint.cli.options import Model, Painter, Revision, Seer, Teller


def driving(
    sweep: Annotated[Path, typer.Argument(help="A sweep file (.yaml or .json; see docs/compose.md).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The dataset's folder; a broken-off one goes on.")],
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint driving scenes with boxes and masks, under all weathers and times asked for.

    flashpaint driving sweep.yaml -o roads
    """
    from flashpaint.tasks.dataset import Dataset
    from flashpaint.tasks.driving import check, read_sweep

    asked = read_sweep(text_of(sweep))
    dataset = Dataset(out, asked)
    if painter is None:
        check(asked, model)
    from flashpaint.studio import Studio

    studio = Studio.open(model, painter=painter, revision=revision, seer=seer, teller=teller)
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("paint", total=len(dataset.drives))
        painted = dataset.paint(studio, lambda number: bar.advance(task, number))
    there = len(dataset.drives) - painted
    print(f"{out}: {len(dataset.drives)} pictures, {painted} painted now{f', {there} there before' if there else ''}")
