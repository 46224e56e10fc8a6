"""Guidance: away from the null condition, where it pays. Knows the Denoiser seam and no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flashpaint.paint.arrays import Array, array_namespace
from flashpaint.paint.denoiser import Conditioning, Denoiser


def guided_rows(sigmas: Array, scales: Sequence[float], interval: tuple[float, float]) -> list[int]:
    """The samples that need guidance: a scale other than 1 and sigma inside the interval (Kynkäänniemi et al. 2024)."""
    low, high = interval
    return [k for k, scale in enumerate(scales) if scale != 1 and low <= sigmas[k] <= high]


def guided_x0(
    denoiser: Denoiser,
    x: Array,
    sigmas: Array,
    conditioning: Conditioning,
    scales: Sequence[float],
    negatives: Sequence[Conditioning | None],
) -> Array:
    """x0 (n, ...) with classifier-free guidance (Ho & Salimans 2022): null + scale * (conditioned - null).

    One forward pass: only the samples inside the model's guidance interval ride twice. negatives: what to steer away
    from instead of the model's null, where a sample has one.
    """
    n, rows = len(x), guided_rows(sigmas, scales, denoiser.spec.guidance_interval)
    if not rows:
        return denoiser.denoise(x, sigmas, conditioning)
    nulls = [negatives[row] or denoiser.null(conditioning[row : row + 1]) for row in rows]
    both = Conditioning.join([conditioning, *nulls])
    doubled = array_namespace(x).concat([x, x[rows]])
    found = denoiser.denoise(doubled, np.concatenate([sigmas, sigmas[rows]]), both)
    x0 = found[:n]
    for k, row in enumerate(rows):
        null = found[n + k]
        x0[row] = null + scales[row] * (x0[row] - null)
    return x0
