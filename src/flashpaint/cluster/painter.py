"""A Painter whose denoise loops are paint replicas: orders out, steps back, tried once more where a replica dies.

Called from threads, never from an event loop. A picture depends on its order alone, so a second try paints the same.
"""

from __future__ import annotations

import concurrent.futures
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RequestCancelledError
from ray.serve.handle import DeploymentHandle

from flashpaint.cluster import load
from flashpaint.cluster.crossing import Begun, Fault, Heard, PainterCard, Work, error_of
from flashpaint.cluster.reader import NOTES, asked
from flashpaint.errors import Cancelled, PaintingFailed, QueueFull, ReplicaLost
from flashpaint.paint.painter import Order, Painter, PainterSpec, Steps
from flashpaint.paint.step import Step

BEGIN_S = 30.0  # a replica that is there takes a picture within milliseconds: longer, and there is none
AGAIN_S = 4.0  # the same for a second try, whose caller has waited already
CALLED_OFF = (RequestCancelledError, concurrent.futures.CancelledError)
LOST = (RayError, DeploymentUnavailableError, StopIteration, *CALLED_OFF)


class RaySteps(Iterator[Step]):
    """The steps of one picture in whichever replica has it. Closing it, or letting it go, calls the picture off."""

    def __init__(self, painter: RayPainter, work: Work) -> None:
        self.painter, self.work = painter, work
        self.at = work.order.skipped  # the last position that was told
        self.tried: list[str] = []  # replicas that have begun it
        self.done = self.tries = False
        self.response: Any = None
        self.send()

    def send(self) -> None:
        load.here.expect(self.work)
        self.response = self.painter.handle.paint.remote(self.work)
        self.begun = False

    def __next__(self) -> Step:
        while not self.done:
            try:
                heard = self.hear()
            except BackPressureError as error:
                self.finish()
                raise QueueFull("too many pictures wait for a replica: try again in about 1 s", wait_s=1) from error
            except RayTaskError as error:
                self.finish()
                raise PaintingFailed("the replica failed on this picture: its log says why") from error
            except LOST as error:
                self.lost(error)
                continue
            if isinstance(heard, Fault):
                self.finish()
                raise error_of(heard)
            if isinstance(heard, Begun):
                self.begun = True
                self.tried.append(heard.replica)
                self.painter.note(self.work.order.description, heard.notes)
            elif step := self.told(heard):
                return step
        raise StopIteration

    def hear(self) -> Heard:
        with nullcontext() if self.begun else self.patience():
            heard: Heard = next(self.response)
            return heard

    def told(self, step: Step) -> Step | None:
        """Unless the first try has told it already."""
        load.here.moved(self.work.key, step.steps - step.position)
        if step.picture is not None:
            self.finish()
        elif step.position <= self.at:
            return None
        self.at = step.position
        return step

    def lost(self, error: BaseException) -> None:
        """Once more elsewhere, if this was the first time."""
        load.here.gone(self.work.key)
        if self.done:
            raise Cancelled("the picture was called off") from error
        if self.tries or isinstance(error, CALLED_OFF):  # by our patience
            self.finish()
            said = "its replica died, and no other could take it" if self.tried else "no replica is there"
            raise ReplicaLost(f"the picture was not painted, {said}: ask again") from error
        self.tries = True
        self.work = replace(self.work, key=secrets.token_hex(8), avoid=self.tried[-1] if self.tried else "")
        self.send()

    @contextmanager
    def patience(self) -> Iterator[None]:
        """Ray waits for a replica for as long as it takes."""
        response = self.response
        timer = threading.Timer(AGAIN_S if self.tries else BEGIN_S, lambda: response.cancel())
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def finish(self) -> None:
        self.done = True
        load.here.gone(self.work.key)

    def close(self) -> None:
        if not self.done:
            self.finish()
            if self.response is not None:
                self.response.cancel()

    def __del__(self) -> None:
        self.close()


class RayPainter:
    """Of a painter that starts from words alone."""

    def __init__(self, handle: DeploymentHandle[Any], card: PainterCard) -> None:
        self.calls, self.handle = handle, handle.options(stream=True)
        self.card = card
        self._notes: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()
        load.here.batch = card.batch

    @property
    def spec(self) -> PainterSpec:
        return self.card.spec

    @property
    def engine(self) -> str:
        return self.card.engine

    def steps(self, orders: Sequence[Order], previews: bool = False) -> list[Steps]:
        """Sent at once; where no replica has room, the first step raises QueueFull."""
        return [RaySteps(self, Work(secrets.token_hex(8), order, previews)) for order in orders]

    def notes_on(self, description: str) -> tuple[str, ...]:
        """Told by the replica with the picture's first word; asked for where there was none."""
        if (known := self._notes.get(description)) is None:
            known = asked(lambda: self.calls.notes_on.remote(description))
            self.note(description, known)
        return known

    def note(self, description: str, notes: tuple[str, ...]) -> None:
        with self._lock:
            self._notes[description] = notes
            while len(self._notes) > NOTES:
                self._notes.popitem(last=False)

    def close(self) -> None:
        """The replicas are Ray's to end; the pictures are called off by whoever follows them."""


class WarmRayPainter(RayPainter):
    """Of a painter that starts from the latents of other pictures."""

    def __init__(self, handle: DeploymentHandle[Any], card: PainterCard) -> None:
        super().__init__(handle, card)
        self._shares: dict[tuple[Any, ...], NDArray[np.float32]] = {}

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float16]:
        found: NDArray[np.float16] = asked(lambda: self.calls.encode.remote(list(pictures)))
        return found

    def noise_shares(self, order: Order) -> NDArray[np.float32]:
        """They follow from few of the order's fields, and are asked for once."""
        key = (order.steps, order.width, order.height, order.schedule, order.sigmas, order.canvas)
        if key not in self._shares:
            plain = replace(order, source=None, start=None, look=None)
            if len(self._shares) > NOTES:
                self._shares.clear()
            self._shares[key] = asked(lambda: self.calls.noise_shares.remote(plain))
        return self._shares[key]


class EditingRayPainter(RayPainter):
    """Of a painter that paints in one piece and takes a picture to change."""

    def edit(self, image: Image.Image, mask: Image.Image | None, order: Order, previews: bool = False) -> Steps:
        """The order's source is the picture and the mask."""
        return RaySteps(self, Work(secrets.token_hex(8), order, previews, edit=True))


def ray_painter(handle: DeploymentHandle[Any], card: PainterCard) -> Painter:
    """What the replicas' painter can do, and no more."""
    kind = WarmRayPainter if card.warm else EditingRayPainter if card.edits else RayPainter
    return kind(handle, card)
