"""The studio: z = see(t), d = tell(t, z), I = paint(d). The one room that knows all the others."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from flashpaint.errors import ModelNotFound, SizeUnsupported
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.denoiser import Denoiser, DenoiserSpec
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.samplers import SAMPLERS, SamplerState
from flashpaint.paint.step import Step
from flashpaint.paint.trajectory import Trajectory
from flashpaint.request import SEED_LIMIT, Event, Finished, Painting, PaintRequest, Preview, Progress, Told
from flashpaint.see.seer import Seer
from flashpaint.tell.teller import Sight, Teller, Telling

TOGETHER = 64  # of many requests, so many are in the loop at once


class Studio:
    """Paints requests with one seer, one teller and one denoiser. Any number of threads may ask: their pictures share
    the denoiser's passes.

    studio = Studio.open()
    painting = studio.paint(PaintRequest("a cat in space", seed=7))
    """

    def __init__(self, seer: Seer, teller: Teller, denoiser: Denoiser) -> None:
        self.seer, self.teller, self.denoiser = seer, teller, denoiser
        self.loop = DenoiseLoop(denoiser)
        self._reading = threading.Lock()  # seer, teller and the denoiser's text encoder serve one caller at a time

    @classmethod
    def open(
        cls,
        model: str | Path = "mini",
        threads: int | None = None,
        precision: str | None = None,
        painter: str | Path | None = None,
        revision: str | None = None,
    ) -> Studio:
        """Open an embedded model by name, or a model folder by path; every file is checked first.

        threads: of the CPU, None for all. precision of painting: "f32", "bf16", or None for the fastest that the
        processor has in hardware (their pictures look alike, not equal). painter: a diffusers model that paints in
        the model's stead, a folder or a hub's "owner/name" at a revision (needs flashpaint[torch]). Raises
        ModelNotFound or ModelDamaged.
        """
        from flashpaint.see.mini import MiniSeer
        from flashpaint.tell.mini import MiniTeller

        folder = ModelFolder.open(model)
        seer, teller = MiniSeer(folder, threads), MiniTeller(folder, threads)
        if painter is not None:
            return cls(seer, teller, _of_the_field(painter, revision))
        from flashpaint.paint.mini import MiniDenoiser

        return cls(seer, teller, MiniDenoiser(folder, threads, precision))

    def paint(self, request: PaintRequest) -> Painting:
        """Paint one picture. Raises SizeUnsupported before any work."""
        return self.paint_many([request])[0]

    def paint_many(self, requests: Sequence[PaintRequest]) -> list[Painting]:
        """Paint all, several in one forward pass; one Painting a request, in their order."""
        for request in requests:
            size_of(request, self.denoiser.spec)
        done: list[Painting] = []
        for start in range(0, len(requests), TOGETHER):
            events = self._run(requests[start : start + TOGETHER], previews=False)
            done += [event.painting for event in events if isinstance(event, Finished)]
        return done

    def stream(self, request: PaintRequest, previews: bool = True) -> Generator[Event]:
        """The events of one picture as they happen, Finished last. Closing the iterator cancels within one step."""
        size_of(request, self.denoiser.spec)
        return self._run([request], previews)

    def _run(self, requests: Sequence[PaintRequest], previews: bool) -> Generator[Event]:
        clock = Clock()
        yield Progress("see")
        with self._reading, clock("see"):
            z = self.seer.see_text([request.prompt for request in requests])
        yield Progress("tell")
        with self._reading, clock("tell"):
            told = self._tell(requests, [Sight(row) for row in z])
        descriptions = [words.description or request.prompt for words, request in zip(told, requests, strict=True)]
        for description in descriptions:
            yield Told(description)
        with self._reading, clock("condition"):
            seeds = [secrets.randbelow(SEED_LIMIT) if r.seed is None else r.seed for r in requests]
            trajectories = self._trajectories(requests, descriptions, seeds)
        yield Progress("denoise", 0, trajectories[0].steps)
        try:
            with clock("denoise"):
                rides = [self.loop.steps(trajectory, previews) for trajectory in trajectories]
            for request, words, seed, trajectory, ride in zip(requests, told, seeds, trajectories, rides, strict=True):
                picture = yield from self._follow(ride, clock)
                yield Finished(
                    Painting(
                        picture,
                        words.description or request.prompt,
                        request,
                        seed,
                        trajectory.steps,
                        self._scale(request),
                        clock.seconds(),
                        self._used(words),
                        self._notes(request, words),
                    )
                )
        finally:
            for trajectory in trajectories:
                trajectory.cancelled = True

    def _follow(self, ride: Iterator[Step], clock: Clock) -> Generator[Event, None, Image.Image]:
        """The events of one trajectory, and in the end its picture."""
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

    def _tell(self, requests: Sequence[PaintRequest], sights: Sequence[Sight]) -> list[Telling]:
        """What the teller says; nothing where it is not asked."""
        asked = [k for k, request in enumerate(requests) if request.describe]
        tellings = [Telling("")] * len(requests)
        if asked:
            told = self.teller.tell([requests[k].prompt for k in asked], [sights[k] for k in asked])
            for k, telling in zip(asked, told, strict=True):
                tellings[k] = telling
        return tellings

    def _trajectories(
        self, requests: Sequence[PaintRequest], descriptions: Sequence[str], seeds: Sequence[int]
    ) -> list[Trajectory]:
        denoiser, spec = self.denoiser, self.denoiser.spec
        scales = [self._scale(request) for request in requests]
        conditioning, trajectories = denoiser.condition(descriptions, scales), []
        for k, (request, seed) in enumerate(zip(requests, seeds, strict=True)):
            width, height = size_of(request, spec)
            sigmas = denoiser.sigmas(request.steps or spec.steps, width, height)
            noise = seeded_noise(seed, (1, spec.latent_channels, height // spec.downscale, width // spec.downscale))
            trajectories.append(
                Trajectory(
                    denoiser.hold(sigmas[0] * noise),
                    sigmas,
                    conditioning[k : k + 1],
                    1.0 if spec.reads_guidance else scales[k],
                    SAMPLERS[spec.sampler],
                    SamplerState(spec.noise, seed),
                )
            )
        return trajectories

    def _scale(self, request: PaintRequest) -> float:
        given = request.guidance_scale
        return self.denoiser.spec.guidance_scale if given is None else float(given)

    def _notes(self, request: PaintRequest, told: Telling) -> tuple[str, ...]:
        notes = self.seer.notes_on(request.prompt)
        if request.describe and not told.description:
            return (*notes, told.note or "the teller gave no description: the prompt itself is painted")
        return (*notes, told.note) if told.note else notes

    def _used(self, told: Telling) -> dict[str, str]:
        spec = self.denoiser.spec
        return {
            "model": spec.name,
            "version": spec.version,
            "engine": self.denoiser.engine,
            "teller": type(self.teller).__name__ if told.description else "none",
        }


def _of_the_field(painter: str | Path, revision: str | None) -> Denoiser:
    try:
        from flashpaint.paint.diffusers.opening import open_diffusers
    except ImportError as missing:
        raise ModelNotFound(
            f"{painter} needs PyTorch and diffusers ({missing}): pip install 'flashpaint[torch]'", param="painter"
        ) from missing
    return open_diffusers(painter, revision)


def size_of(request: PaintRequest, spec: DenoiserSpec) -> tuple[int, int]:
    """(width, height) in pixels that this model will paint. Raises SizeUnsupported."""
    width, height = request.width or spec.side, request.height or spec.side
    if width not in spec.sides or height not in spec.sides:
        raise SizeUnsupported(
            f"{spec.name} paints sides of {said(spec.sides)} pixels, not {width}x{height}: try {spec.side}x{spec.side}",
            param="size",
        )
    return width, height


def said(sides: tuple[int, ...] | range) -> str:
    if isinstance(sides, range):
        return f"{sides[0]} to {sides[-1]} in steps of {sides.step}"
    return ", ".join(map(str, sorted(sides)))


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
