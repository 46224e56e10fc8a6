"""What the routes share: the studio and its easel, keys, the shelf, metrics, jobs; and the state of the server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from flashpaint.request import PaintRequest
from flashpaint.serve.commission import Commission, Easel, Wanted
from flashpaint.serve.keys import Keys
from flashpaint.serve.line import Allowance, Line
from flashpaint.serve.metrics import Metrics
from flashpaint.serve.problems import Problem, problem_of, refused
from flashpaint.serve.settings import Settings
from flashpaint.serve.shelf import Shelf
from flashpaint.serve.sight import Finding, Policy, Sight, refusal
from flashpaint.serve.who import Caller, caller_of, check_still
from flashpaint.studio import Studio

log = logging.getLogger("flashpaint.serve")

T = TypeVar("T")
CHECK_S = 0.5  # so often it is looked whether the key of what takes long still holds


class Service:
    def __init__(self, studio: Studio, settings: Settings) -> None:
        self.studio, self.settings = studio, settings
        self.keys, self.shelf = Keys(settings.folder), Shelf(settings.folder, settings.url_s)
        self.metrics, self.sight = Metrics(), Sight(studio)
        self.policy = Policy(settings.policy, settings.concepts, self.sight)
        self.line = Line(settings.at_once, settings.max_queue, settings.per_key)
        allowance = Allowance(settings.rate, time.monotonic)
        self.easel = Easel(studio, self.line, allowance, self.metrics, not settings.cancel_on_disconnect)
        self.side = ThreadPoolExecutor(4, thread_name_prefix="beside the easel")  # what is not painting
        self.ready = self.draining = False
        self.started = int(time.time())
        # a painter without our loop shares no passes, and tells of none
        if (loop := getattr(studio.painter, "loop", None)) is not None:
            loop.on_pass = self.metrics.passed
        self.background: set[asyncio.Task[Any]] = set()
        self.metrics.watch("flashpaint_waiting", "Pictures in the line", lambda: self.line.waiting)
        self.metrics.watch("flashpaint_painting", "Pictures that paint", lambda: self.line.painting)
        if (memory := studio.memory) is not None:
            self.metrics.watch("flashpaint_memory_away", "1 while it is out of reach", lambda: memory.away)
            self.metrics.watch("flashpaint_memory_spooled_bytes", "Waiting for it", lambda: memory.spooled)
        self.metrics.watch("flashpaint_ready", "1 once it is warm", lambda: self.ready and not self.draining)

    async def aside(self, work: Callable[..., T], *given: Any) -> T:
        """On a thread, so that the event loop stays free."""
        return await asyncio.get_running_loop().run_in_executor(self.side, work, *given)

    def keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run it whatever becomes of the request; a drain waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    def caller(self, connection: HTTPConnection, scope: str) -> Caller:
        caller = caller_of(connection, self.keys, self.settings)
        caller.must(scope)
        return caller

    @contextmanager
    def watched(self, caller: Caller, refuse: Callable[[Problem], object]) -> Iterator[None]:
        """What takes long: refuse is called should the caller lose the right to it meanwhile."""
        task = asyncio.get_running_loop().create_task(self._watch(caller, refuse))
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self, caller: Caller, refuse: Callable[[Problem], object]) -> None:
        try:
            while True:
                await asyncio.sleep(CHECK_S)
                check_still(caller, "generate", self.keys, self.settings)
        except Exception as error:  # also where the keys cannot be read: then nobody has shown one
            refuse(problem_of(error))

    async def admit(
        self,
        requests: Sequence[PaintRequest],
        deadline: float | None,
        previews: Wanted | None = None,
    ) -> Commission:
        """Into the line, or a Problem before any work."""
        if self.draining:
            raise stopping()
        await self.review("prompt", self.policy.prompt, requests[0].prompt)
        hidden = self.policy.mode == "block"  # what may be refused in the end is not shown on its way
        return self.easel.commission(requests, deadline, None if hidden else previews)

    async def review(self, of: str, look: Callable[[T], Finding | None], what: T) -> None:
        """The operator's policy on a prompt or a picture: raises Problem where it blocks, and logs where it warns."""
        if self.policy.mode != "off" and (finding := await self.aside(look, what)):
            log.warning("policy", extra={"facts": {"of": of, "concept": finding.concept, "share": finding.share}})
            if self.policy.mode == "block":
                raise refusal(of, finding)

    def deadline(self, connection: HTTPConnection) -> float | None:
        """By the event loop's clock: the header's or the server's, whichever is sooner."""
        said, most = connection.headers.get("x-deadline-ms"), self.settings.deadline_s
        if said is not None and not (said.isascii() and said.isdecimal() and 0 < int(said) < 10**9):
            raise refused("x-deadline-ms is a whole number of milliseconds above 0", "x-deadline-ms")
        seconds = min((s for s in (most, int(said) / 1000 if said else 0) if s), default=0.0)
        return asyncio.get_running_loop().time() + seconds if seconds else None

    async def warm(self) -> None:
        """The first pictures of a process are slow: they are nobody's."""
        request = PaintRequest("a cat in space", seed=1, reuse="off")
        try:
            for _ in range(2):
                painting = await self.aside(self.studio.paint, request)
                self.line.hold_s = painting.timings["total"]
        except Exception as error:  # it never gets ready, and its log says why
            log.error("the first picture failed", exc_info=error)
            return
        self.ready = True
        log.info("ready", extra={"facts": {"picture_s": round(self.line.hold_s, 3)}})

    def stop(self) -> None:
        """Take nothing new; what was taken on has drain_s to be finished, then it is called off and told so."""
        if not self.draining:
            self.draining = True
            asyncio.get_running_loop().call_later(self.settings.drain_s, self.easel.refuse, stopping())

    async def drain(self) -> None:
        self.stop()
        if self.background:
            await asyncio.wait(self.background, timeout=self.settings.drain_s + 1)
        for task in [*self.background]:
            task.cancel()
        for commission in [*self.easel.open]:
            commission.close()
        self.side.shutdown(wait=False, cancel_futures=True)
        self.easel.pool.shutdown(wait=True, cancel_futures=True)


def stopping() -> Problem:
    return Problem(503, "server_error", "the server is stopping: ask again soon", code="stopping", retry_s=5)
