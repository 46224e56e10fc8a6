"""The line before the easel: who paints now, who waits, who is sent away. Lives on the event loop; knows no pictures.

Turns go round between owners: next is whoever paints least at the moment, and of those who waited longest for a turn.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flashpaint.errors import OutOfRange, QueueFull


@dataclass(eq=False)
class Ticket:
    owner: str
    called: asyncio.Future[None] = field(repr=False)


@dataclass
class Place:
    """One owner's in the line. served: when they had their last turn, by count."""

    waiting: deque[Ticket] = field(default_factory=deque)
    painting: int = 0
    served: int = 0


class Line:
    """at_once: pictures that paint together; room: those that wait; per_owner: that paint together, of one owner's."""

    def __init__(self, at_once: int, room: int, per_owner: int) -> None:
        self.at_once, self.room, self.per_owner = at_once, room, per_owner
        self.hold_s = 1.0  # how long a picture keeps its place, a running mean
        self.places: dict[str, Place] = {}
        self._turns = itertools.count(1)

    @property
    def waiting(self) -> int:
        return sum(len(place.waiting) for place in self.places.values())

    @property
    def painting(self) -> int:
        return sum(place.painting for place in self.places.values())

    def enter(self, owner: str, number: int = 1) -> list[Ticket]:
        """So many tickets or none. Raises QueueFull where there is no room now, OutOfRange where there never is."""
        if number > self.at_once + self.room:
            raise OutOfRange(f"n is {number}: this server holds {self.at_once + self.room} pictures at once", param="n")
        if self.waiting + self.painting + number > self.at_once + self.room:
            wait = self.wait_s(self.waiting, self.at_once)
            raise QueueFull(
                f"{self.waiting} pictures are waiting: try again in about {max(1, math.ceil(wait))} s", wait_s=wait
            )
        loop = asyncio.get_running_loop()
        tickets = [Ticket(owner, loop.create_future()) for _ in range(number)]
        self.places.setdefault(owner, Place()).waiting.extend(tickets)
        self._call()
        return tickets

    async def turn(self, ticket: Ticket) -> None:
        await asyncio.shield(ticket.called)

    def leave(self, ticket: Ticket) -> None:
        """It is painted, or nobody waits for it any more."""
        place = self.places.get(ticket.owner)
        if place is None:
            return
        if ticket in place.waiting:
            place.waiting.remove(ticket)
        else:
            place.painting -= 1
        if not place.waiting and not place.painting:
            del self.places[ticket.owner]
        self._call()

    def held(self, seconds: float) -> None:
        """So long a picture kept its place."""
        self.hold_s += 0.1 * (seconds - self.hold_s)

    def position(self, ticket: Ticket) -> int:
        """How many are called before this one, at most; 0 for the next and for one that paints."""
        own = self.places[ticket.owner].waiting if ticket.owner in self.places else deque[Ticket]()
        if ticket not in own:
            return 0
        before = own.index(ticket)
        others = (place.waiting for name, place in self.places.items() if name != ticket.owner)
        return before + sum(min(len(waiting), before + 1) for waiting in others)

    def expected_wait_s(self, ticket: Ticket) -> float:
        """Until it is called."""
        if ticket.called.done():
            return 0.0
        own = self.places[ticket.owner].waiting.index(ticket)
        return max(self.wait_s(self.position(ticket), self.at_once), self.wait_s(own, self.per_owner))

    def wait_s(self, before: int, places: int) -> float:
        """Little's law: so many places, each kept hold_s, call places / hold_s pictures a second."""
        return (before + 1) * self.hold_s / places

    def _call(self) -> None:
        while self.painting < self.at_once:
            may = [p for p in self.places.values() if p.waiting and p.painting < self.per_owner]
            if not may:
                return
            place = min(may, key=lambda p: (p.painting, p.served))
            place.painting, place.served = place.painting + 1, next(self._turns)
            place.waiting.popleft().called.set_result(None)


class Allowance:
    """So many pictures a minute for each owner, a minute's worth at once (token bucket). rate 0: any number."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self.rate, self.clock = rate, clock
        self._left: dict[str, tuple[float, float]] = {}  # owner -> (pictures left, when)

    def spend(self, owner: str, number: int = 1) -> None:
        """Raises QueueFull with the wait until there are enough, OutOfRange where there never are."""
        if not self.rate:
            return
        most, now = max(1.0, self.rate), self.clock()
        if number > most:
            raise OutOfRange(f"n is {number}: this key may paint {self.rate:g} pictures a minute", param="n")
        left, when = self._left.get(owner, (most, now))
        left = min(most, left + (now - when) * self.rate / 60)
        if left < number:
            wait = (number - left) * 60 / self.rate
            raise QueueFull(
                f"this key may paint {self.rate:g} pictures a minute: try again in {math.ceil(wait)} s", wait_s=wait
            )
        self._left[owner] = (left - number, now)
