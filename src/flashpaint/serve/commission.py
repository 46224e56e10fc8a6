"""The pictures of one call on their way: each in the line, then in a thread of its own, its events on the event loop.

Knows the studio's events; knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
import weakref
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor

from flashpaint.errors import QueueFull
from flashpaint.painting import Event, Finished, Preview, Progress
from flashpaint.request import PaintRequest
from flashpaint.serve.line import Allowance, Line, Ticket
from flashpaint.serve.metrics import Metrics
from flashpaint.serve.problems import Problem
from flashpaint.studio import Studio

Wanted = Callable[[Preview, int], bool]  # given a preview and how many steps its picture skipped
Heard = tuple[int, Event | Exception]


class Easel:
    """Where pictures are painted: the studio, the line before it and the threads that follow its generators."""

    def __init__(
        self, studio: Studio, line: Line, allowance: Allowance, metrics: Metrics, keep_going: bool = False
    ) -> None:
        self.studio, self.line, self.allowance = studio, line, allowance
        self.metrics, self.keep_going = metrics, keep_going
        self.open = weakref.WeakSet[Commission]()
        self.pool = ThreadPoolExecutor(line.at_once, thread_name_prefix="easel")

    def commission(
        self,
        requests: Sequence[PaintRequest],
        deadline: float | None = None,
        previews: Wanted | None = None,
    ) -> Commission:
        """Checks all, then enters the line with all or none: what it raises, it raises before any work. deadline: by
        the event loop's clock; previews: which of them are heard, None for none."""
        streams = [self.studio.stream(request, previews is not None) for request in requests]
        tickets = self.line.enter(requests[0].owner, len(requests))
        try:
            self._in_time(tickets, deadline)
            self.allowance.spend(requests[0].owner, len(requests))
        except BaseException:
            for ticket in tickets:
                self.line.leave(ticket)
            raise
        made = Commission(self, streams, tickets, deadline, previews)
        self.open.add(made)
        return made

    def refuse(self, problem: Problem) -> None:
        """All that is not finished fails with this."""
        for commission in [*self.open]:
            commission.refuse(problem)

    def _in_time(self, tickets: Sequence[Ticket], deadline: float | None) -> None:
        """Who would only wait for a deadline to pass is told at once."""
        wait = max(map(self.line.expected_wait_s, tickets))
        if deadline is not None and wait > deadline - asyncio.get_running_loop().time():
            raise QueueFull(
                f"the wait is about {math.ceil(wait)} s, longer than the deadline: try again then", wait_s=wait
            )


class Commission:
    """Not closing it leaves pictures painting for nobody: use it as a context."""

    def __init__(
        self,
        easel: Easel,
        streams: Sequence[Generator[Event]],
        tickets: Sequence[Ticket],
        deadline: float | None,
        previews: Wanted | None,
    ) -> None:
        self.easel, self.streams, self.tickets, self.deadline = easel, streams, tickets, deadline
        self.wanted = previews or (lambda *_: False)
        self.loop = asyncio.get_running_loop()
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.called_off = threading.Event()
        self.unfinished = len(streams)
        self.tasks = [self.loop.create_task(self._one(k)) for k in range(len(streams))]

    def __enter__(self) -> Commission:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        left = kind is not None and issubclass(kind, asyncio.CancelledError | GeneratorExit)
        if not (left and self.easel.keep_going):
            self.close()

    @property
    def position(self) -> int:
        return max(map(self.easel.line.position, self.tickets))

    @property
    def expected_wait_s(self) -> float:
        return max(map(self.easel.line.expected_wait_s, self.tickets))

    async def next(self, patience_s: float | None = None) -> tuple[int, Event] | None:
        """Which picture, and what became of it; None where nothing did for so long. Raises what went wrong, and
        Problem 504 once the deadline is over."""
        until = None if patience_s is None else self.loop.time() + patience_s
        first = min((moment for moment in (until, self.deadline) if moment is not None), default=None)
        try:
            async with asyncio.timeout_at(first):
                which, event = await self.heard.get()
        except TimeoutError:
            if self.deadline is not None and self.loop.time() >= self.deadline:
                raise late() from None
            return None
        if isinstance(event, Exception):
            raise event
        self.unfinished -= isinstance(event, Finished)
        return which, event

    def refuse(self, problem: Problem) -> None:
        """Whoever listens hears this in the end."""
        self.heard.put_nowait((0, problem))

    def close(self) -> None:
        """Call off what is not finished, within a step."""
        self.called_off.set()
        self.easel.metrics.cancelled.inc(self.unfinished)
        self.unfinished = 0
        for task in self.tasks:
            task.cancel()

    async def _one(self, which: int) -> None:
        ticket, line = self.tickets[which], self.easel.line
        painting = None
        try:
            await line.turn(ticket)
            self.easel.metrics.together.observe(line.painting)
            painting = self.loop.run_in_executor(self.easel.pool, self._paint, which)
            painting.add_done_callback(lambda _: line.leave(ticket))  # not before its thread is free
            await asyncio.shield(painting)
        finally:
            if painting is None:
                line.leave(ticket)

    def _paint(self, which: int) -> None:
        """On a thread of the pool: the studio's generator, to its end or until it is called off."""
        began, skipped = time.perf_counter(), None
        try:
            with contextlib.closing(self.streams[which]) as events:
                while not self.called_off.is_set():
                    if (event := next(events, None)) is None:
                        break
                    if isinstance(event, Progress) and event.stage == "denoise" and skipped is None:
                        skipped = event.step
                    if not isinstance(event, Preview) or self.wanted(event, skipped or 0):
                        self._tell(which, event)
        except Exception as error:
            self._tell(which, error)
        if not self.called_off.is_set():
            self._post(self.easel.line.held, time.perf_counter() - began)

    def _tell(self, which: int, what: Event | Exception) -> None:
        if isinstance(what, Finished):
            self._post(self.easel.metrics.painted, what.painting)
        self._post(self.heard.put_nowait, (which, what))

    def _post(self, call: Callable[..., object], *given: object) -> None:
        with contextlib.suppress(RuntimeError):  # the server is gone
            self.loop.call_soon_threadsafe(call, *given)


def late() -> Problem:
    return Problem(
        504,
        "server_error",
        "the deadline passed before the picture was done, and it was called off: give more time, or fewer steps",
        code="deadline_exceeded",
    )
