"""Noise: drawn from a seed, and mixed with clean latents to a level. Knows no model."""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flashpaint.paint.arrays import Array

Mixing = Literal["flow", "sd"]


def seeded_noise(seed: int, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float32]:
    """Standard normal noise; one seed, one noise, on every machine (Philox, Salmon et al. 2011).

    draw: 0 for the noise that a picture starts from, 1, 2, ... for what a sampler adds on its way.
    """
    seeds = np.random.SeedSequence(seed, spawn_key=(draw,) if draw else ())
    return np.random.Generator(np.random.Philox(seeds)).standard_normal(shape, dtype=np.float32)


def text_seed(text: str) -> int:
    """The seed that a text always gives, on every machine: of what is drawn while it is read."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def alpha(sigma: Any, kind: Mixing) -> Any:
    """What is left of x0 at noise level sigma, a number or an array."""
    return 1 - sigma if kind == "flow" else 1.0


def noise_share(sigmas: NDArray[np.float32], kind: Mixing) -> NDArray[np.float32]:
    """sigma / (alpha + sigma): 0 of clean latents, 1 of pure noise; a flow model's own sigma."""
    return sigmas if kind == "flow" else sigmas / (1 + sigmas)


def sigma_of_share(share: float, kind: Mixing) -> float:
    """The level that has this noise share."""
    return share if kind == "flow" else share / max(1 - share, 1e-9)


def mix(x0: Array, noise: Array, sigmas: Array | float, kind: Mixing) -> Array:
    """x at noise levels sigmas (n,), or all at one. flow: (1 - sigma) x0 + sigma noise (Lipman et al. 2022); sd:
    x0 + sigma noise."""
    sigma = sigmas if isinstance(sigmas, float) else sigmas.reshape(-1, *(1,) * (x0.ndim - 1))
    return alpha(sigma, kind) * x0 + sigma * noise
