"""Driving scenes: what stands on a road, in metres, seen by a camera; and sweeps over roads, weathers and times.

One layout keeps its boxes, seeds and drafts under all conditions, and its backgrounds are painted from one another: so
that a sweep costs a fraction of as many scenes of their own.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal

from PIL import Image
from pydantic import Field, field_validator

from flashpaint.composition.layout import Box
from flashpaint.composition.scene import Background, Scene, Strict, Thing, Words, meant, plain_yaml, validated
from flashpaint.composition.wording import ground_words
from flashpaint.errors import OutOfRange
from flashpaint.paint.orders import painted_steps
from flashpaint.paint.painter import WarmPainter
from flashpaint.request import PaintRequest, Source
from flashpaint.studio import Studio
from flashpaint.tasks.compose import Composed, compose_many

MOST = 10_000  # pictures of a sweep
LANE_M, VERGE_M = 3.5, 1.5  # widths of a lane, and from the outer lane's edge to what stands at the roadside
FOCAL, HORIZON = 1.2, 0.56  # of the camera, in heights of the picture; the share of it that is above the horizon
SMALLEST = 0.06  # side of a box that is still painted
WARM = 0.75  # strength with which a background is painted from that of another condition
METRES = {  # width and height as a driver sees them
    "car": (2.2, 1.6),
    "bus": (2.9, 3.0),
    "truck": (2.8, 2.8),
    "fire truck": (2.9, 2.9),
    "tractor": (2.4, 2.6),
    "bicycle": (1.5, 1.5),
    "train": (3.0, 3.2),
}
UPRIGHT = (1.4, 1.7)  # of whatever else stands there
TALL = {"tree": (3.0, 4.0), "pine tree": (3.0, 4.0), "palm tree": (3.0, 4.5), "house": (5.0, 5.0)}
ROADSIDE = ("cat", "dog", "horse", "cow", "sheep", "elephant", "camel", "robot", "snowman", "tree", "pine tree")
MINI = {  # what mini was shown; others paint any words
    "road": ("road", "city", "desert", "forest", "meadow", "beach", "snowy mountains"),
    "weather": ("clear",),
    "time": ("day", "sunset", "night"),
    "vehicles": tuple(METRES),
    "pedestrians": (*ROADSIDE, "palm tree", "house"),
    "signs": (),
    "lights": (),
}


class Vehicle(Strict):
    """lane: 1 is the leftmost; distance: metres before the camera."""

    kind: Words = "car"
    lane: Annotated[int, Field(ge=1, le=8)]
    distance: Annotated[float, Field(ge=2, le=200)]
    colour: Words | None = None


class Beside(Strict):
    """What stands at the roadside."""

    kind: Words
    side: Literal["left", "right"] = "right"
    distance: Annotated[float, Field(ge=2, le=200)]
    colour: Words | None = None


Several = Annotated[tuple[Words, ...], Field(min_length=1, max_length=64)]


class Sweep(Strict):
    """Every road under every weather and time, from every camera height (metres), with the vehicles given, or with as
    many layouts of 1 to 4 vehicles of these kinds drawn by lot."""

    road: Several = ("road",)
    weather: Several = ("clear",)
    time: Several = ("day",)
    camera_height: Annotated[tuple[Annotated[float, Field(ge=0.5, le=6)], ...], Field(min_length=1, max_length=16)] = (
        1.5,
    )
    lanes: Annotated[int, Field(ge=1, le=8)] = 2
    vehicles: Annotated[tuple[Vehicle, ...], Field(max_length=24)] = ()
    pedestrians: Annotated[tuple[Beside, ...], Field(max_length=24)] = ()
    signs: Annotated[tuple[Beside, ...], Field(max_length=24)] = ()
    lights: Annotated[tuple[Beside, ...], Field(max_length=24)] = ()
    layouts: Annotated[int, Field(ge=0, le=MOST)] = 0
    kinds: Several = ("car", "bus", "truck")
    style: Words | None = None
    seed: Annotated[int, Field(ge=0, le=2**40)] = 0

    @field_validator("road", "weather", "time", "camera_height", "kinds", mode="before")
    @classmethod
    def one_or_several(cls, given: Any) -> Any:
        return given if isinstance(given, list | tuple) else (given,)


@dataclass(frozen=True)
class Drive:
    """One picture of a sweep. layout: those of one layout share all but their background; first: the background of its
    road that the others are painted from; name: of its files."""

    layout: int
    road: str
    weather: str
    time: str
    camera_height: float
    scene: Scene
    first: Background

    @property
    def name(self) -> str:
        asked = f"{self.layout}-{self.road}-{self.weather}-{self.time}-{self.camera_height:g}"
        return f"{self.layout:05d}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def read_sweep(text: str) -> Sweep:
    """Of YAML or JSON text. Raises OutOfRange, which names what is wrong and the nearest valid key."""
    sweep: Sweep = validated(Sweep, plain_yaml(text), "sweep")
    return sweep


def check(sweep: Sweep, painter: str) -> None:
    """Raise OutOfRange where the painter was never shown what the sweep asks for."""
    if painter != "mini":
        return
    asked = {name: getattr(sweep, name) for name in ("road", "weather", "time")}
    asked["vehicles"] = [vehicle.kind for vehicle in sweep.vehicles] + (list(sweep.kinds) if sweep.layouts else [])
    asked |= {name: [one.kind for one in getattr(sweep, name)] for name in ("pedestrians", "signs", "lights")}
    for name, words in asked.items():
        for word in words:
            if word not in MINI[name]:
                known = list(MINI[name])
                told = meant(word, known) if known else ": leave them out"
                raise OutOfRange(f"{painter} paints no {name} {word!r}{told}; another --painter may", param=name)


def drives(sweep: Sweep) -> list[Drive]:
    """All pictures of the sweep, those of one layout together. Raises OutOfRange for too many, and for what no camera
    sees."""
    conditions = list(product(sweep.road, sweep.weather, sweep.time))
    number = max(1, sweep.layouts) * len(sweep.camera_height) * len(conditions)
    if number > MOST:
        raise OutOfRange(f"the sweep has {number} pictures: {MOST} are the most", param="sweep")
    found = []
    for drawn, height in product(range(max(1, sweep.layouts)), sweep.camera_height):
        vehicles = by_lot(sweep, drawn, height) if sweep.layouts else sweep.vehicles
        things = tuple(standing(sweep, vehicles, height))
        if not things:
            raise OutOfRange("the road is empty: give vehicles, or layouts to draw them by lot", param="vehicles")
        layout = drawn * len(sweep.camera_height) + sweep.camera_height.index(height)
        for road, weather, time in conditions:
            first = surroundings(road, sweep.weather[0], sweep.time[0])
            scene = Scene(
                background=surroundings(road, weather, time),
                things=things,
                style=sweep.style,
                seed=sweep.seed + 1000 * layout,
            )
            found.append(Drive(layout, road, weather, time, height, scene, first))
    return found


def surroundings(road: str, weather: str, time: str) -> Background:
    """What is as usual goes without saying."""
    return Background(place=road, weather=None if weather == "clear" else weather, time=None if time == "day" else time)


def by_lot(sweep: Sweep, drawn: int, height: float) -> tuple[Vehicle, ...]:
    """1 to 4 vehicles that the camera sees, no two of a lane within 6 m."""
    lot, found = random.Random(f"{sweep.seed} {drawn}"), list[Vehicle]()
    for _ in range(lot.randint(1, 4)):
        for _ in range(50):
            vehicle = Vehicle(
                kind=lot.choice(sweep.kinds), lane=lot.randint(1, sweep.lanes), distance=round(lot.uniform(6, 14), 1)
            )
            free = all(other.lane != vehicle.lane or abs(other.distance - vehicle.distance) >= 6 for other in found)
            if free and fits(vehicle_box(sweep, vehicle, height)):
                found.append(vehicle)
                break
    return tuple(found)


def standing(sweep: Sweep, vehicles: Sequence[Vehicle], height: float) -> Iterator[Thing]:
    """Everything in its box; what is nearer covers what is farther."""
    beside = [*sweep.pedestrians, *sweep.signs, *sweep.lights]
    placed: list[tuple[Vehicle | Beside, Box]] = [(v, vehicle_box(sweep, v, height)) for v in vehicles]
    placed += [(one, beside_box(sweep, one, height)) for one in beside]
    for k, (one, box) in enumerate(placed):
        if not fits(box):
            raise OutOfRange(
                f"the {one.kind} at {one.distance:g} m is outside the picture or too small to be painted: move it",
                param="vehicles",
            )
        yield Thing(name=one.kind, id=f"{one.kind} {k + 1}", colour=one.colour, box=box, depth=one.distance)


def vehicle_box(sweep: Sweep, vehicle: Vehicle, height: float) -> Box:
    if vehicle.lane > sweep.lanes:
        raise OutOfRange(f"lane {vehicle.lane} of {sweep.lanes}: there is none", param="lanes")
    across = (vehicle.lane - (sweep.lanes + 1) / 2) * LANE_M
    return seen(METRES.get(vehicle.kind, UPRIGHT), across, vehicle.distance, height)


def beside_box(sweep: Sweep, one: Beside, height: float) -> Box:
    across = (sweep.lanes * LANE_M / 2 + VERGE_M) * (-1 if one.side == "left" else 1)
    return seen(TALL.get(one.kind, METRES.get(one.kind, UPRIGHT)), across, one.distance, height)


def seen(metres: tuple[float, float], across: float, distance: float, height: float) -> Box:
    """The pinhole camera: what is `across` metres right of it, `distance` before it, and stands on the ground."""
    scale = FOCAL / distance
    middle, foot = 0.5 + scale * across, HORIZON + scale * height
    return (
        round(middle - scale * metres[0] / 2, 6),
        round(foot - scale * metres[1], 6),
        round(middle + scale * metres[0] / 2, 6),
        round(foot, 6),
    )


def fits(box: Box) -> bool:
    """Whether it is large enough, and inside the picture."""
    left, top, right, bottom = box
    return min(left, top) >= 0 and max(right, bottom) <= 1 and min(right - left, bottom - top) >= SMALLEST


def painted(studio: Studio, sought: Sequence[Drive], warm: bool = True, **asked: Any) -> list[Composed]:
    """The pictures of one layout; warm: their backgrounds from the first of their road. A picture is the same whichever
    others are painted with it."""
    scenes = [drive.scene for drive in sought]
    grounds, rows = dict[str, Image.Image](), 0
    if warm and isinstance(studio.painter, WarmPainter):
        grounds, rows = warm_grounds(studio, sought, **asked)
    found = compose_many(studio, scenes, grounds=grounds, **asked)
    return [found[0].shared(rows), *found[1:]]


def warm_grounds(studio: Studio, sought: Sequence[Drive], **asked: Any) -> tuple[dict[str, Image.Image], int]:
    """Backgrounds by their words, and the steps that they took: the first of each road from noise, others over it."""
    style, seed = sought[0].scene.style, sought[0].scene.seed
    pairs = {ground_words(d.scene.background, style): ground_words(d.first, style) for d in sought}
    told = studio.told([*pairs, *pairs.values()])

    def requests(words: Sequence[str], under: Sequence[Image.Image | None]) -> list[PaintRequest]:
        sources = [None if picture is None else Source(picture, None, WARM) for picture in under]
        return [
            PaintRequest(told[text], seed=seed, describe=False, compose=False, reuse="off", source=source, **asked)
            for text, source in zip(words, sources, strict=True)
        ]

    firsts = list(dict.fromkeys(pairs.values()))
    rest = [words for words in pairs if words not in firsts]
    cold = studio.paint_many(requests(firsts, [None] * len(firsts)))
    pictures = {words: painting.picture for words, painting in zip(firsts, cold, strict=True)}
    over = studio.paint_many(requests(rest, [pictures[pairs[words]] for words in rest]))
    pictures |= {words: painting.picture for words, painting in zip(rest, over, strict=True)}
    rows = sum(p.steps for p in cold) + sum(painted_steps(p.steps, WARM) for p in over)
    return {told[words]: picture for words, picture in pictures.items()}, rows
