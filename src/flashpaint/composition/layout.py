"""Relations become boxes: difference constraints on each axis (Cormen et al., Introduction to Algorithms, 24.4).

Sizes are tried from large to small; with sizes given, every relation is p[j] - p[i] >= gap between two corners, and a
cycle of positive length is a contradiction that its links name. The mean of the leftmost and the rightmost solution is
a solution too, and looks balanced. Knows scenes and numbers, no pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from flashpaint.composition.scene import SIZES, Scene, Thing, said
from flashpaint.errors import OutOfRange

Gap = NDArray[np.float64] | float  # (scales,), or one for all
Box = tuple[float, float, float, float]  # left, top, right, bottom, in shares of the picture
EDGE = "the picture's edge"
SCALES = 1.4 * 0.93 ** np.arange(52)  # of all sizes, tried from large to small
PREFERRED, ALIKE = 0.5, 0.7  # side of a medium thing, and that of each of several alike, as a share of it
PARTS = {"inside": 0.6, "holding": 0.45}  # the size of what is in or held by another, as a share of that
SUNK = 0.08  # of what carries a thing, the part that its feet cover
NOTHING = 1e-9
TURNED = {"right_of": "left_of", "below": "above", "in_front_of": "behind"}  # said from the other side


@dataclass(frozen=True)
class Placed:
    """One thing in its box. number: of the scene's thing; near: place in the order of painting, farthest first."""

    number: int
    box: Box
    near: int


@dataclass(frozen=True)
class Link:
    """On one axis (0: x, 1: y), corner of j minus corner of i is at least gap; -1 is the picture's. why: in words."""

    axis: int
    i: int
    j: int
    gap: Gap
    why: str


@dataclass(frozen=True)
class Relation:
    """one and other: numbers of things; kind: one of RELATIONS that is not in TURNED."""

    one: int
    kind: str
    other: int
    why: str


def layout(scene: Scene, size: tuple[int, int] = (1, 1)) -> list[Placed]:
    """A box for each thing, `count` times, farthest first, as large as the shorter side of a picture of this (width,
    height) allows. Raises OutOfRange: a contradiction, or no room."""
    things, related = scene.things, relations(scene)
    order = painting_order(scene, related)
    shape = (min(size) / size[0], min(size) / size[1])
    sizes = sizes_of(things, part_sizes(things, related), shape)
    far = distances(links(things, related, sizes), len(things))
    check(things, related, sizes)
    for j in range(len(things)):
        for i in range(j):
            if not any({relation.one, relation.other} == {i, j} for relation in related):
                far = apart(far, sizes, i, j)
    fits = fitting(far)
    if not fits.any():
        raise OutOfRange("the scene does not fit into the picture: leave out things", param="scene")
    scale = int(fits.argmax())
    least, most = far[scale, :, -1, :-1], -far[scale, :, :-1, -1]
    low = 0.8 if scene.background.place or scene.background.words else 0.5
    corners = least + np.array([[0.5], [low]]) * (most - least)
    boxes = np.concatenate([corners, corners + sizes[scale]]).T
    return counted(things, boxes, order)


def relations(scene: Scene) -> list[Relation]:
    number = {thing.called: k for k, thing in enumerate(scene.things)}
    found = []
    for k, thing in enumerate(scene.things):
        for kind, name in thing.relations():
            one, other = (number[name], k) if kind in TURNED else (k, number[name])
            found.append(Relation(one, TURNED.get(kind, kind), other, said(thing.called, kind, name)))
    return found


def painting_order(scene: Scene, related: Sequence[Relation]) -> list[int]:
    """Numbers of things, farthest first. Raises OutOfRange where depths and relations contradict each other."""
    before: dict[tuple[int, int], str] = {}
    for relation in related:
        if relation.kind in ("behind", "holding"):
            before[relation.one, relation.other] = relation.why
        elif relation.kind in ("inside", "on"):
            before[relation.other, relation.one] = relation.why
    for i, far in enumerate(scene.things):
        for j, near in enumerate(scene.things):
            if far.depth is not None and near.depth is not None and far.depth > near.depth:
                before.setdefault((i, j), f"{far.called} at depth {far.depth:g} and {near.called} at {near.depth:g}")
    sorter: TopologicalSorter[int] = TopologicalSorter({k: [] for k in range(len(scene.things))})
    for i, j in before:
        sorter.add(j, i)
    try:
        return list(sorter.static_order())
    except CycleError as cycle:
        members = cycle.args[1]
        raise contradiction([before[pair] for pair in pairwise(members)]) from cycle


