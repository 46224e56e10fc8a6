"""The painter that is elsewhere: any OpenAI-compatible images endpoint, through the openai client.

Orders become calls on an event loop of the painter's own thread, a bounded number at once; what is heard of them comes
back as steps. Previews are the partial pictures of endpoints that stream.
"""

from __future__ import annotations

import asyncio
import io
import logging
import math
import threading
import time
import weakref
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from PIL import Image

from flashpaint.errors import (
    Cancelled,
    FlashpaintError,
    ModelNotFound,
    OutOfRange,
    PaintingFailed,
    PictureUnreadable,
    QueueFull,
    RequestInvalid,
)
from flashpaint.paint.address import key_for, parsed
from flashpaint.paint.decoding import decoded
from flashpaint.paint.desk import Call, Desk, Heard, RemoteSteps
from flashpaint.paint.painter import CHOICES, Order, PainterSpec
from flashpaint.paint.step import Step

SIDES = range(16, 3841, 16)
PARTIALS = 3  # previews of a picture, the most that the API gives
SAME_SHAPE = 0.02  # of the aspect ratio: what rounding to the endpoint's sizes may change

log = logging.getLogger(__name__)


def open_remote(address: str) -> RemotePainter:
    """By its address, as `address.parsed` reads it: https://host/v1#model."""
    base_url, model, options = parsed(address)
    return RemotePainter(base_url, model, **options)


