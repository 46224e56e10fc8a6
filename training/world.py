"""What there is, and what a scene is: the vocabulary's tables, scenes as ground truth, and how they are drawn by lot.

Words are in vocabulary.toml, and in wide.toml where FLASHPAINT_VOCABULARY=wide is set; sentences in grammar.py. Knows
nothing of pixels beyond boxes in 0..1.
"""

from __future__ import annotations

import hashlib
import os
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Thing:
    code: str
    en: list[str]
    zh: list[str]
    measure: str = "个"
    float: bool = False
    plural: bool = False
    unique: bool = False
    tint: bool = False


@dataclass(frozen=True)
class Place:
    key: str
    en: list[str]
    zh: list[str]
    terse: list[str]
    ground: str
    indoors: bool = False


@dataclass(frozen=True)
class Word:
    """A time of day, a weather, a colour or a style: what it is called; the rest where the kind has it."""

    en: list[str]
    zh: list[str]
    key: str = ""
    rgb: tuple[int, ...] = ()
    set: str = ""
    filter: str = ""
    share: float = 0.0


def tables(*files: str) -> dict[str, list[dict[str, Any]]]:
    """The files' tables by name, each file's rows after those of the files before it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        for name, rows in tomllib.loads((Path(__file__).parent / file).read_text()).items():
            found.setdefault(name, []).extend(rows)
    return found


WIDE = os.environ.get("FLASHPAINT_VOCABULARY") == "wide"
TABLES = tables("vocabulary.toml", *(["wide.toml"] if WIDE else []))
THINGS = [Thing(**row) for row in TABLES["thing"]]
PLACES = [Place(**row) for row in TABLES["place"]]
TIMES = [Word(**row) for row in TABLES["time"]]
COLOURS = [Word(**row) for row in TABLES["colour"]]
STYLES = [Word(**row) for row in TABLES["style"]]
WEATHERS = [Word(**row) for row in TABLES.get("weather", [{"en": [""], "zh": [""], "share": 1.0}])]
TINTS = COLOURS[:7]  # white, black and gray have no hue to turn a drawing to


@dataclass(frozen=True)
class Item:
    """One drawing in the picture: centre and size as fractions of the side."""

    thing: int
    cx: float
    cy: float
    size: float
    tint: int | None = None


@dataclass(frozen=True)
class Scene:
    """The ground truth of one picture. `relation` holds between items[0] and items[1]: left, above, and, or none."""

    items: tuple[Item, ...] = ()
    relation: str | None = None
    place: int | None = None
    time: int = 0
    ground: int | None = None
    style: int = 0
    weather: int = 0


def held_out(scene: Scene) -> bool:
    """Combinations that no model trains on: a fixed twentieth, by hash, of thing x place and of pairs."""
    names = [THINGS[item.thing].en[0] for item in scene.items]
    keys = [f"{name}|{PLACES[scene.place].key}" for name in names] if scene.place is not None else []
    if scene.relation:
        keys.append(f"{names[0]}|{scene.relation}|{names[1]}")
    return any(hashlib.sha256(key.encode()).digest()[0] < 13 for key in keys)


KINDS = {"single": 0.34, "place": 0.36, "pair": 0.14, "pair_place": 0.08, "count": 0.04, "landscape": 0.04}


def sample(rng: random.Random, kind: str | None = None, keep_held_out: bool = False) -> Scene:
    """Draw a scene; `kind` one of KINDS or by their shares. Held-out combinations only when asked for."""
    while True:
        scene = _draw(rng, kind or rng.choices(list(KINDS), list(KINDS.values()))[0])
        if keep_held_out or not held_out(scene):
            return scene


def _draw(rng: random.Random, kind: str) -> Scene:
    style = 0 if kind == "landscape" else rng.choices(range(len(STYLES)), [s.share for s in STYLES])[0]
    weather = 0
    if kind in ("place", "pair_place", "landscape"):
        place = rng.randrange(len(PLACES))
        time = rng.choices(range(len(TIMES)), [0.7, 0.12, 0.18])[0] if under_the_sky(place) else 0
        if WIDE and under_the_sky(place):
            weather = rng.choices(range(len(WEATHERS)), [w.share for w in WEATHERS])[0]
        ground = None
    else:
        place, time, ground = None, 0, rng.randrange(len(COLOURS)) if rng.random() < 0.4 else None
    number = {"single": 1, "place": 1, "landscape": 0, "count": rng.choice([2, 2, 3])}.get(kind, 2)
    things = rng.sample(range(len(THINGS)), number)
    relation = rng.choice(["left", "left", "above", "and"]) if kind.startswith("pair") else None
    if kind == "count":
        things = [rng.choice([i for i, t in enumerate(THINGS) if not t.plural and not t.unique])] * number
    if relation == "and":
        things.sort(key=lambda i: THINGS[i].en[0])
    items = arrange(rng, things, relation, None if place is None else PLACES[place].ground)
    return Scene(items, relation, place, time, ground, style, weather)


def under_the_sky(place: int) -> bool:
    """Where time of day and weather show."""
    return not PLACES[place].indoors and PLACES[place].key not in ("space", "underwater", "moon")


def arrange(rng: random.Random, things: list[int], relation: str | None, ground: str | None) -> tuple[Item, ...]:
    """Where each thing goes: in a row, or one above the other; feet on the ground where there is one."""
    n = len(things)
    size = rng.uniform(
        *{0: (0, 0), 1: (0.64, 0.76) if ground is None else (0.52, 0.62), 2: (0.40, 0.46), 3: (0.28, 0.31)}[n]
    )
    items = []
    for k, thing in enumerate(things):
        jitter_x, jitter_y = rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)
        cx, cy = (k + 0.5) / n if n else 0.5, 0.5
        if n == 2:
            cx = (0.27, 0.73)[k]
        if relation == "above":
            cx, cy = 0.5, (0.26, 0.74)[k]
        elif ground == "stand" and not THINGS[thing].float:
            cy = 0.88 - size / 2
        elif ground is not None:
            cy = 0.46
        tint = rng.randrange(len(TINTS)) if THINGS[thing].tint and rng.random() < 0.35 else None
        items.append(Item(thing, cx + jitter_x, cy + jitter_y, size, tint))
    if n > 1 and things[0] == things[1]:
        items = [Item(i.thing, i.cx, i.cy, i.size, None) for i in items]
    return tuple(items)
