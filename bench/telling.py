"""How often mini's teller says the one canonical description, letter for letter: held-out scenes, asked for in both
languages (every second Chinese phrasing is held out too), by the T5 alone and with clip choosing among its beams.

--sure also counts at other thresholds, below which the first telling is not enough (SURE in flashpaint.tell.mini).

python -m bench.telling --json telling.json
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

import flashpaint.tell.mini as teller
from flashpaint import Studio
from flashpaint.bench.report import write_figures
from training.grammar import describe
from training.trials import held_out_prompts

KINDS = ("single", "place", "pair")
THRESHOLDS = (-1.0, 0.8, 0.85, 0.9, 0.95, 2.0)
Asked = Sequence[tuple[str, str]]  # (prompt, canonical description)


def right(studio: Studio, asked: Asked, chosen: bool, wrong: list[tuple[str, str, str]] | None = None) -> float:
    """The share of prompts told letter for letter. chosen: by clip; else what the T5 says first."""
    prompts = [prompt for prompt, _ in asked]
    shown = studio.sights(studio.teller, prompts, studio.seen(prompts))
    if not chosen:
        shown = [replace(sight, see=None) for sight in shown]
    told = [telling.description for telling in studio.teller.tell(prompts, shown)]
    rows = [(prompt, one, meant) for one, (prompt, meant) in zip(told, asked, strict=True) if one != meant]
    if wrong is not None:
        wrong.extend(rows)
    return 1 - len(rows) / len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.telling", description=__doc__)
    parser.add_argument("--scenes", type=int, default=300, help="of each kind")
    parser.add_argument("--sure", action="store_true", help="at other thresholds too")
    parser.add_argument("--wrong", type=int, default=0, help="show so many of the wrong ones of each row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    studio, console = Studio.open(), Console(highlight=False)
    asked: dict[str, Asked] = {}
    for kind in KINDS:
        rows = held_out_prompts(kind, arguments.scenes, "telling")
        asked[f"{kind}_en"] = [(en, describe(scene)) for scene, en, _ in rows]
        asked[f"{kind}_zh"] = [(zh, describe(scene)) for scene, _, zh in rows]
    table, figures = Table("asked for", "T5 alone", "clip chooses"), dict[str, float]()
    for name, pairs in track(asked.items(), "telling", console=Console(stderr=True)):
        wrong: list[tuple[str, str, str]] = []
        alone, started = right(studio, pairs, False), time.perf_counter()
        figures[f"{name}_alone"], figures[name] = alone, right(studio, pairs, True, wrong)
        figures[f"{name}_ms"] = (time.perf_counter() - started) / len(pairs) * 1000
        table.add_row(name, f"{alone:.3f}", f"{figures[name]:.3f}")
        for prompt, one, meant in wrong[: arguments.wrong]:
            console.print(f"  {prompt} | {one} | {meant}")
    console.print(table)
    for threshold in THRESHOLDS if arguments.sure else ():
        teller.SURE = threshold
        shares = [f"{right(studio, pairs, True):.3f}" for pairs in asked.values()]
        console.print(f"sure at {threshold}: {'  '.join(shares)}")
    if arguments.json:
        write_figures(arguments.json, "python -m bench.telling", figures)


if __name__ == "__main__":
    main()
