"""`flashpaint index`: a user's own pictures into memory, with a report of what was skipped and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flashpaint.cli.options import Folder, Model, Painter, Revision, Seer, Teller
from flashpaint.cli.paint import parse_size
from flashpaint.errors import OutputUnwritable

if TYPE_CHECKING:
    from flashpaint.gallery import Outcome

NAMES = {"Remembered": "remembered", "Known": "there already", "Skipped": "skipped"}
SHOWN = 20  # of the skipped, on the screen; the report has all


def index(
    paths: Annotated[list[Path], typer.Argument(help="Folders, or PNG, JPEG and WebP files.", metavar="DIR|FILE...")],
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the pictures they will help to paint. [default: the painter's]")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write what became of every file, one JSON object a line.")
    ] = None,
    memory: Folder = None,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Read a library of pictures into memory, so that painting starts from what is nearest and `search` finds it.

    Captions come from NAME.txt or NAME.json beside a picture, else from inside it, else from what clip sees. A run that
    was cut off goes on where it was.

    flashpaint index ~/Pictures --report skipped.jsonl
    """
    width, height = parse_size(size)
    if report is not None and not report.parent.is_dir():
        raise OutputUnwritable(f"there is no folder {report.parent}: make it first", param="report")
    from flashpaint.gallery import index as read
    from flashpaint.memory.library import pictures_in
    from flashpaint.memory.opening import memory_address
    from flashpaint.studio import Studio

    studio = Studio.open(
        model,
        painter=painter,
        revision=revision,
        seer=seer,
        teller=teller,
        memory=memory or memory_address(),
    )
    console = Console(stderr=True, highlight=False)
    found = list(pictures_in(paths))
    done: list[Outcome] = []
    lines = report.open("w", encoding="utf-8") if report else None
    try:
        for outcome in followed(read(studio, found, width, height), len(found), console):
            done.append(outcome)
            if lines:
                lines.write(json.dumps(as_row(outcome), ensure_ascii=False) + "\n")
    finally:
        if lines:
            lines.close()
        studio.close()
        tell(done, len(found), console)
    if all(NAMES[type(outcome).__name__] == "skipped" for outcome in done):
        raise typer.Exit(1)


def followed(outcomes: Iterator[Outcome], total: int, console: Console) -> Iterator[Outcome]:
    columns = (TextColumn("[bold]reading"), BarColumn(28), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        for outcome in outcomes:
            bar.advance(task)
            yield outcome


def as_row(outcome: Outcome) -> dict[str, str]:
    """For the report."""
    from flashpaint.gallery import Remembered
    from flashpaint.memory.library import Skipped

    row = {"file": str(outcome.path), "outcome": NAMES[type(outcome).__name__]}
    if isinstance(outcome, Skipped):
        return row | {"reason": outcome.reason}
    if isinstance(outcome, Remembered):
        return row | {"id": outcome.entry.id, "description": outcome.entry.description}
    return row


def tell(done: Sequence[Outcome], total: int, console: Console) -> None:
    """How many became what, and why some were skipped."""
    from flashpaint.memory.library import Skipped

    counted = Counter(NAMES[type(outcome).__name__] for outcome in done)
    left = total - len(done)
    said = [f"{counted[name]} {name}" for name in NAMES.values() if counted[name]]
    console.print(", ".join(said or ["no picture found"]) + (f"; {left} not yet read: run it again" if left else ""))
    skipped = [outcome for outcome in done if isinstance(outcome, Skipped)]
    for outcome in skipped[:SHOWN]:
        console.print(f"  skipped {escape(str(outcome.path))}: {escape(outcome.reason)}", soft_wrap=True)
    if len(skipped) > SHOWN:
        console.print(f"  and {len(skipped) - SHOWN} more (--report FILE lists all)")
