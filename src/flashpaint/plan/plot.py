"""Two curves of a plan: latency and replicas over time, and what more replicas would bring. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from flashpaint.plan.outcome import Outcome

BLUE, GREY, RED = "#3a6ea5", "#999999", "#b5483a"
BINS = 60  # of the time that is shown


def draw(outcome: Outcome, tried: Mapping[int, Outcome], target_s: float | None, path: Path) -> None:
    """tried: of other numbers of replicas, may be empty. Whole or not at all."""
    from matplotlib.figure import Figure

    panels = 2 if tried else 1
    figure = Figure(figsize=(5.5 * panels, 3.6), layout="constrained")
    over_time(figure.add_subplot(1, panels, 1), outcome)
    if tried:
        by_replicas(figure.add_subplot(1, panels, 2), tried, target_s)
    scratch = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(scratch, dpi=120, format="png")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def over_time(axes: Any, outcome: Outcome) -> None:
    """p50 and p95 of those who arrived in each part of the time; the replicas that were ready, on the right."""
    edges = np.linspace(0, max(float(outcome.at[-1]), 1e-9), BINS + 1) / 60
    painted = ~np.isnan(outcome.latencies)
    minutes, latencies = outcome.at[painted] / 60, outcome.latencies[painted]
    part = np.clip(np.digitize(minutes, edges) - 1, 0, BINS - 1)
    for percent, style in ((50, "--"), (95, "-")):
        values = [np.percentile(latencies[part == k], percent) if (part == k).any() else np.nan for k in range(BINS)]
        axes.plot((edges[:-1] + edges[1:]) / 2, values, style, color=BLUE, label=f"p{percent}")
    axes.set_ylim(0, 1.3 * float(np.nanmax(values)))
    axes.set_xlabel("minutes")
    axes.set_ylabel("latency, seconds", color=BLUE)
    axes.legend(loc="upper left", fontsize=8, ncols=2)
    right = axes.twinx()
    when, number = zip(*outcome.replicas, strict=True)
    right.step([*(w / 60 for w in when), edges[-1]], [*number, number[-1]], where="post", color=GREY)
    right.set_ylim(0, 1.5 * max(number))
    right.set_xlim(0, edges[-1])
    right.set_ylabel("replicas ready", color=GREY)


def by_replicas(axes: Any, tried: Mapping[int, Outcome], target_s: float | None) -> None:
    """p95 against the number of replicas, and the share that gets no picture, on the right."""
    numbers = sorted(tried)
    p95 = [tried[number].latency(95) for number in numbers]
    axes.plot(numbers, p95, "o-", color=BLUE)
    if target_s is not None:
        axes.axhline(target_s, color=GREY, linewidth=1, linestyle=":")
    axes.set_ylim(0, 1.15 * max([*p95, target_s or 0]))
    axes.set_xlabel("replicas, at the busiest time (dotted: the target)")
    axes.set_ylabel("p95, seconds", color=BLUE)
    axes.xaxis.get_major_locator().set_params(integer=True)
    right = axes.twinx()
    right.plot(numbers, [100 * tried[number].lost for number in numbers], "s--", color=RED, markersize=3, linewidth=1)
    right.set_ylim(0, max(5.0, 105 * max(tried[number].lost for number in numbers)))
    right.set_ylabel("without a picture, %", color=RED)
