"""What every benchmark shows: its command, its machine, its table, its JSON and its plot. Knows no measurement."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """command: what reproduces it. figures: by the design's names. rows: (name, p50, p95) in ms for table and plot."""

    command: str
    figures: Figures
    rows: Sequence[tuple[str, float, float]]

    def print(self) -> None:
        console = Console(highlight=False)
        table = Table("what", "p50 ms", "p95 ms", title=self.command)
        for name, p50, p95 in self.rows:
            table.add_row(name, f"{p50:.1f}", f"{p95:.1f}")
        console.print(table)
        for name, value in self.figures.items():
            console.print(f"{name:20} {value:.4g}")
        console.print(f"machine: {machine()}")

    def write_json(self, path: Path) -> None:
        write_figures(path, self.command, {name: round(value, 4) for name, value in self.figures.items()})

    def write_plot(self, path: Path) -> None:
        """Bars of the rows, p50 filled and p95 as a whisker. Needs matplotlib (the extra "bench")."""
        from matplotlib.figure import Figure

        names = [name for name, _, _ in self.rows]
        p50, p95 = [row[1] for row in self.rows], [row[2] for row in self.rows]
        figure = Figure(figsize=(7, 0.5 + 0.45 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(names, p50, color="#3a6ea5", xerr=[[0] * len(p50), [b - a for a, b in zip(p50, p95, strict=True)]])
        axes.invert_yaxis()
        axes.set_xlabel("milliseconds (bar: median, whisker: 95th percentile)")
        axes.set_title(self.command, fontsize=10)
        figure.savefig(path, dpi=120)


def write_figures(path: Path, command: str, figures: Mapping[str, Any], **facts: Any) -> None:
    """What a benchmark's --json writes. facts: what else is to be known of it, such as how many prompts."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    found = {"command": command, "when": when, "machine": machine(), **facts, "figures": figures}
    path.write_text(json.dumps(found, indent=1) + "\n")


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """(p50, p95) in milliseconds."""
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return statistics.median(seconds) * 1000, cuts[-1] * 1000


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