class RemotePainter:
    """A Painter. base_url, model: as the openai client takes them; key: None for what the environment holds.

    heeds: of CHOICES, the fields that this endpoint takes beside the plain API (by extra_body, under the same names):
    what it does not heed is refused before it is asked. steps, guidance_scale: its defaults, which must be given where
    it heeds them, as a record says what was used.
    sides, side: what may be asked. connect_s, total_s: timeouts, the second of a picture with its retries. at_once:
    pictures that it is asked for at the same time; room: those that may wait for that.

    A picture of the asked shape in another size is scaled to what was asked; one of another shape is a failure.
    """

    engine = "remote"

    def __init__(
        self,
        base_url: str,
        model: str,
        key: str | None = None,
        *,
        heeds: Collection[str] = (),
        steps: int | None = None,
        guidance_scale: float | None = None,
        sides: tuple[int, ...] | range = SIDES,
        side: int = 1024,
        connect_s: float = 5.0,
        total_s: float = 600.0,
        retries: int = 2,
        at_once: int = 4,
        room: int = 64,
    ) -> None:
        try:
            from flashpaint.paint.endpoint import Endpoint
        except ImportError as missing:
            raise ModelNotFound(
                f"a remote painter needs the openai client ({missing}): pip install 'flashpaint[remote]'",
                param="painter",
            ) from missing
        _check(heeds, steps, guidance_scale, sides, side)
        self.spec = PainterSpec(
            name=model,
            version="remote",
            steps=steps or 1,
            guidance_scale=1.0 if guidance_scale is None else guidance_scale,
            sides=sides,
            side=side,
            heeds=frozenset(heeds),
        )
        self.endpoint = Endpoint(base_url, model, key or key_for(base_url), connect_s, total_s, retries)
        self.at_once, self.room = at_once, room
        self._changed = threading.RLock()  # a call may end while it is begun
        self._open = 0  # pictures that are begun and not ended
        self._took_s = 0.0  # seconds of a picture, a running mean
        self._desk: Desk | None = None

    def steps(self, orders: Sequence[Order], previews: bool = False) -> list[RemoteSteps]:
        return self._begin([Call(self._fields(order)) for order in orders], orders, previews)

    def edit(self, image: Image.Image, mask: Image.Image | None, order: Order, previews: bool = False) -> RemoteSteps:
        """One picture that changes `image` as the order's description says.

        mask: mode "L", of the image's size, white where it is painted anew; None for the endpoint to choose.
        """
        if mask is not None and mask.size != image.size:
            raise RequestInvalid(
                f"the mask has {mask.width}x{mask.height} pixels, the picture {image.width}x{image.height}: make them "
                "alike",
                param="mask",
            )
        return self._begin([self._edit(image, mask, order)], [order], previews)[0]

    def notes_on(self, description: str) -> tuple[str, ...]:
        if "seed" in self.spec.heeds:
            return ()
        return ("the endpoint takes no seed: the one that is recorded does not paint this picture again",)

    def close(self) -> None:
        """Call off what is being painted and hang up. The next order calls anew."""
        with self._changed:
            desk, self._desk = self._desk, None
        if desk is not None:
            desk.close()

    # ---- calls

    def _edit(self, image: Image.Image, mask: Image.Image | None, order: Order) -> Call:
        files = {"image": ("image.png", _png(image.convert("RGB")), "image/png")}
        if mask is not None:
            holes = Image.new("RGBA", mask.size)
            holes.putalpha(mask.convert("L").point(lambda white: 255 - white))  # the API edits where alpha is 0
            files["mask"] = ("mask.png", _png(holes), "image/png")
        return Call({**self._fields(order), **files}, edit=True)

    def _fields(self, order: Order) -> dict[str, Any]:
        asked = {name: getattr(order, name) for name in sorted(self.spec.heeds)}
        if order.sigmas is not None:
            asked.pop("steps", None)  # they say the steps
        extra = {name: value for name, value in asked.items() if value not in (None, "")}
        size = f"{order.width}x{order.height}"
        return {"prompt": order.description, "size": size, **({"extra_body": extra} if extra else {})}

    def _begin(self, calls: Sequence[Call], orders: Sequence[Order], previews: bool) -> list[RemoteSteps]:
        begun = []
        with self._changed:
            if self._open + len(calls) > self.room + self.at_once:
                wait = self._took_s * math.ceil(self._open / self.at_once)
                raise QueueFull(f"{self._open} pictures are waiting: try again in about {wait:.0f} s", wait_s=wait)
            if self._desk is None:
                self._desk = Desk(self.at_once)
                weakref.finalize(self, self._desk.stop)
            for call, order in zip(calls, orders, strict=True):
                steps = RemoteSteps()
                work = self._paint(self._desk, call, order, PARTIALS if previews else 0, steps.heard)
                self._open += 1
                steps.future = self._desk.run(work)
                steps.future.add_done_callback(partial(self._ended, steps.heard))
                begun.append(steps)
        return begun

    def _ended(self, heard: Heard, future: Future[None]) -> None:
        if future.cancelled():  # also one whose turn never came
            heard.put(Cancelled("the picture was cancelled"))
        with self._changed:
            self._open -= 1

    # ---- on the desk's thread

    async def _paint(self, desk: Desk, call: Call, order: Order, partials: int, heard: Heard) -> None:
        """Ask for one picture and tell what is heard of it; whatever happens, the last that is told ends it."""
        try:
            async with desk.turn:
                started = time.perf_counter()
                last = await self._last_step(desk, call, order, partials, heard)
                took = time.perf_counter() - started
                self._took_s += (took - self._took_s) * (0.1 if self._took_s else 1.0)
                heard.put(last)
        except FlashpaintError as failure:
            heard.put(failure)
        except Exception as failure:  # a fault of ours: nobody may be left waiting
            log.exception("a remote picture failed")
            heard.put(PaintingFailed(f"the remote painter broke: {failure!r}"))

    async def _last_step(self, desk: Desk, call: Call, order: Order, partials: int, heard: Heard) -> Step:
        if desk.client is None:
            desk.client = self.endpoint.client()

        def told(index: int, content: bytes) -> None:
            try:
                heard.put(Step(min(index, partials - 1) + 1, partials + 1, decoded(content)))
            except PictureUnreadable:  # the picture itself may still be whole
                log.warning("a preview of %s cannot be read", self.spec.name)

        content = await self.endpoint.picture(desk.client, call, partials, told)
        started = time.perf_counter()
        try:
            picture = await asyncio.to_thread(decoded, content)
        except PictureUnreadable as failure:
            raise PaintingFailed(f"{self.endpoint.host} sent what cannot be read: {failure.message}") from failure
        picture = fitted(picture, order.width, order.height)
        count = partials + 1
        return Step(count, count, picture=picture, decode_s=time.perf_counter() - started)


def fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in the size that was asked: scaled where the shape is that one, PaintingFailed where it is not.

    Endpoints have sizes of their own; who asked 512x512 counts on it, and cropping would cut off what was painted.
    """
    if picture.size == (width, height):
        return picture
    if abs(picture.width * height / (picture.height * width) - 1) > SAME_SHAPE:
        raise PaintingFailed(
            f"the endpoint painted {picture.width}x{picture.height} where {width}x{height} was asked: ask for a shape "
            "that it paints"
        )
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _check(
    heeds: Collection[str],
    steps: int | None,
    guidance_scale: float | None,
    sides: tuple[int, ...] | range,
    side: int,
) -> None:
    """Raise OutOfRange unless the parameters can be true of an endpoint."""
    if unknown := set(heeds) - CHOICES:
        known = ", ".join(sorted(CHOICES))
        raise OutOfRange(f"an endpoint heeds none of {', '.join(sorted(unknown))}, but may: {known}", param="heeds")
    for name, value in (("steps", steps), ("guidance_scale", guidance_scale)):
        if name in heeds and value is None:
            raise OutOfRange(f"an endpoint that heeds {name} has a default: say it, as in {name}=4", param=name)
    if side not in sides:
        raise OutOfRange(f"side is {side}: give one of the sides that the endpoint paints", param="side")


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
