"""How many replicas there should be: Ray Serve's rule, on predicted steps instead of requests. Knows no replicas."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

EVERY_S, LOOK_BACK = 10.0, 3  # it looks so often, and takes the mean of so many looks


@dataclass(frozen=True)
class Scaling:
    """least, most: replicas; target: pictures in flight for each, by their steps: one with half of its steps to go, or
    half of them remembered, counts half. up_s, down_s: so long more, or fewer, must be wanted before it is done.
    The rule and these defaults are Ray Serve's (docs.ray.io, "Advanced Ray Serve Autoscaling")."""

    least: int = 1
    most: int = 1
    target: float = 2.0
    up_s: float = 30.0
    down_s: float = 600.0


class Autoscaler:
    def __init__(self, scaling: Scaling) -> None:
        self.scaling = scaling
        self._looks: deque[float] = deque(maxlen=LOOK_BACK)
        self._since: tuple[int, float] = (0, 0.0)  # the way it wants to go, and since when

    def wanted(self, now: float, pictures: float, replicas: int) -> int:
        """Replicas that there should be, given those there are and the pictures in flight."""
        rule = self.scaling
        self._looks.append(pictures)
        wanted = math.ceil(statistics.fmean(self._looks) / rule.target)
        wanted = min(max(wanted, rule.least), rule.most)
        way = (wanted > replicas) - (wanted < replicas)
        if way != self._since[0]:
            self._since = way, now
        patience = rule.up_s if way > 0 else rule.down_s
        if way == 0 or now - self._since[1] < patience:
            return replicas
        self._since = 0, now
        return wanted
