"""How much of a picture is described right: scenes that mini painted by fixed seeds, one thing each, in places, on
plain grounds and in colours. What was asked for is the truth: the painter's faults count as the describer's.

everyday words: the lists that a clip of the field is asked for; taught words: those that mini's clip was taught, things
by clip alone; and its reader: as `flashpaint describe` does it, things by the reader. The judge that ships with mini is
that reader: its own first guess is the last row.

python -m bench.describing --json describing.json
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint import PaintRequest, Studio
from flashpaint.bench.report import machine, write_figures
from flashpaint.composition.hues import coloured
from flashpaint.composition.wording import with_article
from flashpaint.see.seer import Seer, Taught
from flashpaint.tasks.describe import Phrase, seen
from training.world import THINGS

ALIKE = {"underwater": "under the sea", "at the sea": "on the sea"}  # everyday words for taught ones
ALIKE |= {"in the meadow": "in a meadow", "in the living room": "in a living room"}
NO_TIMES = ("in space", "under the sea", "in a living room")


@dataclass(frozen=True)
class Asked:
    """One scene; "" for what it does not say."""

    kind: str
    thing: str
    place: str = ""
    time: str = ""
    colour: str = ""

    @property
    def text(self) -> str:
        noun = coloured(str(Phrase("", self.thing, "", "", "")), self.colour or None)
        return " ".join(filter(None, (noun, self.place, self.time)))


def scenes(words: Mapping[str, Sequence[str]], number: int, seed: int) -> list[Asked]:
    """So many of each kind, by lot."""
    lot, found = random.Random(seed), list[Asked]()
    tinted = [thing.en[0] for thing in THINGS if thing.tint and thing.en[0] in words["things"]]
    grounds = ["", *(f"on {with_article(colour)} background" for colour in words["ground"])]
    for _ in range(number):
        place = lot.choice(words["place"])
        when = "" if place in NO_TIMES else lot.choice(words["time"])
        found.append(Asked("in a place", lot.choice(words["things"]), place, when))
        found.append(Asked("on a plain ground", lot.choice(words["things"]), lot.choice(grounds)))
        where = lot.choice(["", lot.choice(words["place"])])
        found.append(Asked("in a colour", lot.choice(tinted), where, colour=lot.choice(words["tints"])))
    return found


class Untaught:
    """The seer, as one that does not know its words."""

    def __init__(self, seer: Seer) -> None:
        self.seer, self.name, self.dim = seer, seer.name, seer.dim
        self.see_text, self.see_images, self.notes_on = seer.see_text, seer.see_images, seer.notes_on


class Alone(Untaught):
    """The seer, its things by the cosines of its clip."""

    def __init__(self, seer: Taught) -> None:
        super().__init__(seer)
        self.taught = seer.taught
        self.things = seer.see_text([str(Phrase("", thing, "", "", "")) for thing in seer.taught["things"]])

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        return np.exp((self.see_images(images) @ self.things.T - 1) / 0.2).astype(np.float32)


def right(phrase: Phrase, asked: Asked) -> dict[str, bool]:
    place, time = phrase.place.strip(), phrase.time.strip()
    thing, place = phrase.thing == asked.thing, ALIKE.get(place, place) == asked.place
    named = {"thing": thing, "place": place, "both": thing and place, "time": time == asked.time}
    return {**named, "colour": phrase.colour.strip() == asked.colour} if asked.colour else named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=60, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    studio = Studio.open(threads=given.threads)
    seer: Taught = studio.seer  # type: ignore[assignment]
    asked = scenes(seer.taught, given.scenes, given.seed)
    made = studio.paint_many([PaintRequest(one.text, seed=k) for k, one in enumerate(asked)])
    pictures = [painting.picture for painting in made]
    names = ("thing", "place", "both", "time", "colour")
    table = Table("words", "pictures", *names, "s each", title="python -m bench.describing")
    figures = dict[str, float]()
    eyes: dict[str, Seer] = {"everyday": Untaught(seer), "taught": Alone(seer), "taught, and its reader": seer}
    for way, one in eyes.items():
        looking = Studio(one, studio.teller, studio.painter)
        seen(looking, pictures[0])  # what is seen once a studio
        started = time.perf_counter()
        found = [right(seen(looking, picture)[0], scene) for picture, scene in zip(pictures, asked, strict=True)]
        each = (time.perf_counter() - started) / len(pictures)
        for kind in dict.fromkeys(scene.kind for scene in asked):
            rows = [row for row, scene in zip(found, asked, strict=True) if scene.kind == kind]
            shares = {name: statistics.mean(row[name] for row in rows) for name in names if name in rows[0]}
            figures |= {f"{way} {kind} {name}".replace(" ", "_"): share for name, share in shares.items()}
            cells = [f"{shares[name]:.3f}" if name in shares else "" for name in names]
            table.add_row(way, kind, *cells, f"{each:.2f}")
    firsts = [seer.taught["things"][int(seer.likely_things([picture])[0].argmax())] for picture in pictures]
    for kind in dict.fromkeys(scene.kind for scene in asked):
        share = statistics.mean(
            first == scene.thing for first, scene in zip(firsts, asked, strict=True) if scene.kind == kind
        )
        table.add_row("the reader's first guess", kind, f"{share:.3f}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{given.scenes} pictures a row; machine: {machine()}")
    if given.json:
        write_figures(given.json, "python -m bench.describing", figures, scenes=given.scenes)


if __name__ == "__main__":
    main()
