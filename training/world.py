"""What there is, and what a scene is: the vocabulary's tables, scenes as ground truth, and how they are drawn by lot.

Words are in vocabulary.toml, sentences in grammar.py. Knows nothing of pixels beyond boxes in 0..1.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from dataclasses import dataclass
from pathlib import Path


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
    hands: bool = False
    hollow: bool = False
    also: tuple[str, ...] = ()


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


TABLES = tomllib.loads((Path(__file__).parent / "vocabulary.toml").read_text())
THINGS = [Thing(**row) for row in TABLES["thing"]]
PLACES = [Place(**row) for row in TABLES["place"]]
TIMES = [Word(**row) for row in TABLES["time"]]
COLOURS = [Word(**row) for row in TABLES["colour"]]
STYLES = [Word(**row) for row in TABLES["style"]]
WEATHERS = [Word(**row) for row in TABLES["weather"]]
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
    """The ground truth of one picture. `relation` holds between items[0] and items[1]: one of RELATIONS, or none."""

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


# with how often each is drawn by lot
RELATIONS = {"left": 0.36, "above": 0.18, "on": 0.12, "inside": 0.08, "holding": 0.08, "and": 0.18}
WHO = {"inside": "hollow", "holding": "hands"}  # not anything can hold another in it, or in its hands
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
        if under_the_sky(place):
            weather = rng.choices(range(len(WEATHERS)), [w.share for w in WEATHERS])[0]
        ground = None
    else:
        place, time, ground = None, 0, rng.randrange(len(COLOURS)) if rng.random() < 0.4 else None
    number = {"single": 1, "place": 1, "landscape": 0, "count": rng.choice([2, 2, 3])}.get(kind, 2)
    things = rng.sample(range(len(THINGS)), number)
    relation = rng.choices(list(RELATIONS), list(RELATIONS.values()))[0] if kind.startswith("pair") else None
    if relation in WHO:
        one = rng.choice([i for i, thing in enumerate(THINGS) if getattr(thing, WHO[relation])])
        things[relation == "inside"] = one
        while things[0] == things[1]:
            things[relation == "holding"] = rng.randrange(len(THINGS))
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
    """Where each thing goes: in a row, one above the other, or as they touch; feet on the ground where there is one."""
    n = len(things)
    size = rng.uniform(
        *{0: (0, 0), 1: (0.64, 0.76) if ground is None else (0.52, 0.62), 2: (0.40, 0.46), 3: (0.28, 0.31)}[n]
    )
    touching = n == 2 and relation in TOUCHING
    spots = TOUCHING[relation](rng, ground == "stand") if touching and relation else []
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
        at = spots[k] if touching else (cx + jitter_x, cy + jitter_y, size)
        items.append(Item(thing, *at, tint))
    if n > 1 and things[0] == things[1]:
        items = [Item(i.thing, i.cx, i.cy, i.size, None) for i in items]
    return tuple(items)


Spots = list[tuple[float, float, float]]  # (centre x, centre y, size) of the first thing and of the second


def resting(rng: random.Random, stands: bool) -> Spots:
    """The first stands on the second."""
    small, large, x = rng.uniform(0.30, 0.36), rng.uniform(0.42, 0.48), rng.uniform(0.44, 0.56)
    foot = rng.uniform(0.86, 0.90) if stands else rng.uniform(0.90, 0.94)
    return [(x + rng.uniform(-0.05, 0.05), foot - large - small / 2 + 0.05, small), (x, foot - large / 2, large)]


def within(rng: random.Random, stands: bool) -> Spots:
    """The first is in the second, in front of its middle."""
    large, x = rng.uniform(0.60, 0.68), rng.uniform(0.46, 0.54)
    small, y = 0.6 * large, (0.88 - large / 2) if stands else rng.uniform(0.5, 0.54)
    return [(x + rng.uniform(-0.03, 0.03), y + rng.uniform(-0.04, 0.02), small), (x, y, large)]


def carrying(rng: random.Random, stands: bool) -> Spots:
    """The second is before the right side of the first, at the height of its hands."""
    large, x = rng.uniform(0.56, 0.64), rng.uniform(0.40, 0.46)
    small, y = 0.45 * large, (0.88 - large / 2) if stands else rng.uniform(0.48, 0.54)
    return [(x, y, large), (x + 0.4 * large, y + large * rng.uniform(-0.05, 0.15), small)]


TOUCHING = {"on": resting, "inside": within, "holding": carrying}
