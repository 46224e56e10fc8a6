"""Is a thing seen in the colour that was asked for? Every thing that mini's vocabulary has in colours, in each of the
seven, in English and in Chinese: painted as it is by default, turned to its colour apart, and all at once.

asked: the share of prompts whose colour reaches the plan; colour: the share of pictures whose middle shows it, by the
pixels; thing: of those in which the judge sees the thing among its first five guesses; both: of those with both.

python -m bench.colours --json colours.json --sheet docs/colours.webp
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint import Painting, PaintRequest, Studio
from flashpaint.bench.colour import colour_seen
from flashpaint.bench.judge import Judge
from flashpaint.bench.report import machine, write_figures
from flashpaint.composition.tint import TINTS
from flashpaint.models.folder import ModelFolder
from flashpaint.sheet import contact_sheet
from training.grammar import english_noun
from training.world import THINGS, Item
from training.world import TINTS as WORDS

THUMB = 72  # pixels of a picture on the sheet: there are many


@dataclass(frozen=True)
class Ask:
    """thing: its number among the judge's; colour: one of TINTS."""

    thing: int
    colour: str
    en: str
    zh: str


@dataclass(frozen=True)
class Seen:
    asked: bool
    colour: bool
    thing: bool


def asks(known: Sequence[str]) -> list[Ask]:
    """known: the things that the model has learned; the vocabulary may be ahead of it."""
    found = []
    for k, thing in enumerate(THINGS):
        for tint, word in enumerate(WORDS if thing.tint and thing.en[0] in known else ()):
            english = english_noun(Item(k, 0.5, 0.5, 0.7, tint))
            chinese = f"一{thing.measure}{word.zh[0]}的{thing.zh[0]}"
            found.append(Ask(known.index(thing.en[0]), word.en[0], english, chinese))
    return found


def painted(studio: Studio, wanted: Sequence[Ask], language: str, compose: bool) -> list[Painting]:
    requests = [PaintRequest(getattr(ask, language), seed=k, compose=compose) for k, ask in enumerate(wanted)]
    return studio.paint_many(requests)


def looked_at(judge: Judge, wanted: Sequence[Ask], made: Sequence[Painting]) -> list[Seen]:
    pictures = [painting.picture for painting in made]
    return [
        Seen(painting.used.get("drafts") == "1", colour_seen(painting.picture, ask.colour), ask.thing in verdict.top(5))
        for ask, painting, verdict in zip(wanted, made, judge.verdicts(pictures), strict=True)
    ]


def shares(seen: Sequence[Seen]) -> dict[str, float]:
    return {
        "asked": statistics.mean(one.asked for one in seen),
        "colour": statistics.mean(one.colour for one in seen),
        "thing": statistics.mean(one.thing for one in seen),
        "both": statistics.mean(one.colour and one.thing for one in seen),
    }


def sheet(wanted: Sequence[Ask], made: Sequence[Painting]) -> Image.Image:
    """A row a colour, small."""
    rows = sorted(zip(wanted, made, strict=True), key=lambda row: list(TINTS).index(row[0].colour))
    columns = len(rows) // len(TINTS)
    found = Image.new("RGB", (columns * THUMB, len(TINTS) * THUMB))
    for k, (_, painting) in enumerate(rows):
        small = painting.picture.resize((THUMB, THUMB), Image.Resampling.LANCZOS)
        found.paste(small, (k % columns * THUMB, k // columns * THUMB))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--sheet", type=Path, help="a picture of all English prompts as painted by default")
    parser.add_argument("--missed", type=Path, help="a contact sheet of the pictures without the colour")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    studio, judge = Studio.open(threads=given.threads), Judge(ModelFolder.open("mini"), given.threads)
    wanted, figures, missed = asks(judge._facts["things"]), dict[str, float](), list[tuple[Image.Image, str, str]]()
    table = Table("", "asked", "colour", "thing", "both", title="python -m bench.colours")
    for language in ("en", "zh"):
        for way, compose in (("apart", True), ("at once", False)):
            made = painted(studio, wanted, language, compose)
            seen = looked_at(judge, wanted, made)
            found = shares(seen)
            figures |= {f"{language}_{way.replace(' ', '_')}_{name}": value for name, value in found.items()}
            table.add_row(f"{language}, {way}", *(f"{value:.3f}" for value in found.values()))
            if compose:
                missed += [
                    (painting.picture, ask.en, painting.description)
                    for ask, painting, one in zip(wanted, made, seen, strict=True)
                    if not one.colour
                ]
            if given.sheet and compose and language == "en":
                sheet(wanted, made).save(given.sheet, quality=80)
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{len(wanted)} prompts a row; machine: {machine()}")
    if given.json:
        write_figures(given.json, "python -m bench.colours", figures, prompts=len(wanted))
    if given.missed:
        contact_sheet(missed, 8).save(given.missed)


if __name__ == "__main__":
    main()
