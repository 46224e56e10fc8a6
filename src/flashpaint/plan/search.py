"""How many replicas a target needs: simulations of the busiest traffic with more and more of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from flashpaint.errors import OutOfRange
from flashpaint.plan.autoscaler import Scaling
from flashpaint.plan.fleet import Fleet, Setup
from flashpaint.plan.outcome import Outcome
from flashpaint.plan.profile import Profile
from flashpaint.plan.traffic import Traffic

SAMPLE = 30_000  # requests of one simulation, and more where these would be over in a few pictures' time
LATENCIES = 20  # times that a picture takes: so long the sample lasts at least
LOST = 0.01  # the share that may get no picture
MOST = 10_000

Tick = Callable[[int], object]  # told which number is tried now


class Search:
    """Simulations of the busiest part of the traffic with fixed numbers of replicas, each number once."""

    def __init__(
        self, profile: Profile, traffic: Traffic, setup: Setup, seed: int = 0, tick: Tick = lambda number: None
    ) -> None:
        self.profile, self.setup, self.seed, self.tick = profile, setup, seed, tick
        self.sample = sample_of(profile, traffic)
        self.tried: dict[int, Outcome] = {}

    def outcome(self, number: int) -> Outcome:
        if number not in self.tried:
            self.tick(number)
            fixed = replace(self.setup, scaling=Scaling(number, number))
            self.tried[number] = Fleet(self.profile, self.sample, fixed, self.seed).run()
        return self.tried[number]

    def keeps(self, number: int, target_s: float) -> bool:
        outcome = self.outcome(number)
        return outcome.latency(95) <= target_s and outcome.lost <= LOST

    def needed(self, target_s: float) -> int:
        """The fewest replicas whose p95 is at most target_s while not more than LOST get no picture: from too few, by
        the work alone, in strides that double, then by halves. Raises OutOfRange where no number does."""
        check_target(self.profile, self.sample, target_s)
        low = least(self.profile, self.sample) - 1
        high, stride = low + 1, 1
        while not self.keeps(high, target_s):
            low, high, stride = high, high + stride, 2 * stride
            if high > MOST:
                raise OutOfRange(f"not even {low:,} replicas keep a p95 of {target_s:g} s", param="target")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.keeps(middle, target_s) else (middle, high)
        return high

    def around(self, number: int) -> dict[int, Outcome]:
        """What was tried, and some numbers around this one: a curve."""
        for near in {max(1, number + k * max(1, number // 8)) for k in range(-2, 3)}:
            self.outcome(near)
        return dict(sorted(self.tried.items()))


def sample_of(profile: Profile, traffic: Traffic) -> Traffic:
    rate = len(traffic) / max(traffic.seconds, 1e-9)
    return traffic.busiest(max(SAMPLE, math.ceil(LATENCIES * profile.alone_s(profile.steps) * rate)))


def least(profile: Profile, traffic: Traffic) -> int:
    """Replicas that could just paint so much in the time, were they never idle."""
    per_s = len(traffic) / max(traffic.seconds, profile.alone_s(profile.steps))
    return max(1, math.floor(per_s / profile.most_per_s(float(traffic.steps.mean()))))


def check_target(profile: Profile, traffic: Traffic, target_s: float) -> None:
    """Raise OutOfRange where no number of replicas can keep it: so many pictures are slower in an idle one."""
    slowest = sorted(traffic.steps.tolist())[math.ceil(0.95 * len(traffic)) - 1]
    alone = profile.alone_s(slowest)
    if target_s < alone:
        raise OutOfRange(
            f"no number of replicas keeps a p95 of {target_s:g} s: a picture takes {alone:.3g} s in an idle one; ask "
            "for more, or for fewer steps",
            param="target",
        )
