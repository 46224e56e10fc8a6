"""How often mini's teller says the one canonical description, letter for letter: held-out scenes, asked for in both
languages, as the grammar says them and inside words that add nothing ("around"): by the T5 alone (for which every
second Chinese phrasing is new), with clip choosing among its beams, and as it is used: what the prompt's own words say,
and the T5 for the rest. The words that are read were written down with these sentences at hand.

--sure also counts at other thresholds, below which the first telling is not enough (SURE in flashpaint.tell.mini).

python -m bench.telling --json telling.json
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

import flashpaint.tell.mini as teller
from flashpaint import Studio
from flashpaint.bench.report import write_figures
from flashpaint.tell.teller import Sight
from training.grammar import carried, describe
from training.trials import held_out_prompts

KINDS = ("single", "place", "pair")
THRESHOLDS = (-1.0, 0.8, 0.85, 0.9, 0.95, 2.0)
Asked = Sequence[tuple[str, str]]  # (prompt, canonical description)


WAYS: dict[str, Callable[[Sight], Sight]] = {
    "T5 alone": lambda sight: Sight(sight.z),
    "clip chooses": lambda sight: replace(sight, read=""),
    "as used": lambda sight: sight,
}


def told(studio: Studio, asked: Asked, way: str) -> list[str]:
    prompts = [prompt for prompt, _ in asked]
    sights = map(WAYS[way], studio.sights(studio.teller, prompts, studio.seen(prompts)))
    return [telling.description for telling in studio.teller.tell(prompts, list(sights))]


def right(studio: Studio, asked: Asked, way: str) -> float:
    """The share of prompts told letter for letter."""
    return sum(one == meant for one, (_, meant) in zip(told(studio, asked, way), asked, strict=True)) / len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.telling", description=__doc__)
    parser.add_argument("--scenes", type=int, default=300, help="of each kind")
    parser.add_argument("--sure", action="store_true", help="at other thresholds too")
    parser.add_argument("--wrong", type=int, default=0, help="show so many of the wrong ones of each row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    studio, console = Studio.open(), Console(highlight=False)
    asked, rng = dict[str, Asked](), random.Random(0)
    for kind in KINDS:
        rows = held_out_prompts(kind, arguments.scenes, "telling")
        for column, language in ((1, "en"), (2, "zh")):
            plain = [(row[column], describe(row[0])) for row in rows]
            asked[f"{kind}_{language}"] = plain
            asked[f"{kind}_{language}_around"] = [(carried(text, rng, language), meant) for text, meant in plain]
    table, figures = Table("asked for", *WAYS, "ms a prompt, as used"), dict[str, float]()
    for name, pairs in track(asked.items(), "telling", console=Console(stderr=True)):
        shares = {way: right(studio, pairs, way) for way in WAYS}
        started = time.perf_counter()
        final = told(studio, pairs, "as used")
        taken = (time.perf_counter() - started) / len(pairs) * 1000
        figures |= {name: shares["as used"], f"{name}_alone": shares["T5 alone"], f"{name}_ms": taken}
        table.add_row(name, *(f"{share:.3f}" for share in shares.values()), f"{taken:.1f}")
        wrong = [(prompt, one, meant) for one, (prompt, meant) in zip(final, pairs, strict=True) if one != meant]
        for prompt, one, meant in wrong[: arguments.wrong]:
            console.print(f"  {prompt} | {one} | {meant}")
    console.print(table)
    for threshold in THRESHOLDS if arguments.sure else ():
        teller.SURE = threshold
        shares = [f"{right(studio, pairs, 'clip chooses'):.3f}" for pairs in asked.values()]
        console.print(f"sure at {threshold}: {'  '.join(shares)}")
    if arguments.json:
        write_figures(arguments.json, "python -m bench.telling", figures)


if __name__ == "__main__":
    main()
