"""The seam of models that paint a picture in one piece: a remote endpoint, a pipeline that is called whole.

Their pictures share no passes and start from no memory; everything else of the studio is the same for them. What a
Denoiser and they have in common is the PainterSpec. Knows no implementation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from flashpaint.paint.step import Step


@dataclass(frozen=True, kw_only=True)
class PainterSpec:
    """What a caller may ask of a model.

    steps, guidance_scale: by default; sides: the widths and heights that it paints; side: the one by default.
    """

    name: str
    version: str
    steps: int
    guidance_scale: float
    sides: tuple[int, ...] | range
    side: int


@dataclass(frozen=True, kw_only=True)
class Order:
    """One picture for a Painter. width, height: in pixels, of the spec's sides; negative: what to steer away from."""

    description: str
    seed: int
    width: int
    height: int
    steps: int
    guidance_scale: float
    negative: str = ""


class Painter(Protocol):
    """A model that paints a whole picture by itself."""

    @property
    def spec(self) -> PainterSpec: ...

    @property
    def engine(self) -> str:
        """What runs it, for the record: "torch float32 cpu", "remote"."""
        ...

    def steps(self, order: Order, previews: bool = False) -> Iterator[Step]:
        """Its steps as far as they can be known, the last with the picture; closing the iterator calls it off.

        Raises FlashpaintError. Any thread may call; a painter that serves one at a time queues by itself.
        """
        ...
