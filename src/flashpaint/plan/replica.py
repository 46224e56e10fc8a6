"""One replica as a state machine: a line, a lock for reading, and the loop's thread, which paints and decodes.

The mechanics of serve/line.py and paint/loop.py in seconds: newcomers enter between two passes, each pass moves the
`batch` that are due first by one step, and what has arrived is decoded before the next. Reading and painting go on at
once, each slower than alone. Knows no other replicas.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from flashpaint.plan.profile import Profile

NEVER = float("inf")


class Fate(Enum):
    painted = "painted"
    refused = "refused"  # there was no room, or no hope to be in time
    late = "late"  # called off: its deadline passed
    failed = "failed"  # its replica died, and so did the one that tried again


@dataclass(slots=True, eq=False)
class Visit:
    """A request in the fleet. left: steps to paint; deadline: when it is called off; losses: replicas lost under it."""

    number: int
    arrived: float
    steps: int
    deadline: float = NEVER
    left: int = field(init=False)
    losses: int = 0
    placed: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.steps


@dataclass(frozen=True)
class Limits:
    """at_once: pictures that a replica takes on together; room: that wait before it; deadline_s: of each request."""

    at_once: int = 8
    room: int = 64
    deadline_s: float = NEVER


class Replica:
    """Moves on by `turn` at the moment that `due` says; `version` tells which `due` is the newest."""

    def __init__(self, profile: Profile, limits: Limits) -> None:
        self.profile, self.limits = profile, limits
        self.passes = [0.0, *(profile.pass_of(rows) for rows in range(1, profile.batch + 1))]
        self.line: deque[Visit] = deque()
        self.painting = 0  # those that the line has let in
        self.hold_s = profile.alone_s(profile.steps)  # how long one keeps its place, a running mean
        self.unread: deque[Visit] = deque()
        self.reading: Visit | None = None
        self.reading_left = 0.0
        self.riding: list[Visit] = []  # in the loop, the first due first
        self.passing: list[Visit] = []  # who shares the pass that runs
        self.decoding: deque[Visit] = deque()  # the first is being decoded
        self.loop_left = 0.0
        self.now, self.due, self.version = 0.0, NEVER, 0
        self.busy_s = 0.0  # of the loop's thread
        self._reads_first = False

    @property
    def inside(self) -> int:
        return len(self.line) + self.painting

    def visits(self) -> list[Visit]:
        """All that are in it, those first who came first."""
        read = [self.reading] if self.reading else []
        found = {*self.riding, *self.passing, *self.decoding, *read, *self.unread, *self.line}
        return sorted(found, key=lambda visit: visit.number)

    # ---- its line

    def enter(self, visit: Visit, now: float) -> list[tuple[Visit, Fate]]:
        """Let it in or refuse it; also those who waited until it was too late."""
        self._advance(now)
        gone = self._give_up(now)
        limits = self.limits
        if self.inside >= limits.at_once + limits.room or now + self._wait_s() > visit.deadline:
            return [*gone, (visit, Fate.refused)]
        self.line.append(visit)
        self._go_on()
        return gone

    def _wait_s(self) -> float:
        """Little's law, as serve/line.py has it."""
        if not self.line and self.painting < self.limits.at_once:
            return 0.0
        return (len(self.line) + 1) * self.hold_s / self.limits.at_once

    def _give_up(self, now: float) -> list[tuple[Visit, Fate]]:
        gone = []
        while self.line and self.line[0].deadline < now:
            gone.append((self.line.popleft(), Fate.late))
        return gone

    def _leave(self, visit: Visit, fate: Fate) -> tuple[Visit, Fate]:
        self.painting -= 1
        if fate is Fate.painted:
            self.hold_s += 0.1 * (self.now - visit.placed - self.hold_s)
        return visit, fate

    # ---- its two workers

    def turn(self, now: float) -> list[tuple[Visit, Fate]]:
        """What is due has come to its end; who leaves with that."""
        self._advance(now)
        over = self._give_up(now)
        if self._reads_first:
            over += self._read()
        elif self.passing:
            over += self._passed()
        else:
            over += self._decoded()
        self._go_on()
        return over

    def _read(self) -> list[tuple[Visit, Fate]]:
        visit, self.reading = self.reading, None
        assert visit is not None
        if not visit.left:
            return [self._leave(visit, Fate.painted)]  # it was painted, and is now remembered
        if visit.deadline < self.now:
            return [self._leave(visit, Fate.late)]
        self.riding.append(visit)
        return []

    def _passed(self) -> list[tuple[Visit, Fate]]:
        """Those who have arrived go to be decoded; whose time is over leaves."""
        for visit in self.passing:
            visit.left -= 1
        self.decoding.extend(visit for visit in self.passing if not visit.left)
        self.passing = []
        late = [visit for visit in self.riding if visit.left and visit.deadline < self.now]
        self.riding = [visit for visit in self.riding if visit.left and visit.deadline >= self.now]
        self.loop_left = self.profile.decode_s if self.decoding else 0.0
        return [self._leave(visit, Fate.late) for visit in late]

    def _decoded(self) -> list[tuple[Visit, Fate]]:
        visit = self.decoding.popleft()
        self.loop_left = self.profile.decode_s
        if self.profile.keep_s:
            self.unread.append(visit)
            return []
        return [self._leave(visit, Fate.painted)]

    def _go_on(self) -> None:
        """Whoever can begin does, and when the next of both workers is done."""
        while self.line and self.painting < self.limits.at_once:
            visit = self.line.popleft()
            self.painting += 1
            visit.placed = self.now
            self.unread.append(visit)
        if self.reading is None and self.unread:
            self.reading = self.unread.popleft()
            self.reading_left = self.profile.read_s if self.reading.left else self.profile.keep_s
        if not self.passing and not self.decoding and self.riding:
            self.passing = self.riding[: self.profile.batch]
            self.loop_left = self.passes[len(self.passing)]
        self._expect()

    def _expect(self) -> None:
        reads, paints = self.reading is not None, bool(self.passing or self.decoding)
        both = reads and paints
        read = self.reading_left / (self.profile.reading_speed if both else 1.0) if reads else NEVER
        painted = self.loop_left / (self.profile.painting_speed if both else 1.0) if paints else NEVER
        self._reads_first = read <= painted
        self.due = self.now + min(read, painted)
        self.version += 1

    def _advance(self, now: float) -> None:
        """Both workers have worked until now."""
        spent, self.now = now - self.now, now
        reads, paints = self.reading is not None, bool(self.passing or self.decoding)
        both = reads and paints
        if reads:
            self.reading_left -= spent * (self.profile.reading_speed if both else 1.0)
        if paints:
            self.loop_left -= spent * (self.profile.painting_speed if both else 1.0)
            self.busy_s += spent
