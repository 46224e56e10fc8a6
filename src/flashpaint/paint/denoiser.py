"""The seam of `paint`: what a text-to-image model has to do. Knows no implementation.

x, sigma and x0 are k-diffusion's (Karras et al. 2022): x is the noisy latents, sigma their noise level, one a sample,
x0 the model's estimate of the clean latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.arrays import Array


@dataclass(frozen=True)
class DenoiserSpec:
    """The model's constants.

    latent_channels; downscale: pixels a latent; noise: how x mixes x0 and noise ("flow": (1-sigma) x0 + sigma noise,
    "sd": x0 + sigma noise); shift: of the flow schedule; guidance_interval: sigmas (low, high) between which guidance
    is used; sides: the widths and heights that it paints; side: the one by default; sampler: a name in SAMPLERS.
    """

    name: str
    version: str
    latent_channels: int
    downscale: int
    noise: Literal["flow", "sd"]
    shift: float
    steps: int
    guidance_scale: float
    guidance_interval: tuple[float, float]
    sides: tuple[int, ...] | range
    side: int
    sampler: str = "euler"


@dataclass(frozen=True)
class Conditioning:
    """What the denoiser reads: states (n, t, width) of the text's tokens, mask (n, t), pooled (n, dim)."""

    states: Array
    mask: Array
    pooled: Array

    def __len__(self) -> int:
        return len(self.pooled)

    def __getitem__(self, which: Any) -> Conditioning:
        """The rows of a slice or of an index array."""
        return Conditioning(self.states[which], self.mask[which], self.pooled[which])

    @staticmethod
    def join(parts: Sequence[Conditioning]) -> Conditioning:
        """One batch of several."""
        if len(parts) == 1:
            return parts[0]
        concat = array_namespace(parts[0].pooled).concat
        return Conditioning(*(concat([getattr(p, name) for p in parts]) for name in ("states", "mask", "pooled")))


class Denoiser(Protocol):
    """One text-to-image model."""

    @property
    def spec(self) -> DenoiserSpec: ...

    @property
    def engine(self) -> str:
        """What runs it, for the record: "openvino f32 cpu"."""
        ...

    def condition(self, descriptions: Sequence[str]) -> Conditioning:
        """One row a description."""
        ...

    def null(self, conditioning: Conditioning) -> Conditioning:
        """The condition that says nothing, of the same shape: what guidance steers away from."""
        ...

    def sigmas(self, steps: int) -> NDArray[np.float32]:
        """The model's own schedule: (steps + 1,) noise levels, falling to 0."""
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
