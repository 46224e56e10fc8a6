"""Noise: drawn from a seed, and mixed with clean latents to a level. Knows no model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def seeded_noise(seed: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal noise; one seed, one noise, on every machine (Philox, Salmon et al. 2011)."""
    return np.random.Generator(np.random.Philox(seed)).standard_normal(shape, dtype=np.float32)


def expand(values: Array, like: Array) -> Array:
    """values (n,) shaped to multiply `like` (n, ...)."""
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def mix(x0: Array, noise: Array, sigmas: Array, kind: Literal["flow", "sd"]) -> Array:
    """x at noise levels sigmas (n,). flow: (1 - sigma) x0 + sigma noise (Lipman et al. 2022); sd: x0 + sigma noise."""
    sigma = expand(sigmas, x0)
    mixed: Array = (1 - sigma) * x0 + sigma * noise if kind == "flow" else x0 + sigma * noise
    return mixed
