"""The studio: z = see(t), d = tell(t, z), I = paint(d). The one room that knows all the others."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.errors import OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.opening import open_mini, open_painter
from flashpaint.paint.orders import check, order_of
from flashpaint.paint.painter import Order, Painter, Steps
from flashpaint.request import SEED_LIMIT, Event, Finished, Painting, PaintRequest, Preview, Progress, Told
from flashpaint.see.concepts import Concepts
from flashpaint.see.opening import open_seer
from flashpaint.see.seer import Seer
from flashpaint.tell.opening import open_teller
from flashpaint.tell.teller import Sight, Teller, Telling

TOGETHER = 64  # of many requests, so many are in the loop at once


class Studio:
    """Paints requests with one seer, one teller and one painter. Any number of threads may ask: where the painter runs
    in the denoise loop, their pictures share its passes.

    studio = Studio.open()
    painting = studio.paint(PaintRequest("a cat in space", seed=7))
    """

    def __init__(self, seer: Seer, teller: Teller, painter: Painter) -> None:
        self.seer, self.teller, self.painter = seer, teller, painter
        self._concepts = Concepts(seer)
        self._reading = threading.Lock()  # seer and teller serve one caller at a time

    @classmethod
    def open(
        cls,
        model: str | Path = "mini",
        threads: int | None = None,
        precision: str | None = None,
        painter: str | Path | None = None,
        revision: str | None = None,
        loras: Mapping[str, Path] | None = None,
        fast: str = "off",
        seer: str | Path = "mini",
        teller: str | Path = "mini",
    ) -> Studio:
        """Open an embedded model by name, or a model folder by path; every file is checked first.

        threads: of the CPU, None for all. precision of painting: "f32", "bf16", or None for the fastest that the
        processor has in hardware (their pictures look alike, not equal). painter: what paints in the model's stead, as
        `open_painter` takes it, with its revision, loras and fast. seer, teller: what sees and what tells instead, as
        `open_seer` and `open_teller` take them; mini's teller reads the codes of mini's clip and goes with no other.
        Raises ModelNotFound, ModelDamaged or OutOfRange.
        """
        if str(seer) != "mini" and str(teller) == "mini":
            raise OutOfRange(
                "mini's teller reads what mini's clip sees: name a teller that goes with this seer, or none",
                param="teller",
            )
        folder = ModelFolder.open(model)
        if painter is None:
            if loras:
                raise OutOfRange(f"{folder.manifest.name} wears no LoRAs: name a --painter that does", param="loras")
            painted: Painter = open_mini(folder, threads, precision)
        else:
            painted = open_painter(painter, revision, loras, fast)
        eyes = open_seer(seer, folder, threads)
        return cls(eyes, open_teller(teller, folder, threads, (eyes.name, eyes.dim)), painted)

    def paint(self, request: PaintRequest) -> Painting:
        """Paint one picture. Raises RequestInvalid before any work where the painter cannot do as it says."""
        return self.paint_many([request])[0]

    def paint_many(self, requests: Sequence[PaintRequest]) -> list[Painting]:
        """Paint all, several in one forward pass; one Painting a request, in their order."""
        for request in requests:
            check(request, self.painter.spec)
        done: list[Painting] = []
        for start in range(0, len(requests), TOGETHER):
            events = self._run(requests[start : start + TOGETHER], previews=False)
            done += [event.painting for event in events if isinstance(event, Finished)]
        return done

    def stream(self, request: PaintRequest, previews: bool = True) -> Generator[Event]:
        """The events of one picture as they happen, Finished last. Closing the iterator cancels within one step."""
        check(request, self.painter.spec)
        return self._run([request], previews)

    def _run(self, requests: Sequence[PaintRequest], previews: bool) -> Generator[Event]:
        clock = Clock()
        yield Progress("see")
        with self._reading, clock("see"):
            z = self.seer.see_text([request.prompt for request in requests])
        yield Progress("tell")
        with self._reading, clock("tell"):
            told = self._tell(requests, z)
        orders = [self._order(request, words) for request, words in zip(requests, told, strict=True)]
        for order in orders:
            yield Told(order.description)
        with clock("condition"):
            rides = self.painter.steps(orders, previews)
        try:
            yield Progress("denoise", 0, orders[0].steps)
            for request, words, order, ride in zip(requests, told, orders, rides, strict=True):
                picture = yield from self._follow(ride, clock)
                yield Finished(self._painting(picture, request, words, order, clock.seconds()))
        finally:
            for ride in rides:
                ride.close()

    def _order(self, request: PaintRequest, words: Telling) -> Order:
        seed = secrets.randbelow(SEED_LIMIT) if request.seed is None else request.seed
        return order_of(request, self.painter.spec, words.description or request.prompt, seed)

    def _follow(self, ride: Steps, clock: Clock) -> Generator[Event, None, Image.Image]:
        """The events of one picture on its way, and in the end the picture."""
        while True:
            with clock("denoise"):
                step = next(ride)
            yield Progress("denoise", step.position, step.steps)
            if step.preview is not None:
                yield Preview(step.preview, step.position, step.steps)
            if step.picture is not None:
                clock.move("denoise", "decode", step.decode_s)
                yield Progress("decode")
                return step.picture

    def _sights(self, prompts: Sequence[str], z: NDArray[np.float32]) -> list[Sight]:
        """What the teller is shown of each prompt; the concepts are seen only for one that reads them."""
        if not self.teller.concepts:
            return [Sight(row) for row in z]
        near = self._concepts.near(z, self.teller.concepts)
        return [
            Sight(row, concepts=words, nearness=self._concepts.nearness(prompt, row))
            for prompt, row, words in zip(prompts, z, near, strict=True)
        ]

    def _tell(self, requests: Sequence[PaintRequest], z: NDArray[np.float32]) -> list[Telling]:
        """What the teller says; nothing where it is not asked."""
        asked = [k for k, request in enumerate(requests) if request.describe]
        tellings = [Telling("")] * len(requests)
        if asked:
            prompts = [requests[k].prompt for k in asked]
            told = self.teller.tell(prompts, self._sights(prompts, z[asked]))
            for k, telling in zip(asked, told, strict=True):
                tellings[k] = telling
        return tellings

    def _painting(
        self, picture: Image.Image, request: PaintRequest, told: Telling, order: Order, seconds: Mapping[str, float]
    ) -> Painting:
        spec = self.painter.spec
        used = {
            "model": spec.name,
            "version": spec.version,
            "engine": self.painter.engine,
            "teller": type(self.teller).__name__ if told.description else "none",
        }
        if sampler := order.sampler or spec.sampler:
            used["sampler"] = sampler
        return Painting(
            picture,
            order.description,
            request,
            order.seed,
            order.steps,
            order.guidance_scale,
            seconds,
            used,
            self._notes(request, told, order),
        )

    def _notes(self, request: PaintRequest, told: Telling, order: Order) -> tuple[str, ...]:
        notes = (*self.seer.notes_on(request.prompt), *self.painter.notes_on(order.description))
        if request.describe and not told.description:
            return (*notes, told.note or "the teller gave no description: the prompt itself is painted")
        return (*notes, told.note) if told.note else notes


class Clock:
    """Adds up the seconds of each stage; `total` runs from its making."""

    def __init__(self) -> None:
        self._started, self._spent = time.perf_counter(), dict[str, float]()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = self._spent.get(stage, 0.0) + time.perf_counter() - started

    def move(self, one: str, other: str, seconds: float) -> None:
        """Count these seconds of one stage as another's."""
        self._spent[one] = self._spent.get(one, 0.0) - seconds
        self._spent[other] = self._spent.get(other, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        return {**self._spent, "total": time.perf_counter() - self._started}
