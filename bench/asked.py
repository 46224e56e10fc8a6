"""How well mini is told what people ask for: held-out scenes, asked for in English as the grammar says them, and with
one and two slips of the fingers, each with and without the mending of slips.

A slip is of a word of three letters and more, by lot: two neighbours swapped, a letter dropped, doubled, or missed for
one beside it on the keyboard; two slips are in two words, where there are two. single, place, pair: the share of scenes
whose description, as it would be painted, names the things of the canonical one and its place or relation; colours,
grounds, times and styles are left out. That measures what is told, not what is painted, and so is cheap.

python -m bench.asked --json asked.json
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from flashpaint import PaintRequest, Studio, Told
from flashpaint.bench.report import write_figures
from training.grammar import describe
from training.trials import held_out_prompts
from training.world import COLOURS, STYLES, TIMES, Scene

KINDS = ("single", "place", "pair")
SLIPS = (0, 1, 2)
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
WORD = re.compile("[A-Za-z]{3,}")
HUES = "|".join(name for colour in COLOURS for name in colour.en)
TOLD = r"to|above|below|under|and|in|on|at|by|among"  # what follows a thing, and is none
TURNED = {" to right of ": " to left of ", " below ": " above ", " under ": " above "}


@dataclass(frozen=True)
class Ask:
    """slipped: (as meant, as typed), a slip each."""

    scene: Scene
    prompt: str
    slipped: tuple[tuple[str, str], ...]


# ---- slips


def beside(letter: str) -> str:
    """The letters whose keys touch this one's."""
    at, row = next((k.index(letter), n) for n, k in enumerate(ROWS) if letter in k)
    near = [(at - 1, row), (at + 1, row), (at, row - 1), (at + 1, row - 1), (at - 1, row + 1), (at, row + 1)]
    return "".join(ROWS[y][x] for x, y in near if 0 <= y < len(ROWS) and 0 <= x < len(ROWS[y]))


def swapped(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def dropped(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + word[at + 1 :]


def doubled(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[: at + 1] + word[at:]


def missed(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + rng.choice(beside(word[at].lower())) + word[at + 1 :]


KINDS_OF_SLIPS: tuple[Callable[[str, random.Random], str], ...] = (swapped, dropped, doubled, missed)


def slipped(word: str, rng: random.Random) -> str:
    """Another word, by one slip."""
    while (typed := rng.choice(KINDS_OF_SLIPS)(word, rng)) == word:
        pass
    return typed


def ask(scene: Scene, prompt: str, slips: int, rng: random.Random) -> Ask:
    found = list(WORD.finditer(prompt))
    chosen = sorted(rng.sample(range(len(found)), min(slips, len(found))), reverse=True)
    pairs = []
    for k in chosen:
        typed = slipped(found[k][0], rng)
        pairs.append((found[k][0], typed))
        prompt = prompt[: found[k].start()] + typed + prompt[found[k].end() :]
    return Ask(scene, prompt, tuple(pairs))


def asks(kind: str, number: int, slips: int) -> list[Ask]:
    """Always the same ones."""
    rng = random.Random(f"asked {kind} {slips}")
    return [ask(scene, en, slips, rng) for scene, en, _ in held_out_prompts(kind, number, "asked")]


# ---- what is told


def meant(scene: Scene) -> str:
    items = tuple(replace(item, tint=None) for item in scene.items)
    return gist(describe(replace(scene, items=items, time=0, ground=None, style=0)), scene)


def gist(description: str, scene: Scene) -> str:
    """Its things and its place alone, or their relation from the side that the canonical description takes."""
    text = description
    for name in (name for style in STYLES for name in style.en):
        text = text.removesuffix(f", {name}")
    text = re.sub(rf" on an? (?:{HUES}) background$", "", text)
    for name in (name for time in TIMES for name in time.en if name):
        text = text.removesuffix(f" {name}")
    text = re.sub(rf"\b(an?|two|three) (?:{HUES}) (?!(?:{TOLD})\b)", r"\1 ", text)
    text = re.sub(r"\b(?:an?|the) ", "", text)
    for link, turned in TURNED.items() if scene.relation else ():
        one, found, other = text.partition(link)
        text = f"{other}{turned}{one}" if found else text
    return text.replace(" on ", " above ") if scene.relation else text


def told(studio: Studio, prompt: str) -> str:
    """The description that would be painted."""
    events = studio.stream(PaintRequest(prompt, seed=1), previews=False)
    try:
        return next(event.description for event in events if isinstance(event, Told))
    finally:
        events.close()


def share(studio: Studio, asked: Sequence[Ask]) -> float:
    return statistics.fmean(
        gist(told(studio, one.prompt), one.scene) == meant(one.scene) for one in track(asked, transient=True)
    )


def read(studio: Studio, asked: Sequence[Ask]) -> tuple[float, float]:
    """The shares of slips that are read as meant, and as something else."""
    pairs = [pair for one in asked for pair in one.slipped]
    found = [(word, typed, studio.mended(typed).text) for word, typed in pairs]
    right = statistics.fmean(text == word for word, _, text in found)
    return right, statistics.fmean(text not in (word, typed) for word, typed, text in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=300, help="of each kind")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    mending = Studio.open()
    plain = Studio(mending.seer, mending.teller, mending.painter)
    command = f"python -m bench.asked --scenes {options.scenes}"
    table = Table("asked", "slips", "as typed", "mended", title=command)
    figures = dict[str, float]()
    for kind in KINDS:
        for slips in SLIPS:
            asked = asks(kind, options.scenes, slips)
            without, with_it = share(plain, asked), share(mending, asked)
            table.add_row(kind, str(slips), f"{without:.3f}", f"{with_it:.3f}")
            figures |= {f"{kind}_{slips}_as_typed": without, f"{kind}_{slips}_mended": with_it}
    slips = [one for kind in KINDS for one in asks(kind, options.scenes, 2)]
    figures["read_as_meant"], figures["read_otherwise"] = read(mending, slips)
    console = Console(highlight=False, file=sys.stdout)
    console.print(table)
    console.print(
        f"of the slips read as meant {figures['read_as_meant']:.3f}, as another {figures['read_otherwise']:.3f}"
    )
    if options.json:
        write_figures(options.json, command, figures)


if __name__ == "__main__":
    main()