def part_sizes(things: Sequence[Thing], related: Sequence[Relation]) -> list[float]:
    """Each thing's size as a share of a medium one's: what is in or held by another is smaller than that."""
    shares = [SIZES[thing.size] for thing in things]
    within = {r.one if r.kind == "inside" else r.other: r for r in related if r.kind in PARTS}
    for k in range(len(things)):
        at, seen = k, list[int]()
        while at in within and at not in seen:
            seen.append(at)
            relation = within[at]
            shares[k] *= PARTS[relation.kind]
            at = relation.other if relation.kind == "inside" else relation.one
        if at in seen:
            raise contradiction([within[number].why for number in seen[seen.index(at) :]])
    return shares


def check(things: Sequence[Thing], related: Sequence[Relation], sizes: NDArray[np.float64]) -> None:
    """Raise OutOfRange where the relations cannot hold even among the smallest things."""
    for axis in (0, 1):
        own = [link for link in links(things, related, sizes[-1:]) if link.axis == axis]
        if cycle := positive_cycle(len(things), own):
            raise contradiction(list(dict.fromkeys(link.why for link in cycle)))


def contradiction(whys: Sequence[str]) -> OutOfRange:
    both = "both" if len(whys) == 2 else "all"
    told = f"{whys[0]} cannot hold" if len(whys) == 1 else f"{', '.join(whys[:-1])} and {whys[-1]} cannot {both} hold"
    return OutOfRange(f"{told}: take one back", param="scene")


def sizes_of(things: Sequence[Thing], shares: Sequence[float], shape: tuple[float, float]) -> NDArray[np.float64]:
    """(scales, 2, things): widths and heights; of a box as given, of several alike with room for all. shape: the
    shorter side as a share of each."""
    found = np.empty((len(SCALES), 2, len(things)))
    for k, (thing, share) in enumerate(zip(things, shares, strict=True)):
        if thing.box is not None:
            found[:, :, k] = thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]
        else:
            part = PREFERRED * share * (1 if thing.count == 1 else ALIKE)
            found[:, :, k] = SCALES[:, None] * part * np.multiply(grid(thing.count), shape)
    return found


def grid(count: int) -> tuple[int, int]:
    """Columns and rows for so many alike."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def links(things: Sequence[Thing], related: Sequence[Relation], sizes: NDArray[np.float64]) -> list[Link]:
    """All that the boxes must meet."""
    found = [link for k, thing in enumerate(things) for link in walls(k, thing, sizes)]
    return found + [link for relation in related for link in meaning(relation, sizes)]


def walls(k: int, thing: Thing, sizes: NDArray[np.float64]) -> Iterator[Link]:
    """Inside the picture, or where its box is."""
    for axis in (0, 1):
        if thing.box is None:
            yield from between(axis, -1, k, 0, 1 - sizes[:, axis, k], EDGE)
        else:
            yield from between(axis, -1, k, thing.box[axis], thing.box[axis], f"the box of {thing.called}")


def meaning(relation: Relation, sizes: NDArray[np.float64]) -> Iterator[Link]:
    """What a relation says of the two corners."""
    i, j, why = relation.one, relation.other, relation.why
    wi, hi, wj, hj = *sizes[:, :, i].T, *sizes[:, :, j].T
    over = np.minimum(0, wj - wi), np.maximum(0, wj - wi)  # one's middle lies over the other
    if relation.kind == "left_of":
        yield Link(0, i, j, wi, why)
    elif relation.kind == "above":
        yield Link(1, i, j, hi, why)
    elif relation.kind == "on":
        yield from between(1, i, j, hi - SUNK * hj, hi - SUNK * hj, why)
        yield from between(0, j, i, *over, why)
    elif relation.kind == "under":
        yield Link(1, j, i, hj, why)
        yield from between(0, j, i, *over, why)
    elif relation.kind == "inside":
        yield from between(0, j, i, 0, wj - wi, why)
        yield from between(1, j, i, 0, hj - hi, why)
    elif relation.kind == "behind":  # beside it by less than half, and its feet a little higher
        yield from between(0, j, i, (wj - wi) / 2 - 0.4 * wj, (wj - wi) / 2 + 0.4 * wj, why)
        yield from between(1, j, i, 0.4 * hj - hi, 0.8 * hj - hi, why)
    else:  # holding: in the middle of the holder's right side
        yield from between(0, i, j, 0.85 * wi - wj / 2, 0.95 * wi - wj / 2, why)
        yield from between(1, i, j, 0.4 * hi - hj / 2, 0.7 * hi - hj / 2, why)


def between(axis: int, i: int, j: int, least: Gap, most: Gap, why: str) -> Iterator[Link]:
    """least <= p[j] - p[i] <= most."""
    yield Link(axis, i, j, least, why)
    yield Link(axis, j, i, -most, why)


def distances(found: Sequence[Link], n: int) -> NDArray[np.float64]:
    """(scales, 2, n + 1, n + 1): the longest ways between corners (Floyd and Warshall); the picture's is the last."""
    far = np.full((len(SCALES), 2, n + 1, n + 1), -np.inf)
    far[:, :, range(n + 1), range(n + 1)] = 0
    for link in found:
        here = far[:, link.axis, link.i, link.j]
        np.maximum(here, link.gap, out=here)
    for k in range(n + 1):
        far = np.maximum(far, far[:, :, :, k : k + 1] + far[:, :, k : k + 1])
    return far


