"""What each paint replica has before it, as far as this process sent it there; and where the next picture is best sent.

A replica moves all pictures of one shape in one pass, up to the batch that pays. So what counts is passes, not
pictures: a picture that finds company of its shape costs a replica nothing more. Knows no Ray.
"""

from __future__ import annotations

import math
import random
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flashpaint.cluster.crossing import Work

SESSIONS = 4096  # remembered at most


@dataclass
class Ahead:
    """One picture's steps to come. shape: pictures of one shape share passes; area: in pixels, what a pass of one costs
    relative to others; replica: "" until it is sent."""

    shape: tuple[Any, ...]
    area: int
    steps: int
    replica: str = ""


def shape_of(work: Work) -> tuple[Any, ...]:
    order = work.order
    return (order.width, order.height, order.canvas, order.loras, len(order.regions))


def session_of(work: Work) -> tuple[Any, ...]:
    """Whoever types keeps seed and size while the words change."""
    return (work.order.seed, work.order.width, work.order.height)


def passes(pictures: Iterable[Ahead], batch: int) -> float:
    """The area of all passes until these are painted: in each shape as many as its longest picture takes, or more where
    it has more than one batch."""
    shapes: dict[tuple[Any, ...], list[Ahead]] = defaultdict(list)
    for picture in pictures:
        shapes[picture.shape].append(picture)
    return sum(
        alike[0].area * max(max(p.steps for p in alike), math.ceil(sum(p.steps for p in alike) / batch))
        for alike in shapes.values()
    )


class Load:
    """batch: pictures that share a pass. Any thread may call."""

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self._ahead: dict[str, Ahead] = {}
        self._sessions: OrderedDict[tuple[Any, ...], str] = OrderedDict()
        self._lock = threading.Lock()

    def expect(self, work: Work) -> None:
        """It is about to be sent."""
        order = work.order
        with self._lock:
            self._ahead[work.key] = Ahead(shape_of(work), order.width * order.height, order.steps - order.skipped)

    def ranked(self, work: Work, replicas: Sequence[str]) -> list[str]:
        """All of these, the best first: where the passes before it and its own are the fewest. Its session's replica
        comes first unless that costs more than the picture's own passes; equal ones are drawn by lot."""
        with self._lock:
            own = self._ahead.get(work.key)
            if own is None:
                return random.sample(replicas, len(replicas))
            others = [p for key, p in self._ahead.items() if key != work.key]
            cost = {r: passes([own, *(p for p in others if p.replica == r)], self.batch) for r in replicas}
            last, alone = self._sessions.get(session_of(work)), own.area * own.steps
            if last in cost and cost[last] <= min(cost.values()) + alone:
                cost[last] = -1
            if work.avoid in cost:
                cost[work.avoid] = math.inf
            return sorted(random.sample(replicas, len(replicas)), key=lambda replica: cost[replica])

    def sent(self, work: Work, replica: str) -> None:
        with self._lock:
            if own := self._ahead.get(work.key):
                own.replica = replica
                self._sessions[session_of(work)] = replica
                self._sessions.move_to_end(session_of(work))
                while len(self._sessions) > SESSIONS:
                    self._sessions.popitem(last=False)

    def moved(self, key: str, left: int) -> None:
        """So many of its steps are left."""
        with self._lock:
            if own := self._ahead.get(key):
                own.steps = left

    def gone(self, key: str) -> None:
        """Painted, failed or called off."""
        with self._lock:
            self._ahead.pop(key, None)

    def __len__(self) -> int:
        return len(self._ahead)


here = Load()  # of this process: the router, which Ray makes, and the painter's proxy meet in it
