"""How well, and how fast, mini paints sizes other than its own 256x256.

Of each size the same held-out prompts of one thing in a place, painted one after another: seconds a picture, and
seconds of the processor, which others that use it change less; thing: of the pictures in which the judge sees the thing
among its first five guesses; place: of those whose place it names; both: of those with both. again: of those in which
it sees the thing, likelier than not, in a square beside or above it as well, where there is room for one. The judge
reads squares of 256x256: for a thing in what is no square, the one around its box; for the place, the whole, squeezed.
"in windows alone" is the same without drafts, where the thing stands once a window.

python -m bench.sizes --json sizes.json --sheet docs/sizes.webp
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint import Painting, PaintRequest, Studio
from flashpaint.bench.judge import Judge, Trial, Verdict
from flashpaint.bench.report import machine, write_figures
from flashpaint.composition.layout import layout
from flashpaint.composition.scene import scene_of
from flashpaint.models.folder import ModelFolder

SIZES = ((128, 128), (256, 256), (384, 256), (256, 384), (512, 256), (512, 512))
WIDE = (512, 256)  # what is painted in windows alone too
ROOM = 0.6  # of the shorter side, that a square beside the thing has at least: a thing repeated would show there
SHOWN, GAP = 6, 8  # prompts on the sheet, and pixels between its pictures

Size = tuple[int, int]
Square = tuple[int, int, int, int]


@dataclass(frozen=True)
class Row:
    """Pictures of one size, and the seconds that each took, by the clock and of the processor."""

    name: str
    size: Size
    made: Sequence[Painting]
    seconds: Sequence[float]
    processor: Sequence[float]


def thing_box(size: Size) -> Square:
    """Where the one thing of a scene in a place is laid."""
    placed = layout(scene_of({"background": {"place": "meadow"}, "things": [{"name": "cat"}]}), size)[0]
    left, top, right, bottom = (round(share * side) for share, side in zip(placed.box, 2 * size, strict=True))
    return left, top, right, bottom


def around_thing(size: Size) -> Square:
    """The square of the shorter side around it."""
    box, side = thing_box(size), min(size)
    x, y = (round(min(max((box[k] + box[k + 2] - side) / 2, 0), size[k] - side)) for k in (0, 1))
    return x, y, x + side, y + side


def beside_thing(size: Size) -> list[Square]:
    """Squares left and right of it, on the ground, or above it: as large as there is room for."""
    (width, height), (left, top, *_) = size, thing_box(size)
    if top >= ROOM * width:
        side = min(top, width)
        return [((width - side) // 2, top - side, (width + side) // 2, top)]
    ground = height - left
    return [(0, ground, left, height), (width - left, ground, width, height)] if left >= ROOM * height else []


def paint(studio: Studio, trials: Sequence[Trial], size: Size, compose: bool = True) -> Row:
    made, seconds, processor = list[Painting](), list[float](), list[float]()
    for k, trial in enumerate(trials):
        started, spent = time.perf_counter(), time.process_time()
        made.append(studio.paint(PaintRequest(trial.en, seed=k, width=size[0], height=size[1], compose=compose)))
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - spent)
    return Row(f"{size[0]}x{size[1]}{'' if compose else ', in windows alone'}", size, made, seconds, processor)


def judged(judge: Judge, trials: Sequence[Trial], row: Row) -> dict[str, float | None]:
    def read(square: Square) -> list[Verdict]:
        return judge.verdicts([painting.picture.crop(square) for painting in row.made])

    near, whole = read(around_thing(row.size)), read((0, 0, *row.size))
    seen = [
        (trial.things[0] in one.top(5), other.place == trial.place)
        for trial, one, other in zip(trials, near, whole, strict=True)
    ]
    beside = [read(square) for square in beside_thing(row.size)]
    again = [
        any(float(verdict.things[trial.things[0]]) > 0.5 for verdict in verdicts)
        for trial, verdicts in zip(trials, zip(*beside, strict=True), strict=bool(beside))
    ]
    return {
        "seconds": statistics.median(row.seconds),
        "processor": statistics.median(row.processor),
        "thing": statistics.mean(thing for thing, _ in seen),
        "place": statistics.mean(place for _, place in seen),
        "both": statistics.mean(map(all, seen)),
        "again": statistics.mean(again) if again else None,
    }


def sheet(rows: Sequence[Row]) -> Image.Image:
    """A line a prompt, each size at half its pixels."""
    widths = [row.size[0] // 2 for row in rows]
    high = max(row.size[1] // 2 for row in rows)
    found = Image.new("RGB", (sum(widths) + GAP * (len(rows) + 1), (high + GAP) * SHOWN + GAP), "white")
    for line in range(SHOWN):
        x = GAP
        for row, width in zip(rows, widths, strict=True):
            small = row.made[line * len(row.made) // SHOWN].picture.resize(
                (width, row.size[1] // 2), Image.Resampling.LANCZOS
            )
            found.paste(small, (x, GAP + line * (high + GAP) + (high - small.height) // 2))
            x += width + GAP
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--sheet", type=Path, help="a picture of some prompts in all sizes")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    studio, judge = Studio.open(threads=given.threads), Judge(ModelFolder.open("mini"), given.threads)
    trials = [trial for trial in judge.trials if trial.kind == "place" and trial.place is not None][: given.prompts]
    paint(studio, trials[:2], SIZES[-1])  # warm
    rows = [paint(studio, trials, size) for size in SIZES]
    alone = paint(studio, trials, WIDE, compose=False)
    figures = {row.name: judged(judge, trials, row) for row in [*rows, alone]}
    table = Table("", *next(iter(figures.values())), title="python -m bench.sizes")
    for name, found in figures.items():
        table.add_row(name, *("" if value is None else f"{value:.2f}" for value in found.values()))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(trials)} prompts a row; machine: {machine()}")
    if given.json:
        write_figures(given.json, "python -m bench.sizes", figures, prompts=len(trials))
    if given.sheet:
        sheet(rows).save(given.sheet, quality=80)


if __name__ == "__main__":
    main()
