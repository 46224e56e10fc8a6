"""The studio: z = see(t), m = recall(z), d = tell(t, z), I = paint(d, m), remember(I).

The one room that knows all the others.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.clock import Clock
from flashpaint.composing import Composing, empty
from flashpaint.composition.wording import kept
from flashpaint.errors import OutOfRange
from flashpaint.job import Job
from flashpaint.memory.memory import Memory
from flashpaint.memory.opening import open_memory
from flashpaint.models.folder import ModelFolder
from flashpaint.models.spelling import Mended, Spelling, open_spelling
from flashpaint.paint.canvases import painted_size
from flashpaint.paint.opening import open_mini, open_painter
from flashpaint.paint.orders import begin, check, check_source, order_of, size_notes, source_notes, with_what_stays
from flashpaint.paint.painter import Order, Painter, Steps
from flashpaint.paint.step import Step
from flashpaint.painting import Event, Finished, Painting, Preview, Progress, Told
from flashpaint.recollection import Recollection
from flashpaint.request import SEED_LIMIT, PaintRequest
from flashpaint.see.opening import open_seer
from flashpaint.see.seer import Seer
from flashpaint.sights import Sights
from flashpaint.tell.opening import open_teller
from flashpaint.tell.teller import Teller, Telling

TOGETHER = 64  # of many requests, so many are in the loop at once


class Studio:
    """Paints requests with one seer, one teller and one painter. Any number of threads may ask: where the painter runs
    in the denoise loop, their pictures share its passes. spelling: of models that know few words; without, prompts are
    read as they are typed.

    studio = Studio.open()
    painting = studio.paint(PaintRequest("a cat in space", seed=7))
    """

    def __init__(
        self,
        seer: Seer,
        teller: Teller,
        painter: Painter,
        memory: Memory | None = None,
        spelling: Spelling | None = None,
    ) -> None:
        self.seer, self.teller, self.painter, self.memory, self.spelling = seer, teller, painter, memory, spelling
        self.recollection = None if memory is None else Recollection(memory, seer, painter, teller.name)
        self.sights = Sights(seer)
        self.concepts = self.sights.concepts
        self.composing = Composing(painter, self.told, self.seen, self.sights.read)
        self.reading: AbstractContextManager[object] = threading.Lock()  # seer and teller serve one caller at a time

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
        memory: str | Path | None = None,
    ) -> Studio:
        """Open an embedded model by name, or a model folder by path; every file is checked first.

        threads: of the CPU, None for all. precision of painting: "f32", "bf16", or None for the fastest that the
        processor has in hardware (their pictures look alike, not equal). painter: what paints in the model's stead, as
        `open_painter` takes it, with its revision, loras and fast. seer, teller: what sees and what tells instead, as
        `open_seer` and `open_teller` take them; mini's teller reads the codes of mini's clip and goes with no other.
        memory: of what was painted before: a folder, made if need be, or the address of a shared one
        (`postgresql://…?pictures=…`); None for none.
        Raises ModelNotFound, ModelDamaged, OutOfRange, or what `open_memory` does.
        """
        if str(seer) != "mini" and str(teller) == "mini":
            raise OutOfRange(
                "mini's teller reads what mini's clip sees: name a teller that goes with this seer, or none",
                param="teller",
            )
        folder = ModelFolder.open(model, wait=False)
        if painter is None:
            if loras or revision or fast != "off":
                raise OutOfRange(
                    f"LoRAs, a revision and fast are for a painter of the field, and {folder.manifest.name} is none: "
                    "leave them out, or name a --painter",
                    param="loras" if loras else "revision" if revision else "fast",
                )
            painted: Painter = open_mini(folder, threads, precision)
        else:
            painted = open_painter(painter, revision, loras, fast)
        eyes = open_seer(seer, folder, threads)
        told = open_teller(teller, folder, threads, (eyes.name, eyes.dim))
        kept = None
        if memory is not None:
            kept = open_memory(memory, painted.spec.title, eyes.name, folder)
        folder.verified()
        return cls(eyes, told, painted, kept, open_spelling(folder, painter, seer, teller))

    def paint(self, request: PaintRequest) -> Painting:
        """Paint one picture. Raises RequestInvalid before any work where the painter cannot do as it says."""
        return self.paint_many([request])[0]

    def paint_many(self, requests: Sequence[PaintRequest]) -> list[Painting]:
        """Paint all, several in one forward pass; one Painting a request, in their order."""
        for request in requests:
            self.check(request)
        done: list[Painting] = []
        for start in range(0, len(requests), TOGETHER):
            events = self._run(requests[start : start + TOGETHER], previews=False)
            done += [event.painting for event in events if isinstance(event, Finished)]
        return done

    def stream(self, request: PaintRequest, previews: bool = True) -> Generator[Event]:
        """The events of one picture as they happen, Finished last. Closing the iterator cancels within one step."""
        self.check(request)
        return self._run([request], previews)

    def check(self, request: PaintRequest) -> None:
        """Raise RequestInvalid where the painter cannot do as the request says."""
        check(request, self.painter.spec)
        check_source(request, self.painter, self.seer.name)

    def close(self) -> None:
        """Call off what is being painted, free the device, and close the memory."""
        self.painter.close()
        if self.memory is not None:
            self.memory.close()

    def _run(self, requests: Sequence[PaintRequest], previews: bool) -> Generator[Event]:
        clock = Clock()
        with clock("recall"):
            jobs = [self._job(request) for request in requests]
        fresh = [job for job in jobs if job.answer is None]
        if fresh:
            yield Progress("see")
            with self.reading, clock("see"):
                z = self.seer.see_text([job.request.prompt for job in fresh])
            yield Progress("tell")
            self._describe(fresh, z, clock)
            self._look_at_sources(fresh, clock)
        for job in jobs:
            yield Told(job.description)
        with clock("draft"):
            yield from self.composing.drafts(fresh, previews)
        with clock("condition"):
            rides = begin(self.painter, [job.whole for job in fresh], previews) if fresh else []
        try:
            waiting = iter(rides)
            for job in jobs:
                if job.answer is not None:
                    yield Finished(job.answer)
                else:
                    yield from self._painted(job, next(waiting), clock, previews, len(jobs) == 1)
        finally:
            for ride in rides:
                ride.close()

    def _job(self, asked: PaintRequest) -> Job:
        mended = self.mended(asked.prompt)
        request = replace(asked, prompt=mended.text) if mended.slips else asked
        memory = self.recollection if request.recallable else None
        recall = memory.recall(request) if memory else None
        seed = secrets.randbelow(SEED_LIMIT) if request.seed is None else request.seed
        order = order_of(request, self.painter.spec, request.prompt, seed)
        job = Job(request, order, asked, mended.notes, recall)
        if memory and recall and (answer := memory.remembered(recall, asked)):
            job.answer = replace(answer, notes=(*mended.notes, *answer.notes))
        return job

    def _describe(self, jobs: Sequence[Job], z: NDArray[np.float32], clock: Clock) -> None:
        """Each job's telling and order: what memory knows is not told again, and what it has near is started from."""
        memory = self.recollection
        for job, row in zip(jobs, z, strict=True):
            if memory and job.recall:
                job.recall.z = row
                if job.request.describe:
                    with clock("recall"):
                        job.telling = Telling(memory.description(job.recall, job.request.prompt))
        with self.reading, clock("tell"):
            self._tell(jobs, z)
        with clock("tell"):
            self.composing.plan(jobs)
        for job in jobs:
            job.order = replace(job.order, description=job.telling.description or job.request.prompt)
        if memory and any(job.recalls for job in jobs):
            with self.reading, clock("recall"):
                seen = self.seer.see_text([job.order.description for job in jobs])
                for job, row in zip(jobs, seen, strict=True):
                    if job.recall:
                        job.recall.seen = row
                        job.order = memory.started(job.recall, job.order, job.plan is not None)

    def _look_at_sources(self, jobs: Sequence[Job], clock: Clock) -> None:
        """What clip sees in the pictures that are painted by their looks."""
        for job in jobs:
            if job.order.source and job.order.source.look:
                with self.reading, clock("look"):
                    job.order = replace(job.order, look=self.seer.see_images([job.order.source.picture])[0])

    def _painted(self, job: Job, ride: Steps, clock: Clock, previews: bool, alone: bool) -> Generator[Event]:
        """A job's events from its first step on. What started from a neighbour and does not show what was asked for is
        painted again from noise."""
        yield Progress("denoise", job.whole.skipped, job.whole.steps)
        step = yield from self._follow(ride, clock, job.order)
        job.painted_steps += step.position - job.whole.skipped
        seen, memory = self._look(job, step, clock), self.recollection
        if memory and job.recall and seen is not None and not memory.accepts(job.recall, job.order, seen):
            job.order = replace(job.order, start=None, skipped=0)
            with clock("draft"):
                yield from self.composing.drafts([job], previews)
            again = self.painter.steps([job.whole], previews)[0]
            try:
                step = yield from self._follow(again, clock, job.order)
            finally:
                again.close()
            job.painted_steps += step.position - job.whole.skipped
            seen = self._look(job, step, clock)
        assert step.picture is not None
        seconds = clock.seconds()
        painting = self._painting(step.picture, job, seconds)
        if memory and job.recall and seen is not None:
            if alone:
                memory.learn(job.recall, job.order, seconds)
            with clock("remember"):
                reuse = memory.reuse(job.recall, job.order)
                kept = memory.keep(job.recall, painting, job.order, step.latents, seen)
            notes = (*painting.notes, *job.recall.notes)
            painting = replace(painting, reuse=replace(reuse, remembered=kept), timings=clock.seconds(), notes=notes)
        yield Finished(painting)

    def _look(self, job: Job, step: Step, clock: Clock) -> NDArray[np.float32] | None:
        """What clip sees in a picture that is to be guarded or remembered."""
        if not job.recalls or step.picture is None:
            return None
        with self.reading, clock("look"):
            seen: NDArray[np.float32] = self.seer.see_images([step.picture])[0]
            return seen

    def _follow(self, ride: Steps, clock: Clock, order: Order) -> Generator[Event, None, Step]:
        """The events of one picture on its way, and in the end the step that has it."""
        while True:
            with clock("denoise"):
                step = next(ride)
            yield Progress("denoise", step.position, step.steps)
            if step.preview is not None:
                yield Preview(with_what_stays(step.preview, order), step.position, step.steps)
            if step.picture is not None:
                clock.move("denoise", "decode", step.decode_s)
                yield Progress("decode")
                return replace(step, picture=with_what_stays(step.picture, order))

    def _tell(self, jobs: Sequence[Job], z: NDArray[np.float32]) -> None:
        """Each job's telling, of those that it is asked for and that memory does not know."""
        asked = [k for k, job in enumerate(jobs) if job.request.describe and not job.telling.description]
        if asked:
            told = self.telling([jobs[k].request.prompt for k in asked], z[asked])
            for k, telling in zip(asked, told, strict=True):
                jobs[k].telling = telling

    def mended(self, text: str) -> Mended:
        """What a text is read as, where the models know few words and slips of the fingers are mended."""
        return self.spelling.mend(text) if self.spelling else Mended(text)

    def telling(self, prompts: Sequence[str], z: NDArray[np.float32]) -> list[Telling]:
        """What the teller says to the prompts, shown their features z (n, dim)."""
        return self.teller.tell(prompts, self.sights(self.teller, prompts, z))

    def seen(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What clip sees in texts (n, dim)."""
        with self.reading:
            return self.seer.see_text(texts)

    def told(self, texts: Iterable[str]) -> dict[str, str]:
        """Each text of one thing or of a whole scene as the teller says it: in the painter's own words, in English."""
        unique = list(dict.fromkeys(texts))
        if not unique:
            return {}
        read = [self.mended(text).text for text in unique]
        with self.reading:
            told = self.telling(read, self.seer.see_text(read))
        said = [kept(text, telling.description) for text, telling in zip(read, told, strict=True)]
        return dict(zip(unique, said, strict=True))

    def _painting(self, picture: Image.Image, job: Job, seconds: Mapping[str, float]) -> Painting:
        spec, order = self.painter.spec, job.order
        used = {
            "model": spec.name,
            "version": spec.version,
            "engine": self.painter.engine,
            "teller": type(self.teller).__name__ if job.telling.description else "none",
        }
        size = painted_size(picture.size, spec)
        if size != picture.size and order.canvas == "flat":
            used["painted"] = f"{size[0]}x{size[1]}"
        if job.laid and job.plan:
            used["drafts"] = str(len(job.plan.placed))
        if sampler := order.sampler or spec.sampler:
            used["sampler"] = sampler
        return Painting(
            picture,
            order.description,
            job.asked,
            order.seed,
            order.steps,
            order.guidance_scale,
            seconds,
            used,
            self._notes(job),
            painted_steps=job.painted_steps,
        )

    def _notes(self, job: Job) -> tuple[str, ...]:
        told, request = job.telling, job.request
        notes = (*job.mended, *self.seer.notes_on(request.prompt), *self.painter.notes_on(job.order.description))
        notes += source_notes(request, job.order, self.painter)
        notes += size_notes(job.order, self.painter.spec, job.plan is not None or empty(job.order.description))
        if request.describe and not told.description:
            return (*notes, told.note or "the teller gave no description: the prompt itself is painted")
        return (*notes, told.note) if told.note else notes
