"""A replica that paints: one painter with a denoise loop of its own, its steps streamed to whoever asked.

Ray interrupts a call at its awaits alone, and leaves running what it cannot: so calling off is a flag of our own, which
the loop reads before every step.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ray import serve

from flashpaint.cluster.crossing import Begun, Fault, Heard, PainterCard, Tally, Work, fault_of
from flashpaint.cluster.models import Models
from flashpaint.cluster.scaling import STEPS_LEFT
from flashpaint.errors import Cancelled, FlashpaintError
from flashpaint.paint.orders import begin, order_of
from flashpaint.paint.painter import EditingPainter, Order, Painter, Steps, WarmPainter
from flashpaint.paint.step import Step
from flashpaint.request import PaintRequest

log = logging.getLogger("flashpaint.cluster")

Size = tuple[int, int]

TELL_S = 0.05  # between two steps that are told: one crosses in about three milliseconds


class Underway:
    """A picture in this replica: followed on a thread, called off from any."""

    def __init__(self, work: Work, tell: Callable[[Step | Fault], object]) -> None:
        self.work, self.tell = work, tell
        self.left = work.order.steps - work.order.skipped
        self.called_off = threading.Event()
        self.steps: Steps | None = None

    def call_off(self) -> None:
        self.called_off.set()
        if self.steps is not None:
            self.steps.close()

    def follow(self, painter: Painter) -> None:
        """To the end, whatever it is; tells every step and an error as what they are."""
        try:
            if self.called_off.is_set():  # before its thread was free
                raise Cancelled("the picture was called off")
            self.steps = steps_of(painter, self.work)
            if self.called_off.is_set():  # while its text was read
                self.steps.close()
            for step in self.steps:
                self.left = step.steps - step.position
                self.tell(step)
        except Exception as error:
            if not isinstance(error, FlashpaintError):
                log.exception("a picture failed")
            self.tell(fault_of(error))


def steps_of(painter: Painter, work: Work) -> Steps:
    order = work.order
    if work.edit and order.source is not None and isinstance(painter, EditingPainter):
        return painter.edit(order.source.picture, order.source.edited, order, work.previews)
    return begin(painter, [order], work.previews)[0]


class PaintReplica:
    """warm: sizes that are painted before it is ready, so that nobody waits for their graphs; room: pictures at once;
    stuck_s: without a step of any for so long while there are some, it ends and Ray replaces it."""

    def __init__(self, models: Models, warm: Sequence[Size] = (), room: int = 64, stuck_s: float = 60) -> None:
        self.painter = models.open_painter()
        self.pool = ThreadPoolExecutor(room, thread_name_prefix="follows a picture")
        self.stuck_s, self.moved = stuck_s, time.monotonic()
        self.underway: set[Underway] = set()
        self.tallied = Tally(serve.get_replica_context().replica_id.unique_id, os.getpid())
        self.warm(warm)
        if (loop := getattr(self.painter, "loop", None)) is not None:
            loop.on_pass = self.passed

    def warm(self, sizes: Sequence[Size]) -> None:
        """Two of each size at once, so that how many pay together is measured too. Raises SizeUnsupported."""
        spec = self.painter.spec
        for width, height in sizes or [(spec.side, spec.side)]:
            request = PaintRequest("a cat in space", seed=1, width=width, height=height)
            order = order_of(request, spec, request.prompt, 1)
            for steps in self.painter.steps([order, replace(order, seed=2)]):
                for _ in steps:
                    pass

    # ---- painting

    async def paint(self, work: Work) -> AsyncGenerator[Heard, None]:
        """Begun at once, then steps, those with previews all, others as often as somebody can follow, the last with the
        picture; or a Fault in the end."""
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[Step | Fault] = asyncio.Queue()
        one = Underway(work, lambda what: loop.call_soon_threadsafe(heard.put_nowait, what))
        if not self.underway:
            self.moved = time.monotonic()
        self.underway.add(one)
        self.tallied.begun += 1
        what: Step | Fault | None = None
        told = time.monotonic()
        try:
            loop.run_in_executor(self.pool, one.follow, self.painter)
            yield Begun(self.tallied.replica, self.painter.notes_on(work.order.description))
            while not last(what):
                what = await heard.get()
                self.heard(what)
                if last(what) or (isinstance(what, Step) and what.preview) or time.monotonic() - told >= TELL_S:
                    yield what
                    told = time.monotonic()
        finally:
            one.call_off()  # the picture is nobody's, unless it is done
            self.underway.discard(one)
            self.tallied.finished += isinstance(what, Step) and what.picture is not None
            self.tallied.failed += isinstance(what, Fault)
            self.tallied.called_off += not last(what)

    def heard(self, what: Step | Fault) -> None:
        self.moved = time.monotonic()
        self.tallied.steps += isinstance(what, Step)

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float16] | Fault:
        assert isinstance(self.painter, WarmPainter)
        try:
            return self.painter.encode(pictures)
        except FlashpaintError as error:
            return fault_of(error)

    def noise_shares(self, order: Order) -> NDArray[np.float32]:
        assert isinstance(self.painter, WarmPainter)
        return self.painter.noise_shares(order)

    def notes_on(self, description: str) -> tuple[str, ...]:
        return self.painter.notes_on(description)

    # ---- for those who watch it

    def card(self) -> PainterCard:
        painter = self.painter
        batch = getattr(getattr(painter, "loop", None), "batch", None) or 1
        return PainterCard(
            painter.spec, painter.engine, isinstance(painter, WarmPainter), isinstance(painter, EditingPainter), batch
        )

    def tally(self) -> Tally:
        return replace(self.tallied, underway={one.work.key: one.left for one in [*self.underway]})

    def passed(self, pictures: int, seconds: float) -> None:
        self.tallied.passes += 1
        self.tallied.sharing += pictures

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Ray Serve asks, and `scaling.py` reads."""
        return {STEPS_LEFT: float(sum(one.left for one in [*self.underway]))}

    async def check_health(self) -> None:
        """Ray Serve asks. An exception would let it wait for what this replica has begun, which never ends: its process
        ends at once, so that its pictures are tried elsewhere and another takes its place."""
        stood = time.monotonic() - self.moved
        if self.underway and stood > self.stuck_s:
            log.error("no step of %d pictures for %.0f s: the engine hangs", len(self.underway), stood)
            logging.shutdown()
            os._exit(1)


def last(what: Heard | None) -> bool:
    return isinstance(what, Fault) or (isinstance(what, Step) and what.picture is not None)
