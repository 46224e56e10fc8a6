"""`flashpaint batch`: thousands of pictures from a file of requests, resumable, with a manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flashpaint.cli.options import Fast, Folder, Model, Painter, Remember, Revision, Seer, Teller
from flashpaint.errors import OutOfRange
from flashpaint.request import check_number

if TYPE_CHECKING:
    from flashpaint.tasks.batch import Done

SHOWN = 10  # failures on the screen; the manifest has all


@dataclass
class Tally:
    """What became of the lines so far. steps, skipped: of the pictures of this run, and those that memory saved."""

    before: int = 0
    painted: int = 0
    failed: list[str] = field(default_factory=list)
    steps: int = 0
    skipped: int = 0
    reused: int = 0
    began: float = field(default_factory=monotonic)

    def count(self, done: Done) -> None:
        if done.before:
            self.before += 1
        elif done.failed:
            self.failed.append(f"line {done.row['line']}: {done.row['error']['message']}")
        else:
            self.painted += 1
            self.steps += done.row["steps"]
            self.skipped += done.row["reuse"]["skipped"]
            self.reused += done.row["reuse"]["kind"] in ("near", "identical")

    @property
    def rate(self) -> str:
        return f"{self.painted / max(monotonic() - self.began, 1e-9):.1f} pictures/s"

    def said(self) -> str:
        words = [f"{self.painted} painted, {self.rate}" if self.painted else "none painted"]
        if self.before:
            words.append(f"{self.before} there already")
        if self.skipped:
            words.append(f"{self.reused} from memory, which saved {self.skipped / self.steps:.0%} of the steps")
        if self.failed:
            words.append(f"{len(self.failed)} failed")
        return "; ".join(words)


def batch(
    file: Annotated[
        Path, typer.Argument(help="Requests, one JSON object a line.", metavar="FILE.jsonl", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The folder of the pictures and of manifest.jsonl, made if need be.")],
    seed: Annotated[
        int | None,
        typer.Option(help="A request without a seed gets this one plus its line's number. [default: a fresh one]"),
    ] = None,
    callers: Annotated[int, typer.Option(help="Pictures at once, 1 to 64; they share the denoiser's passes.")] = 8,
    remember: Remember = True,
    memory: Folder = None,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
    fast: Fast = "off",
) -> None:
    """Paint a file of requests into a folder.

    A line has a prompt, and what `flashpaint paint` has options for: seed, width, height, steps, guidance_scale,
    describe, negative, sampler, schedule, reuse, canvas. Line 7 becomes 000007.png. A run that was cut off goes on
    where it was; what failed is tried again. manifest.jsonl says what became of each line.

    flashpaint batch wishes.jsonl --out pictures --seed 1
    """
    check_number("callers", callers, 1, 64)
    if not file.is_file():
        raise OutOfRange(f"there is no file {file}: give requests, one JSON object a line", param="file")
    from flashpaint.memory.opening import memory_address
    from flashpaint.studio import Studio
    from flashpaint.tasks.batch import read, run

    total = sum(1 for _ in read(file))
    studio = Studio.open(
        model,
        painter=painter,
        revision=revision,
        fast=fast,
        seer=seer,
        teller=teller,
        memory=(memory or memory_address()) if remember else None,
    )
    console, tally = Console(stderr=True, highlight=False), Tally()
    columns = (
        TextColumn("[bold]painting"),
        BarColumn(28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=total, rate="")
            for done in run(studio, file, out, seed, callers):
                tally.count(done)
                bar.update(task, advance=1, rate=tally.rate if tally.painted else "")
    finally:
        studio.close()
        left = total - tally.before - tally.painted - len(tally.failed)
        console.print(tally.said() + (f"; {left} left: run it again to go on" if left else ""))
    for line in tally.failed[:SHOWN]:
        console.print(f"  {escape(line)}", soft_wrap=True)
    if len(tally.failed) > SHOWN:
        console.print(f"  and {len(tally.failed) - SHOWN} more, in {escape(str(out / 'manifest.jsonl'))}")
    if tally.failed:
        raise typer.Exit(1)
