"""The seam of `paint`: what a text-to-image model has to do. Knows no implementation.

x, sigma and x0 are k-diffusion's (Karras et al. 2022): x is the noisy latents, sigma their noise level, one a sample,
x0 the model's estimate of the clean latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.arrays import Array, array_namespace
from flashpaint.paint.noise import Mixing
from flashpaint.paint.painter import PainterSpec

Loras: TypeAlias = tuple[tuple[str, float], ...]


@dataclass(frozen=True, kw_only=True)
class DenoiserSpec(PainterSpec):
    """A painter's constants, and those of its latents.

    latent_channels; downscale: pixels a latent; noise: how x mixes x0 and noise ("flow": (1-sigma) x0 + sigma noise,
    "sd": x0 + sigma noise); shift: of the flow schedule; guidance_interval: sigmas (low, high) between which guidance
    is used; reads_guidance: the scale is an input of the network (distilled guidance),
    not a second pass.
    """

    latent_channels: int
    downscale: int
    noise: Mixing
    shift: float = 1.0
    guidance_interval: tuple[float, float] = (0.0, float("inf"))
    sampler: str = "euler"
    reads_guidance: bool = False


@dataclass(frozen=True)
class Conditioning:
    """What the denoiser reads beside latents and sigmas: arrays by the model's own names, each of one row a sample.

    loras: (name, weight) of those that the network wears while it reads them, the same for all rows.
    """

    arrays: Mapping[str, Array]
    loras: Loras = ()

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __getitem__(self, which: slice | list[int]) -> Conditioning:
        """The rows of a slice or of a list of numbers."""
        return Conditioning({name: array[which] for name, array in self.arrays.items()}, self.loras)

    def silent(self) -> Conditioning:
        """Zeros of the same shape: the null of models that were trained with it."""
        return Conditioning({name: 0 * array for name, array in self.arrays.items()}, self.loras)

    @property
    def shape(self) -> tuple[Any, ...]:
        """Of one row, all arrays, and the LoRAs: rows of one shape can be joined."""
        return (*(side for name in sorted(self.arrays) for side in self.arrays[name].shape[1:]), *self.loras)

    @staticmethod
    def join(parts: Sequence[Conditioning]) -> Conditioning:
        """One batch of several."""
        if len(parts) == 1:
            return parts[0]
        return Conditioning(
            {
                name: array_namespace(array).concat([part.arrays[name] for part in parts])
                for name, array in parts[0].arrays.items()
            },
            parts[0].loras,
        )


class Denoiser(Protocol):
    """One text-to-image model."""

    @property
    def spec(self) -> DenoiserSpec: ...

    @property
    def engine(self) -> str:
        """What runs it, for the record: "openvino f32 cpu"."""
        ...

    def condition(
        self, descriptions: Sequence[str], guidance_scales: Sequence[float], loras: Loras = ()
    ) -> Conditioning:
        """One row a description; the scales are for models that read them (spec.reads_guidance)."""
        ...

    def null(self, conditioning: Conditioning) -> Conditioning:
        """The condition that says nothing, of the same shape: what guidance steers away from."""
        ...

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        """The model's own schedule for pictures of this many pixels: (steps + 1,) noise levels, falling to 0."""
        ...

    def hold(self, array: NDArray[np.float32]) -> Array:
        """The array as this model's engine holds it."""
        ...

    def denoise(self, latents: Array, sigmas: Array, conditioning: Conditioning) -> Array:
        """The x0 estimate of latents (n, channels, h, w) at sigmas (n,) of NumPy, one noise level a sample."""
        ...

    def encode(self, images: Sequence[Image.Image]) -> Array:
        """RGB pictures of one size -> clean latents (n, channels, height / downscale, width / downscale)."""
        ...

    def decode(self, latents: Array) -> list[Image.Image]:
        """Clean latents -> RGB pictures."""
        ...

    def preview(self, latents: Array) -> list[Image.Image]:
        """A cheaper decode, for pictures on their way."""
        ...

    def notes_on(self, description: str) -> tuple[str, ...]:
        """What a caller should know of how this text is read, such as that its end is not."""
        ...

    def forget(self) -> None:
        """The next pass moves other trajectories than the last: let go of what was kept from pass to pass."""
        ...
