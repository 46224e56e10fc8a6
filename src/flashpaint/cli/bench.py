"""`flashpaint bench`: how fast this machine paints."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from flashpaint.cli.options import check_plot
from flashpaint.errors import OutOfRange


class Benchmark(StrEnum):
    stages = "stages"
    clients = "clients"
    plain = "plain"
    trace = "trace"


def bench(
    name: Annotated[
        Benchmark,
        typer.Argument(
            help="stages: one picture, warm and cold, stage by stage. clients: 1 to 16 callers at once, sharing passes "
            "and one at a time. plain: against the plain recipe on the same weights (CLIP, T5 with 5 beams, 50 steps "
            "at guidance 7.5, in PyTorch), timed and judged (needs flashpaint[torch] and a checkout). trace: a "
            "stream of requests, popular and fresh, in both languages, by the plain recipe, bare and with each of "
            "its parts (120 runs take half an hour)."
        ),
    ] = Benchmark.stages,
    runs: Annotated[int, typer.Option(help="Pictures to measure (of each number of clients).", min=4, max=1000)] = 24,
    log: Annotated[Path | None, typer.Option(help="trace: your own prompts, one a line, instead.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write command, machine and figures to this file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the table as a PNG (needs flashpaint[bench]).")] = None,
) -> None:
    """Measure on this machine, and print a table that says how to measure it again."""
    for path in (json, plot):
        if path is not None and not path.parent.is_dir():
            raise OutOfRange(f"there is no folder {path.parent}: make it first", param="out")
    check_plot(plot)
    from flashpaint.bench.clients import NUMBERS, ROUNDS, clients
    from flashpaint.bench.plain import plain
    from flashpaint.bench.report import Report
    from flashpaint.bench.stages import stages, void
    from flashpaint.bench.trace import ticks, trace

    cold = 5
    total = {
        Benchmark.stages: runs + cold + 1,
        Benchmark.clients: ROUNDS * len(NUMBERS),
        Benchmark.plain: runs,
        Benchmark.trace: ticks(runs),
    }[name]
    steps = iter(track(range(total), description=name, console=Console(stderr=True), transient=True))

    def tick() -> None:
        void(next(steps, None))

    measured: dict[Benchmark, Callable[[], Report]] = {
        Benchmark.stages: lambda: stages(runs, cold, tick),
        Benchmark.clients: lambda: clients(runs, tick),
        Benchmark.plain: lambda: plain(runs, tick),
        Benchmark.trace: lambda: trace(runs, log=log, tick=tick),
    }
    report = measured[name]()
    report.print()
    if json is not None:
        report.write_json(json)
    if plot is not None:
        report.write_plot(plot)
