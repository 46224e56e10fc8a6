"""The denoise loop: the one thread that owns the device, and the trajectories that ride it.

Between two ticks newcomers enter and the cancelled leave; each tick moves the trajectories of one shape that are due
first, as many as pay on this device. Knows no prompts, files or requests.
"""

from __future__ import annotations

import atexit
import itertools
import logging
import math
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flashpaint.errors import Cancelled, FlashpaintError, PaintingFailed, QueueFull
from flashpaint.paint.arrays import array_namespace, kept
from flashpaint.paint.denoiser import Denoiser
from flashpaint.paint.pace import batch_that_pays
from flashpaint.paint.step import HeardSteps, Step, told
from flashpaint.paint.trajectory import Trajectory, tick

if TYPE_CHECKING:
    import asyncio  # imported by who paints with it: the command line does not

IDLE_S = 5.0  # a loop without work gives its thread back after this
CLOSE_S = 10.0  # no pass takes so long on purpose: closing never waits for an engine that hangs

log = logging.getLogger(__name__)

_loops: weakref.WeakSet[DenoiseLoop] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """An engine that is cut off in the middle of a pass ends the process with an error."""
    for loop in list(_loops):
        loop.close()


Listener = Callable[[Step | FlashpaintError], None]


@dataclass(eq=False)
class Ride:
    """A trajectory in the loop and who listens to it."""

    trajectory: Trajectory
    listener: Listener
    previews: bool
    order: int

    @property
    def due(self) -> tuple[float, int]:
        return self.trajectory.deadline, self.order


class Following(HeardSteps):
    """The steps of one trajectory."""

    def __init__(self, trajectory: Trajectory) -> None:
        super().__init__()
        self.trajectory = trajectory

    def call_off(self) -> None:
        self.trajectory.cancelled = True


