"""`flashpaint plan`: how many replicas some traffic needs, how long its pictures take and what they cost."""

from __future__ import annotations

import json as text
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from flashpaint import marks
from flashpaint.cli.options import Fast, Model, Painter, Revision, Seer, Teller, check_plot
from flashpaint.errors import OutOfRange, OutputUnwritable

if TYPE_CHECKING:
    from flashpaint.plan.fleet import Setup
    from flashpaint.plan.outcome import Outcome
    from flashpaint.plan.profile import Profile
    from flashpaint.plan.search import Search
    from flashpaint.plan.traffic import Traffic

TRAFFIC, FLEET, SHOWN, MEASURED = "Traffic", "Fleet", "What comes out", "Measuring"
HELP = """Simulate a fleet: latency, refusals, machines and cost of some traffic, from one replica's measured times.

[bold]Examples[/bold]

  flashpaint plan --measure mini.json                               what one replica costs, measured on this machine

  flashpaint plan mini.json --rate 100000 --replicas 3              that many requests an hour on three replicas

  flashpaint plan mini.json --rate 100000 --target 0.5 --cost 0.12  how many keep a p95 of 0.5 s, and what 1,000 cost

  flashpaint plan mini.json --rate 1000000 --hit-rate 0.7 --target 1 --plot plan.png    with memory

  flashpaint plan mini.json --rate 50000 --burst 4 --replicas 2 --max-replicas 12       autoscaled, as by Ray Serve

  flashpaint plan mini.json --trace log.txt --target 0.5            times (seconds, ISO 8601), prompts, or both by tab

  flashpaint plan mini.json --rate 60000 --replicas 4 --mtbf 2 --restart 30             with failures

A profile is JSON that one can also write by hand, seconds of a pass by the rows that share it; all but the first
two have defaults:

  {"steps": 50, "pass_s": {"1": 0.08, "4": 0.2}, "batch": 4, "read_s": 0.03, "decode_s": 0.05, "startup_s": 40}
"""


def plan(
    profile: Annotated[Path | None, typer.Argument(help="What one replica costs: a file that --measure wrote.")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Requests an hour (Poisson).", min=1, max=100e6, rich_help_panel=TRAFFIC)
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(help="A line a request: its time, its prompt (with --rate), or both.", rich_help_panel=TRAFFIC),
    ] = None,
    hours: Annotated[
        float, typer.Option(help="That are simulated, those around the peak.", min=0.001, rich_help_panel=TRAFFIC)
    ] = 1.0,
    peak: Annotated[
        float, typer.Option(help="Of a day: its busiest hour over the mean.", min=1, max=2, rich_help_panel=TRAFFIC)
    ] = 1.0,
    burst: Annotated[
        float,
        typer.Option(help="One minute in ten has so many times the mean.", min=1, max=10, rich_help_panel=TRAFFIC),
    ] = 1.0,
    hit_rate: Annotated[
        float | None,
        typer.Option(
            help="Share that starts from memory. \\[default: 0, or the words that a trace repeats]",
            min=0,
            max=1,
            rich_help_panel=TRAFFIC,
        ),
    ] = None,
    skipped: Annotated[
        int | None,
        typer.Option(help="Steps that such a one skips. \\[default: as measured]", min=0, rich_help_panel=TRAFFIC),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(help="At least. \\[default: 1, or what --target needs]", min=1, max=10_000, rich_help_panel=FLEET),
    ] = None,
    max_replicas: Annotated[
        int | None, typer.Option(help="Autoscale up to so many.", min=1, max=10_000, rich_help_panel=FLEET)
    ] = None,
    in_flight: Annotated[
        float, typer.Option(help="Autoscale: pictures in flight for each.", min=0.1, rich_help_panel=FLEET)
    ] = 2.0,
    target: Annotated[
        float | None, typer.Option(help="Seconds of p95: find the replicas for it.", min=0.001, rich_help_panel=FLEET)
    ] = None,
    at_once: Annotated[
        int, typer.Option(help="Pictures that a replica paints together.", min=1, rich_help_panel=FLEET)
    ] = 8,
    max_queue: Annotated[int, typer.Option(help="Pictures that may wait, in each.", min=0, rich_help_panel=FLEET)] = 64,
    deadline: Annotated[
        float, typer.Option(help="Seconds that a request may take, 0 for any.", min=0, rich_help_panel=FLEET)
    ] = 120.0,
    mtbf: Annotated[
        float, typer.Option(help="Hours until a replica fails, on average; 0 for never.", min=0, rich_help_panel=FLEET)
    ] = 0.0,
    restart: Annotated[
        float | None,
        typer.Option(help="Seconds until another is there. \\[default: startup]", min=0, rich_help_panel=FLEET),
    ] = None,
    cost: Annotated[float, typer.Option(help="Of one machine for an hour.", min=0, rich_help_panel=SHOWN)] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed, the same plan.", min=0, rich_help_panel=SHOWN)] = 0,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.", rich_help_panel=SHOWN)] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw latency over time and by replicas (needs flashpaint[bench]).", rich_help_panel=SHOWN),
    ] = None,
    measure: Annotated[
        Path | None,
        typer.Option(help="Measure one replica on this machine into this file first.", rich_help_panel=MEASURED),
    ] = None,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
    fast: Fast = "off",
) -> None:
    for path in (json, plot, measure):
        if path is not None and not path.parent.is_dir():
            raise OutputUnwritable(f"there is no folder {path.parent}: make it first", param="out")
    check_plot(plot)
    if (profile is None) == (measure is None):
        raise OutOfRange("give a profile, or --measure FILE to write one: one of the two", param="profile")
    if max_replicas is not None and max_replicas < (replicas or 1):
        raise OutOfRange(f"--max-replicas {max_replicas} is fewer than --replicas {replicas}", param="max_replicas")
    if measure is not None:
        _measure(measure, model, painter, revision, seer, teller, fast)
        if rate is None and trace is None:
            return
    from flashpaint.plan.autoscaler import Scaling
    from flashpaint.plan.fleet import Setup
    from flashpaint.plan.profile import read_profile
    from flashpaint.plan.replica import NEVER, Limits
    from flashpaint.plan.traffic import Curve, traffic_of

    known = read_profile(measure or profile or Path())
    curve, skips = Curve(peak, burst), known.skipped if skipped is None else skipped
    traffic = traffic_of(rate, trace, 3600 * hours, curve, known.steps, skips, hit_rate, seed)
    setup = Setup(
        Limits(at_once, max_queue, deadline or NEVER),
        mtbf_s=3600 * mtbf or NEVER,
        restart_s=known.startup_s if restart is None else restart,
    )
    search, needed = _search(known, traffic, setup, target, seed)
    least = replicas or (needed if needed and max_replicas is None else 1)
    setup = replace(setup, scaling=Scaling(least, max_replicas or least, in_flight))
    tried = _around(search, needed or max_replicas or least) if plot or needed else {}
    outcome = _simulated(known, traffic, setup, seed)
    figures = outcome.figures(cost) | ({"replicas_needed": float(needed)} if needed else {})
    _show(known, traffic, figures, tried, target)
    if json is not None:
        found = {
            "command": shlex.join(["flashpaint", *sys.argv[1:]]),
            "profile": known.model_dump(),
            "figures": figures,
        }
        marks.write(f"{text.dumps(found, indent=1)}\n".encode(), json)
    if plot is not None:
        from flashpaint.plan.plot import draw

        draw(outcome, tried, target, plot)


