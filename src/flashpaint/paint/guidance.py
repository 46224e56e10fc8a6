"""Guidance: away from the null condition, where it pays. Knows the Denoiser seam and no model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.paint.denoiser import Conditioning, Denoiser
from flashpaint.paint.noise import expand

Array = NDArray[Any]


def guided_rows(sigmas: Array, scales: Array, interval: tuple[float, float]) -> NDArray[np.int64]:
    """The samples that need guidance: a scale other than 1 and sigma inside the interval (Kynkäänniemi et al. 2024)."""
    low, high = interval
    return np.flatnonzero((scales != 1) & (sigmas >= low) & (sigmas <= high))


def guided_x0(denoiser: Denoiser, x: Array, sigmas: Array, conditioning: Conditioning, scales: Array) -> Array:
    """x0 with classifier-free guidance (Ho & Salimans 2022): null + scale * (conditioned - null), scales (n,).

    One forward pass: only the samples inside the model's guidance interval ride twice.
    """
    n, rows = len(x), guided_rows(sigmas, scales, denoiser.spec.guidance_interval)
    if len(rows) == 0:
        return denoiser.denoise(x, sigmas, conditioning)
    both = Conditioning.join([conditioning, conditioning[rows].null()])
    found = denoiser.denoise(np.concatenate([x, x[rows]]), np.concatenate([sigmas, sigmas[rows]]), both)
    x0, null = found[:n], found[n:]
    x0[rows] = null + expand(scales[rows], null) * (x0[rows] - null)
    return x0
