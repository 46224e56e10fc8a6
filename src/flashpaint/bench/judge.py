"""mini's judge: an independent reader of pictures, which shares no weights with the clip that steers them.

Its graph ships with mini, and so do the names of its classes and fixed prompts of held-out scenes whose truth is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.folder import ModelFolder
from flashpaint.models.reader import FACTS, Reader, softmax

WHOLE = ("place", "time", "ground", "style", "weather")  # weather: of a judge that learned it


@dataclass(frozen=True)
class Verdict:
    """What the judge says of one picture.

    things (classes,): the likelihood of each thing anywhere; where (classes, 2): its centre (x, y) in 0..1; tint
    (classes,): the tint read at each thing; whole: the likelihoods (classes,) of place, time, ground, style and
    weather.
    """

    things: NDArray[np.float32]
    where: NDArray[np.float32]
    tint: NDArray[np.int64]
    whole: Mapping[str, NDArray[np.float32]]

    @property
    def place(self) -> int:
        return int(self.whole["place"].argmax())

    @property
    def time(self) -> int:
        return int(self.whole["time"].argmax())

    @property
    def ground(self) -> int:
        return int(self.whole["ground"].argmax())

    @property
    def style(self) -> int:
        return int(self.whole["style"].argmax())

    def top(self, k: int) -> list[int]:
        """The k likeliest things, likeliest first."""
        return [int(thing) for thing in np.argsort(-self.things, kind="stable")[:k]]


@dataclass(frozen=True)
class Trial:
    """A prompt in both languages, its canonical description, and what its picture must show: numbers of the judge's
    classes, None for what was not asked."""

    kind: str
    en: str
    zh: str
    things: tuple[int, ...]
    relation: str | None
    place: int | None
    description: str = ""
    time: int | None = None
    ground: int | None = None
    style: int | None = None
    weather: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Trial:
        return cls(**{**row, "things": tuple(row["things"])})

    def score(self, verdict: Verdict) -> float:
        """How likely the judge holds what was asked for, 0 to 1: the mean over things, relation and the whole."""
        found = [float(verdict.things[thing]) for thing in self.things]
        if self.relation not in (None, "and"):
            found.append(float(relation_holds(verdict, self.things, self.relation)))
        for name in WHOLE:
            if (asked := getattr(self, name)) is not None and name in verdict.whole:
                found.append(float(verdict.whole[name][asked]))
        return sum(found) / len(found)

    def met(self, verdict: Verdict) -> bool:
        """single: among five guesses; place: among three, and the place; pair: both, and their relation."""
        if self.kind == "single":
            return self.things[0] in verdict.top(5)
        if self.relation is not None:
            return relation_holds(verdict, self.things, self.relation)
        return all_present(verdict, self.things) and verdict.place == self.place


def both_languages(trials: Sequence[Trial]) -> list[str]:
    """A prompt for each, English and Chinese by turns."""
    return [trial.zh if k % 2 else trial.en for k, trial in enumerate(trials)]


@dataclass(frozen=True)
class Family:
    """A scene, other ways to say it in both languages, and scenes that differ from it in one thing."""

    scene: Trial
    said: tuple[str, ...]
    edits: tuple[Trial, ...]


def all_present(verdict: Verdict, things: Sequence[int]) -> bool:
    """Whether all are among as many best guesses as two more than there are."""
    return set(things) <= set(verdict.top(len(set(things)) + 2))


def relation_holds(verdict: Verdict, things: Sequence[int], relation: str) -> bool:
    """Both present, and their centres as the relation has it, in eighths of the side: the first left of, above or on
    the second by one at least; inside it or holding it, no more than three away."""
    if not all_present(verdict, things):
        return False
    x, y = 8 * (verdict.where[things[1]] - verdict.where[things[0]])
    match relation:
        case "left":
            return bool(x > 1)
        case "above" | "on":
            return bool(y > 1)
        case "inside" | "holding":
            return bool(max(abs(x), abs(y)) <= 3)
        case _:
            return True


def verdicts_of(said: Mapping[str, NDArray[Any]]) -> list[Verdict]:
    """From the judge's logits: things and tints (n, classes, rows, columns), the last thing being nothing; the whole's
    (n, classes)."""
    maps = softmax(said["things"])[:, :-1]
    n, things, rows, columns = maps.shape
    weight = maps.reshape(n, things, -1) ** 2
    y, x = np.divmod(np.arange(rows * columns), columns)
    centres = np.stack([(x + 0.5) / columns, (y + 0.5) / rows], 1)
    where = weight @ centres / np.maximum(weight.sum(2, keepdims=True), 1e-9)
    cells = said["tints"].argmax(1).reshape(n, -1)
    tints = np.take_along_axis(cells, weight.argmax(2), 1)
    whole = {name: softmax(said[name]) for name in WHOLE if name in said}
    return [
        Verdict(maps[k].max((1, 2)), where[k], tints[k], {name: likely[k] for name, likely in whole.items()})
        for k in range(n)
    ]


class Judge:
    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        self._reader = Reader(folder, threads)
        self._facts = json.loads(folder.file(FACTS).read_text("utf-8"))

    @cached_property
    def trials(self) -> list[Trial]:
        """Held-out scenes, their kinds by turns."""
        return [Trial.of(row) for row in self._facts["trials"]]

    def families(self, series: str) -> list[Family]:
        """Held-out scenes for "calibrate" or "trace", their kinds by turns."""
        return [
            Family(Trial.of(row["scene"]), tuple(row["said"]), tuple(map(Trial.of, row["edits"])))
            for row in self._facts[series]
        ]

    def things(self, verdict: Verdict, k: int = 5) -> list[str]:
        """The names of the likeliest things."""
        return [self._facts["things"][thing] for thing in verdict.top(k)]

    def verdicts(self, pictures: Sequence[Image.Image], batch: int = 8) -> list[Verdict]:
        """One a picture; pictures of any size are read at 256x256."""
        parts = [pictures[k : k + batch] for k in range(0, len(pictures), batch)]
        return [verdict for part in parts for verdict in verdicts_of(self._reader.logits(part))]