def fitting(far: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(scales,): whether there is a solution, that is no cycle of positive length."""
    return np.asarray(far.diagonal(axis1=2, axis2=3).max((1, 2)) <= NOTHING)


def apart(far: NDArray[np.float64], sizes: NDArray[np.float64], i: int, j: int) -> NDArray[np.float64]:
    """The ways, with two things held apart that no relation holds so: on the side that lets all be largest."""
    fits = fitting(far)
    sides = [(axis, *pair, sizes[:, axis, pair[0]]) for axis in (0, 1) for pair in ((i, j), (j, i))]
    if any((far[fits, axis, one, other] >= gap[fits] - NOTHING).all() for axis, one, other, gap in sides):
        return far
    fitted = [fits & (far[:, axis, other, one] + gap <= NOTHING) for axis, one, other, gap in sides]
    best = min(range(4), key=lambda k: int(fitted[k].argmax()) if fitted[k].any() else len(SCALES))
    if not fitted[best].any():
        return far  # both boxes are given, and lie over each other
    axis, one, other, gap = sides[best]
    longer = far.copy()
    way = far[:, axis, :, one, None] + gap[:, None, None] + far[:, axis, None, other, :]
    longer[:, axis] = np.maximum(far[:, axis], way)
    return longer


def positive_cycle(n: int, found: Sequence[Link]) -> list[Link]:
    """The links of one cycle of positive length (Bellman and Ford), [] where there is none."""
    far, last = np.zeros(n + 1), dict[int, Link]()
    moved = None
    for _ in range(n + 2):
        moved = None
        for link in found:
            way = far[link.i] + float(np.max(link.gap))
            if way > far[link.j] + NOTHING:
                moved = link.j % (n + 1)
                far[moved], last[moved] = way, link
    if moved is None:
        return []
    for _ in range(n + 1):  # back into the cycle
        moved = last[moved].i % (n + 1)
    cycle, at = [last[moved]], last[moved].i % (n + 1)
    while at != moved:
        cycle.append(last[at])
        at = last[at].i % (n + 1)
    return cycle[::-1]


def counted(things: Sequence[Thing], boxes: NDArray[np.float64], order: Sequence[int]) -> list[Placed]:
    """One box a single thing: those of several alike share their group's in a grid."""
    found: list[Placed] = []
    for number in order:
        left, top, right, bottom = (float(side) for side in boxes[number])
        columns, rows = grid(things[number].count)
        width, height = (right - left) / columns, (bottom - top) / rows
        for k in range(things[number].count):
            x, y = left + k % columns * width, top + k // columns * height
            found.append(Placed(number, clipped((x, y, x + width, y + height)), len(found)))
    return found


def clipped(box: Box) -> Box:
    """Rounding leaves nothing outside the picture."""
    left, top, right, bottom = (min(1.0, max(0.0, round(side, 6))) for side in box)
    return left, top, right, bottom
