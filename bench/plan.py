"""The planner against reality: callers and arrivals on one studio, and what the simulation says of the same.

The profile is measured before and after each load: a machine's speed changes within minutes.

python bench/plan.py --rounds 3 --requests 200 [--threads 1] [--json FILE] [--plot FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from flashpaint import PaintRequest, Studio
from flashpaint.bench.replica import fresh_prompts, working
from flashpaint.bench.report import machine
from flashpaint.plan.autoscaler import Scaling
from flashpaint.plan.fleet import Fleet, Setup
from flashpaint.plan.profile import Profile
from flashpaint.plan.replica import Limits
from flashpaint.plan.traffic import Traffic, poisson

CALLERS = (1, 2, 4, 8, 16)
LOADS = (0.3, 0.6, 0.8, 0.9)  # of what the profile says a replica paints at most
TOGETHER = 128  # requests on their way: more than ever are
ROUNDS = 3  # of each profile
SHOWN = ("p50", "p95", "pictures/s")


@dataclass(frozen=True)
class Seen:
    """latencies: seconds; throughput: pictures a second."""

    latencies: list[float]
    throughput: float

    @property
    def figures(self) -> dict[str, float]:
        p50, p95 = np.percentile(self.latencies, [50, 95]).tolist()
        return {"p50": p50, "p95": p95, "pictures/s": self.throughput}


def closed(studio: Studio, prompts: Iterator[str], callers: int, requests: int) -> Seen:
    """Callers who each ask again once they are answered."""
    asked = iter([next(prompts) for _ in range(requests)])

    def call(_: int) -> list[float]:
        return [painted_since(studio, prompt, time.perf_counter()) for prompt in asked]

    return timed(callers, call, range(callers))


def opened(studio: Studio, prompts: Iterator[str], at: list[float]) -> Seen:
    """Requests that arrive when they do, whoever is still waiting."""
    asked = [(when, next(prompts)) for when in at]
    began = time.perf_counter() + 0.1

    def arrive(one: tuple[float, str]) -> list[float]:
        when, prompt = one
        time.sleep(max(0.0, began + when - time.perf_counter()))
        return [painted_since(studio, prompt, began + when)]

    return timed(TOGETHER, arrive, asked)


def timed(threads: int, call: Callable[..., list[float]], given: Iterable[Any]) -> Seen:
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        latencies = [spent for found in pool.map(call, given) for spent in found]
    return Seen(latencies, len(latencies) / (time.perf_counter() - began))


def painted_since(studio: Studio, prompt: str, when: float) -> float:
    studio.paint(PaintRequest(prompt, compose=False))
    return time.perf_counter() - when


def predicted(profile: Profile, at: list[float], callers: int | None) -> Seen:
    traffic = Traffic(np.array(at), np.full(len(at), profile.steps))
    setup = Setup(Limits(at_once=TOGETHER), Scaling(1, 1), callers=callers)
    outcome = Fleet(profile, traffic, setup).run()
    return Seen(outcome.latencies.tolist(), outcome.arrived / outcome.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200, help="of each load and round")
    parser.add_argument("--threads", type=int, help="of the CPU, for the engines")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    found: dict[str, list[tuple[dict[str, float], dict[str, float]]]] = {}
    for k in range(asked.rounds):
        for name, reality, prediction in round_of(asked.requests, asked.threads, k):
            found.setdefault(name, []).append((reality.figures, prediction.figures))
            print(f"round {k + 1}, {name}: measured {said(reality)}; predicted {said(prediction)}", flush=True)
    rows = {name: (middle([a for a, _ in pairs]), middle([b for _, b in pairs])) for name, pairs in found.items()}
    show(rows)
    if asked.json:
        figures = {name: {"measured": a, "predicted": b} for name, (a, b) in rows.items()}
        command = " ".join(["python", *sys.argv])
        asked.json.write_text(json.dumps({"command": command, "machine": machine(), "figures": figures}, indent=1))
    if asked.plot:
        draw(rows, asked.plot)


def round_of(requests: int, threads: int | None, seed: int) -> Iterator[tuple[str, Seen, Seen]]:
    """Each load's name, what was measured and what the simulation says."""
    studio, prompts, rng = Studio.open(threads=threads), fresh_prompts(), np.random.default_rng(seed)
    for _ in range(2):
        studio.paint(PaintRequest(next(prompts), compose=False))
    try:
        before = working(studio, ROUNDS)
        for load in [*CALLERS, *LOADS]:
            callers = load if isinstance(load, int) else None
            rate = load * before.most_per_s(before.steps)  # of arrivals
            at = [0.0] * requests if callers else poisson(rate, requests / rate, rng).tolist()
            reality = closed(studio, prompts, callers, requests) if callers else opened(studio, prompts, at)
            after = working(studio, ROUNDS)
            name = f"{callers} callers" if callers else f"arrivals, {load:.0%} of the most"
            yield name, reality, predicted(between(before, after), at, callers)
            before = after
    finally:
        studio.close()


def between(one: Profile, other: Profile) -> Profile:
    """The mean of two profiles of one studio."""
    times = ("read_s", "decode_s", "reading_speed", "painting_speed")
    means = {name: (getattr(one, name) + getattr(other, name)) / 2 for name in times}
    passes = {rows: (spent + other.pass_s[rows]) / 2 for rows, spent in one.pass_s.items()}
    return one.model_copy(update={**means, "pass_s": passes})


def said(seen: Seen) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in seen.figures.items())


def middle(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in figures) for name in SHOWN}


def show(rows: dict[str, tuple[dict[str, float], dict[str, float]]]) -> None:
    table = Table("load", *(f"{name}: measured, predicted, off by" for name in SHOWN), title="python bench/plan.py")
    worst = dict.fromkeys(SHOWN, 0.0)
    for name, (reality, prediction) in rows.items():
        cells = []
        for shown in SHOWN:
            off = prediction[shown] / reality[shown] - 1
            worst[shown] = max(worst[shown], abs(off))
            cells.append(f"{reality[shown]:.3f}, {prediction[shown]:.3f}, {off:+.0%}")
        table.add_row(name, *cells)
    Console(highlight=False, width=130).print(table)
    print("worst:", ", ".join(f"{name} {off:.0%}" for name, off in worst.items()), f"({machine()})")


def draw(rows: dict[str, tuple[dict[str, float], dict[str, float]]], path: Path) -> None:
    """Measured across, predicted up, the band of 15 %."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for place, shown in enumerate(SHOWN):
        axes = figure.add_subplot(1, len(SHOWN), place + 1)
        pairs = [(reality[shown], prediction[shown]) for reality, prediction in rows.values()]
        ends = np.array([0, 1.1 * max(max(pair) for pair in pairs)])
        axes.plot(ends, ends, color="#999999", linewidth=1)
        axes.fill_between(ends, 0.85 * ends, 1.15 * ends, color="#3a6ea5", alpha=0.15)
        for (measured, simulated), name in zip(pairs, rows, strict=True):
            axes.plot(measured, simulated, "o" if "callers" in name else "s", color="#3a6ea5")
        axes.set_title(shown if shown == "pictures/s" else f"{shown}, seconds", fontsize=10)
        axes.set_xlabel("measured (circles: callers, squares: arrivals)", fontsize=8)
        axes.set_ylabel("predicted", fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