plan.__doc__ = HELP


def _measure(
    path: Path, model: str, painter: str | None, revision: str | None, seer: str, teller: str, fast: str
) -> None:
    from flashpaint.bench.replica import TICKS, profile_of
    from flashpaint.studio import Studio

    def opened(memory: str | None) -> Studio:
        return Studio.open(model, None, None, painter, revision, None, fast, seer, teller, memory)

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=TICKS)
        profile = profile_of(opened, lambda: bar.advance(task))
    marks.write(f"{profile.model_dump_json(indent=1)}\n".encode(), path)
    Console(highlight=False, soft_wrap=True).print(f"the profile of {escape(profile.title)}: {escape(str(path))}")


def _search(
    known: Profile, traffic: Traffic, setup: Setup, target: float | None, seed: int
) -> tuple[Search, int | None]:
    """And the replicas that the target needs, where there is one."""
    from flashpaint.plan.search import Search

    search = Search(known, traffic, setup, seed)
    if target is None:
        return search, None
    with Console(stderr=True).status("searching") as status:
        search.tick = lambda number: status.update(f"searching: {number} replicas")
        return search, search.needed(target)


def _around(search: Search, number: int) -> dict[int, Outcome]:
    with Console(stderr=True).status("trying other numbers of replicas") as status:
        search.tick = lambda near: status.update(f"trying {near} replicas")
        return search.around(number)


def _simulated(known: Profile, traffic: Traffic, setup: Setup, seed: int) -> Outcome:
    from flashpaint.plan.fleet import Fleet

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=len(traffic))
        return Fleet(known, traffic, setup, seed).run(lambda arrived: bar.update(task, completed=arrived))


def _show(
    known: Profile, traffic: Traffic, figures: dict[str, float], tried: dict[int, Outcome], target: float | None
) -> None:
    console = Console(highlight=False)
    steps = float(traffic.steps.mean())
    arrive = len(traffic) / max(traffic.seconds, 1e-9)
    console.print(f"{escape(known.title)}: {len(traffic):,} requests, {arrive:.4g} a second", soft_wrap=True)
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(
            name,
            f"{value:.2%}"
            if name.endswith("share") or name == "utilisation"
            else f"{value:,.4g}"
            if value < 1e4
            else f"{value:,.0f}",
        )
    console.print(table)
    if tried and target is not None:
        console.print(f"p95 at the busiest time, {target:g} s wanted:")
        busy = Table("replicas", "p95 s", "without a picture")
        for number, outcome in tried.items():
            busy.add_row(f"{number}", f"{outcome.latency(95):.3g}", f"{outcome.lost:.2%}")
        console.print(busy)
    most = known.most_per_s(steps)
    console.print(f"a replica paints at most {most:.3g} pictures a second, of {steps:.3g} steps on average")
    lost = figures["refused_share"] + figures["late_share"]
    if lost > 0.01:
        console.print(f"[bold]{lost:.0%} get no picture[/]: more replicas, or --target for how many")
