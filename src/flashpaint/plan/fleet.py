"""A fleet of replicas in simulated time: requests arrive and are routed, replicas start, fail and are called off.

A heap of events, each a moment and what happens then. Knows nothing of how a replica works.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from flashpaint.plan.autoscaler import EVERY_S, Autoscaler, Scaling
from flashpaint.plan.outcome import Outcome
from flashpaint.plan.profile import Profile
from flashpaint.plan.replica import NEVER, Fate, Limits, Replica, Visit
from flashpaint.plan.traffic import Traffic

LOSSES = 1  # a request whose replica is lost is tried again so often
WATCHED = 4096  # events between two calls of `tick`

Happening = Callable[[Replica | None, int], None]


@dataclass(frozen=True)
class Setup:
    """limits: of each replica; scaling: how many there are; mtbf_s: the mean time until one fails, restart_s: until
    another stands in its place; callers: that each ask again once they are answered, whatever the traffic's times."""

    limits: Limits = field(default_factory=Limits)
    scaling: Scaling = field(default_factory=Scaling)
    mtbf_s: float = NEVER
    restart_s: float = 0.0
    callers: int | None = None


class Fleet:
    """One simulation; the same seed gives the same outcome. until: when to stop, requests in flight or not."""

    def __init__(self, profile: Profile, traffic: Traffic, setup: Setup, seed: int = 0, until: float = NEVER) -> None:
        self.profile, self.setup, self.until = profile, setup, until
        self.rng, self.orders = random.Random(seed), itertools.count()
        self.at, self.steps = traffic.at.tolist(), traffic.steps.tolist()
        self.events: list[tuple[float, int, Happening, Replica | None, int]] = []
        self.ready: list[Replica] = []
        self.retiring: list[Replica] = []
        self.starting = 0
        self.waiting: deque[Visit] = deque()  # while no replica is ready
        self.autoscaler = Autoscaler(setup.scaling)
        self.now, self.arrived, self.inside = 0.0, 0, 0
        self.ended: list[tuple[int, Fate, float]] = []
        self.replicas: list[tuple[float, int]] = []
        self.inside_s = self.machine_s = self.ready_s = self.busy_s = 0.0

    def run(self, tick: Callable[[int], object] = lambda arrived: None) -> Outcome:
        """tick is told now and then how many have arrived."""
        for _ in range(self.setup.scaling.least):
            self._ready_now()
        if self.setup.scaling.most > self.setup.scaling.least:
            self._at(EVERY_S, self._scale)
        for number in itertools.count():
            arrival = self._next_arrival()
            moment = self.events[0][0] if self.events else NEVER
            if min(arrival, moment) > self.until or (arrival == NEVER and not self.inside):
                break
            if arrival <= moment:
                self._pass_time(arrival)
                self._arrive()
            else:
                when, _, happen, replica, version = heapq.heappop(self.events)
                self._pass_time(when)
                happen(replica, version)
            if number % WATCHED == 0:
                tick(self.arrived)
        if self.until < NEVER:
            self._pass_time(self.until)
        return self._outcome()

    # ---- requests

    def _next_arrival(self) -> float:
        if self.arrived == len(self.at):
            return NEVER
        if self.setup.callers is not None:
            return self.now if self.inside < self.setup.callers else NEVER
        when: float = self.at[self.arrived]
        return when

    def _arrive(self) -> None:
        deadline = self.now + self.setup.limits.deadline_s
        visit = Visit(self.arrived, self.now, self.steps[self.arrived], deadline)
        self.arrived += 1
        self.inside += 1
        self._route(visit)

    def _route(self, visit: Visit) -> None:
        """To the emptier of two replicas drawn by lot, as Ray Serve does (Mitzenmacher 2001, "The power of two
        choices")."""
        if not self.ready:
            self.waiting.append(visit)
            return
        one, other = (self.ready[int(self.rng.random() * len(self.ready))] for _ in range(2))
        replica = one if one.inside <= other.inside else other
        self._settle(replica.enter(visit, self.now))
        self._at(replica.due, self._turn, replica, replica.version)

    def _turn(self, replica: Replica | None, version: int) -> None:
        if replica is None or replica.version != version:
            return  # it was busy with something else since
        self._settle(replica.turn(self.now))
        if replica in self.retiring and not replica.inside:
            self._gone(replica)
        self._at(replica.due, self._turn, replica, replica.version)

    def _settle(self, over: Iterable[tuple[Visit, Fate]]) -> None:
        for visit, fate in over:
            self.inside -= 1
            self.ended.append((visit.number, fate, self.now - visit.arrived))

    # ---- replicas

    def _launch(self, after_s: float) -> None:
        self.starting += 1
        self._at(self.now + after_s, self._started)

    def _started(self, *_: object) -> None:
        self.starting -= 1
        self._ready_now()

    def _ready_now(self) -> None:
        replica = Replica(self.profile, self.setup.limits)
        replica.now = self.now
        self.ready.append(replica)
        self._note()
        if self.setup.mtbf_s < NEVER:
            self._at(self.now + self.rng.expovariate(1 / self.setup.mtbf_s), self._fail, replica)
        waited, self.waiting = self.waiting, deque()
        for visit in waited:
            if visit.deadline < self.now:
                self._settle([(visit, Fate.late)])
            else:
                self._route(visit)

    def _fail(self, replica: Replica | None, _: int) -> None:
        """It dies with all that is in it: what was not lost before is tried again elsewhere."""
        if replica in self.ready:
            self.ready.remove(replica)
            self._launch(self.setup.restart_s)
        elif replica in self.retiring:
            self.retiring.remove(replica)
        else:
            return
        self._note()
        replica.version += 1
        self.busy_s += replica.busy_s
        for visit in replica.visits():
            visit.losses, visit.left = visit.losses + 1, visit.steps
            if visit.losses > LOSSES:
                self._settle([(visit, Fate.failed)])
            else:
                self._route(visit)

    def _scale(self, *given: object) -> None:
        there = len(self.ready) + self.starting
        wanted = self.autoscaler.wanted(self.now, self._pictures(), there)
        for _ in range(wanted - there):
            self._launch(self.profile.startup_s)
        self._retire(there - wanted)
        self._at(self.now + EVERY_S, self._scale)

    def _pictures(self) -> float:
        """In flight, by the steps that they have to go."""
        visits = itertools.chain(self.waiting, *(replica.visits() for replica in [*self.ready, *self.retiring]))
        return sum(visit.left for visit in visits) / self.profile.steps

    def _retire(self, number: int) -> None:
        """The emptiest take nothing new, and go when they have finished what they have; one stays ready."""
        number = min(number, len(self.ready) - 1)
        for replica in sorted(self.ready, key=lambda replica: replica.inside)[: max(0, number)]:
            self.ready.remove(replica)
            self.retiring.append(replica)
            if not replica.inside:
                self._gone(replica)
            self._note()

    def _gone(self, replica: Replica) -> None:
        self.retiring.remove(replica)
        self.busy_s += replica.busy_s

    # ---- time

    def _at(self, when: float, happen: Happening, replica: Replica | None = None, version: int = 0) -> None:
        if when < NEVER:
            heapq.heappush(self.events, (when, next(self.orders), happen, replica, version))

    def _pass_time(self, now: float) -> None:
        spent, self.now = now - self.now, now
        working = len(self.ready) + len(self.retiring)
        self.inside_s += spent * self.inside
        self.ready_s += spent * working
        self.machine_s += spent * (working + self.starting)

    def _note(self) -> None:
        self.replicas.append((self.now, len(self.ready)))

    def _outcome(self) -> Outcome:
        latencies, fates = np.full(self.arrived, np.nan), np.full(self.arrived, "in flight", dtype="<U9")
        for number, fate, spent in self.ended:
            fates[number] = fate.value
            if fate is Fate.painted:
                latencies[number] = spent
        at = np.array(self.at[: self.arrived])
        busy = self.busy_s + sum(replica.busy_s for replica in [*self.ready, *self.retiring])
        return Outcome(
            at, latencies, fates, self.now, self.inside_s, self.machine_s, self.ready_s, busy, tuple(self.replicas)
        )