class DenoiseLoop:
    """Paints trajectories with one denoiser. Any thread may submit; the loop's own thread alone calls the denoiser.

    room: trajectories that may be in the loop at once; batch: the most rows that share a pass (a trajectory is one, or
    one a view), None to measure what pays when it first matters.
    """

    def __init__(self, denoiser: Denoiser, room: int = 256, batch: int | None = None) -> None:
        self.denoiser, self.room, self.batch = denoiser, room, batch
        self._rides: list[Ride] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._orders = itertools.count()
        self._last: list[Ride] = []  # who shared the last pass
        self._step_s = 0.0  # seconds that one step of one trajectory takes, a running mean
        self.on_pass: Callable[[int, float], None] = lambda pictures, seconds: None  # for whoever measures
        _loops.add(self)

    # ---- for callers, from any thread

    def submit(self, trajectory: Trajectory, listener: Listener, previews: bool = False) -> None:
        """Let it in between two ticks. The listener hears each Step on the loop's thread, the last with the picture,
        or one error in the end: Cancelled or PaintingFailed. Raises QueueFull at once when there is no room."""
        with self._changed:
            if len(self._rides) >= self.room:
                wait = self.expected_wait_s()
                raise QueueFull(
                    f"{len(self._rides)} pictures are waiting: try again in about {math.ceil(wait)} s", wait_s=wait
                )
            self._rides.append(Ride(trajectory, listener, previews, next(self._orders)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="denoise loop", daemon=True)
                self._thread.start()
            self._changed.notify()

    def __len__(self) -> int:
        """Trajectories in the loop."""
        return len(self._rides)

    def expected_wait_s(self) -> float:
        """Seconds until all that is in the loop now is painted."""
        return self._step_s * sum(r.trajectory.steps - r.trajectory.position for r in self._rides)

    def steps(self, trajectory: Trajectory, previews: bool = False) -> Following:
        """Submit at once, then its steps as they happen; closing the iterator cancels. Raises what submit says."""
        following = Following(trajectory)
        self.submit(trajectory, following.heard.put, previews)
        return following

    async def steps_async(self, trajectory: Trajectory, previews: bool = False) -> AsyncIterator[Step]:
        """The same for asyncio; cancelling the task cancels the picture."""
        import asyncio

        ours = asyncio.get_running_loop()
        heard: asyncio.Queue[Step | FlashpaintError] = asyncio.Queue()
        self.submit(trajectory, lambda step: _post(ours, heard, step), previews)
        try:
            while True:
                step = told(await heard.get())
                yield step
                if step.picture is not None:
                    return
        finally:
            trajectory.cancelled = True

    def close(self) -> None:
        """Call all pictures off and wait until the device is free. A closed loop opens again with the next submit."""
        with self._changed:
            thread, self._closing = self._thread, self._thread is not None
            for ride in self._rides:
                ride.trajectory.cancelled = True
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_S)

    # ---- on the loop's thread

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as failure:  # a fault of ours: nobody may be left waiting
            with self._changed:
                left, self._rides, self._thread = self._rides, [], None
            for ride in left:
                self._tell(ride, PaintingFailed(f"the denoise loop broke: {failure!r}"))
            raise

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._rides or self._closing, IDLE_S)
                if not self._rides:
                    self._thread, self._closing = None, False
                    return
                rides = sorted(self._rides, key=lambda ride: ride.due)
            for ride in [r for r in rides if r.trajectory.cancelled]:
                self._leave(ride, Cancelled("the picture was cancelled"))
            if due := self._due([r for r in rides if not r.trajectory.cancelled]):
                self._advance(due)

    def _due(self, rides: list[Ride]) -> list[Ride]:
        """Those of the shape that is due first, as many as pay; one that takes more rows by itself goes alone."""
        alike = [r for r in rides if r.trajectory.shape == rides[0].trajectory.shape]
        rows = list(itertools.accumulate(r.trajectory.rows for r in alike))
        if self.batch is None and rows and rows[-1] > 1:
            try:
                self.batch = batch_that_pays(self.denoiser, alike[0].trajectory)
            except Exception:  # what is wrong with this one shows in its own tick
                log.warning("the pace could not be measured", exc_info=True)
                self.batch = 1
        return alike[: max(1, sum(many <= (self.batch or 1) for many in rows))]

    def _advance(self, rides: list[Ride]) -> None:
        if rides != self._last:
            self.denoiser.forget()
            self._last = rides
        started = time.perf_counter()
        try:
            tick(self.denoiser, [ride.trajectory for ride in rides], self.batch)
        except Exception as failure:
            self._apart(rides, failure)
            return
        took = time.perf_counter() - started
        self.on_pass(len(rides), took)
        each = took / len(rides)
        self._step_s += (each - self._step_s) * (0.1 if self._step_s else 1.0)
        for ride in rides:
            self._report(ride)

    def _apart(self, rides: list[Ride], failure: Exception) -> None:
        """A pass has failed and moved none: out of memory halves the batch, else each of several goes alone."""
        rows = sum(ride.trajectory.rows for ride in rides)
        if _is_out_of_memory(failure) and rows > 1 and self.batch != 1:
            self.batch = min(rows, self.batch or rows) // 2
        elif len(rides) == 1:
            log.warning("a picture failed", exc_info=failure)
            self._leave(rides[0], _as_ours(failure))
        else:
            for ride in rides:
                self._advance([ride])

    def _report(self, ride: Ride) -> None:
        trajectory, started = ride.trajectory, time.perf_counter()
        try:
            if not _is_finite(trajectory):
                raise PaintingFailed(f"the latents are no numbers after step {trajectory.position}: try another seed")
            if trajectory.finished:
                picture = trajectory.picture(self.denoiser)
                took = time.perf_counter() - started
                latents = kept(trajectory.latents[0])
                self._leave(ride, Step(trajectory.position, trajectory.steps, None, picture, took, latents))
            else:
                preview = trajectory.preview(self.denoiser) if ride.previews else None
                self._tell(ride, Step(trajectory.position, trajectory.steps, preview))
        except Exception as failure:
            self._leave(ride, _as_ours(failure))

    def _leave(self, ride: Ride, last: Step | FlashpaintError) -> None:
        with self._changed:
            self._rides.remove(ride)
        self._tell(ride, last)

    def _tell(self, ride: Ride, what: Step | FlashpaintError) -> None:
        try:
            ride.listener(what)
        except Exception:  # a caller who is gone harms nobody else
            log.warning("a listener failed", exc_info=True)
            ride.trajectory.cancelled = True


def _post(
    ours: asyncio.AbstractEventLoop, heard: asyncio.Queue[Step | FlashpaintError], what: Step | FlashpaintError
) -> None:
    if not ours.is_closed():
        ours.call_soon_threadsafe(heard.put_nowait, what)


def _as_ours(failure: Exception) -> FlashpaintError:
    if isinstance(failure, FlashpaintError):
        return failure
    wrapped = PaintingFailed(f"the engine failed on this picture: {failure}")
    wrapped.__cause__ = failure
    return wrapped


def _is_out_of_memory(failure: Exception) -> bool:
    """NumPy's, and by their words PyTorch's and OpenVINO's, without importing either."""
    return isinstance(failure, MemoryError) or "out of memory" in str(failure).lower()


def _is_finite(trajectory: Trajectory) -> bool:
    xp = array_namespace(trajectory.latents)
    return bool(xp.all(xp.isfinite(trajectory.latents)))
