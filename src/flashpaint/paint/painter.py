"""The seam that the studio paints through: orders in, steps and pictures out. Knows no implementation.

Models that run in our denoise loop fulfil `Denoiser`, and `loop_painter` makes a Painter of them; those that paint in
one piece (a remote endpoint, a pipeline that is called whole) fulfil this directly: their pictures share no passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.step import Step
from flashpaint.request import Region, Source

# what a request may ask beside its prompt and size, and a painter may heed
CHOICES = frozenset({"seed", "steps", "guidance_scale", "negative", "sampler", "schedule", "sigmas"})


@dataclass(frozen=True, kw_only=True)
class PainterSpec:
    """What a caller may ask of a model.

    steps, guidance_scale: by default; sides: the widths and heights that it paints; side: the one by default; heeds:
    the fields of a request, of those in CHOICES, that change its pictures; what it does not heed is refused; loras: the
    names of those that it has loaded; sampler: a name in SAMPLERS, None where the painter does not say; drafts:
    whether several things are painted apart and laid together, since it paints each better alone; windowed: the widths
    and heights besides, of pictures that it paints in windows of its own size, and reduces where one is less.
    """

    name: str
    version: str
    steps: int
    guidance_scale: float
    sides: tuple[int, ...] | range
    side: int
    heeds: frozenset[str] = CHOICES
    loras: tuple[str, ...] = ()
    sampler: str | None = None
    drafts: bool = False
    windowed: range = range(0)

    @property
    def title(self) -> str:
        """Name and version, under which its pictures are remembered and its pace is known."""
        return f"{self.name} {self.version}"

    def at_once(self, size: tuple[int, int]) -> bool:
        """Whether it sees the whole of a flat picture of this (width, height)."""
        return all(side in self.sides for side in size)

    def by_windows(self, size: tuple[int, int]) -> bool:
        """Whether it paints a flat picture of this (width, height) in windows, or larger and then reduced."""
        return not self.at_once(size) and all(side in self.windowed for side in size)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Some to choose from: of a painter of many, of half its own side, that, half as much again and twice."""
        few = isinstance(self.sides, tuple) and not self.windowed
        sides = self.sides if few else [int(share * self.side) for share in (0.5, 1, 1.5, 2)]
        shapes = [(width, height) for width in sides for height in sides if few or width <= 2 * height <= 4 * width]
        return [size for size in shapes if self.at_once(size) or self.by_windows(size)]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One picture for a Painter: a request with its description, and the spec's defaults where it was silent.

    start: clean latents (channels, height, width) that are noised to the level after `skipped` steps, where the painter
    starts from them instead of from noise alone. source: a picture of the order's size whose latents are the start, and
    whose part outside the mask stays; its `skipped` follows from its strength. look (dim,): a picture's features that
    are painted in the description's stead. regions, canvas: as in a request. painted: (width, height) that it has on
    the way to its own size, None at the end of it.
    """

    description: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    negative: str = ""
    sampler: str | None = None
    schedule: str | None = None
    sigmas: tuple[float, ...] | None = None
    loras: tuple[tuple[str, float], ...] = ()
    start: NDArray[np.float16] | None = None
    skipped: int = 0
    source: Source | None = None
    look: NDArray[np.float32] | None = None
    regions: tuple[Region, ...] = ()
    canvas: str = "flat"
    painted: tuple[int, int] | None = None


class Steps(Iterator[Step], Protocol):
    """The steps of one picture as they happen, the last with the picture; raises FlashpaintError where it fails."""

    def close(self) -> None:
        """Call the picture off, whether it has begun or not; a finished one is left as it is."""
        ...


class Painter(Protocol):
    """A model that paints whole pictures. Any thread may call; one that serves one at a time queues by itself."""

    @property
    def spec(self) -> PainterSpec: ...

    @property
    def engine(self) -> str:
        """What runs it, for the record: "torch float32 cpu", "remote"."""
        ...

    def steps(self, orders: Sequence[Order], previews: bool = False) -> Sequence[Steps]:
        """One of Steps an order, all begun or none (QueueFull). A painter that knows no steps tells the last alone."""
        ...

    def notes_on(self, description: str) -> tuple[str, ...]:
        """What a caller should know of how this text is read, such as that its end is not."""
        ...

    def close(self) -> None:
        """Call off what is being painted and free the device."""
        ...


@runtime_checkable
class WarmPainter(Painter, Protocol):
    """A painter whose orders may start from the latents of another picture."""

    def noise_shares(self, order: Order) -> NDArray[np.float32]:
        """How much of x is noise at each of the order's levels (steps + 1,), falling from 1 or less to 0: alike for all
        kinds of models, as sigma is not."""
        ...

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float16]:
        """RGB pictures of one size -> their latents (n, channels, height, width)."""
        ...


@runtime_checkable
class EditingPainter(Painter, Protocol):
    """A painter that paints in one piece and takes a picture to change."""

    def edit(self, image: Image.Image, mask: Image.Image | None, order: Order, previews: bool = False) -> Steps:
        """The steps of one picture that changes `image` as the order says. mask: "L", white where it is edited."""
        ...
