"""Schedules: which noise levels a trajectory visits, falling to 0. They know no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import OutOfRange
from flashpaint.request import check_sigmas

Sigmas = NDArray[np.float32]


def flow_sigmas(steps: int, shift: float = 1.0) -> Sigmas:
    """(steps + 1,) levels from 1 to 0; shift > 1 spends more steps at high noise (Esser et al. 2024, eq. 23)."""
    t = np.linspace(1, 0, steps + 1)
    return (shift * t / (1 + (shift - 1) * t)).astype(np.float32)


def karras_sigmas(steps: int, low: float, high: float, rho: float = 7.0) -> Sigmas:
    """(steps + 1,) levels from high to low, then 0; even in sigma^(1/rho) (Karras et al. 2022, eq. 5)."""
    roots = np.linspace(high ** (1 / rho), low ** (1 / rho), steps)
    return np.append(roots**rho, 0).astype(np.float32)


def trained_sigmas(betas: NDArray[np.float64]) -> NDArray[np.float64]:
    """The noise level of each training step, rising: sqrt((1 - a) / a), a the product of 1 - beta (Ho et al. 2020)."""
    kept = np.cumprod(1 - betas)
    levels: NDArray[np.float64] = np.sqrt((1 - kept) / kept)
    return levels


def trained_betas(
    schedule: str = "scaled_linear", number: int = 1000, first: float = 0.00085, last: float = 0.012
) -> NDArray[np.float64]:
    """ "linear" betas (Ho et al. 2020), or Stable Diffusion's, linear in their square roots (Rombach et al. 2022)."""
    if schedule == "linear":
        return np.linspace(first, last, number)
    if schedule == "scaled_linear":
        return np.linspace(first**0.5, last**0.5, number) ** 2
    raise OutOfRange(f"there is no beta schedule {schedule!r}: linear or scaled_linear", param="model")


def sd_sigmas(
    steps: int, trained: NDArray[np.float64], spacing: Literal["leading", "linspace", "trailing"] = "leading"
) -> Sigmas:
    """(steps + 1,) of a model's own levels, then 0; `spacing` of the training steps as Lin et al. 2024, table 2, name
    them ("leading" with an offset of 1, as Stable Diffusion has it)."""
    number = len(trained)
    at = {
        "leading": np.arange(steps)[::-1] * (number // steps) + 1,
        "linspace": np.linspace(number - 1, 0, steps),
        "trailing": np.round(np.arange(number, 0, -number / steps))[:steps] - 1,
    }[spacing]
    return np.append(np.interp(at, np.arange(number), trained), 0).astype(np.float32)


def custom_sigmas(levels: Sequence[float]) -> Sigmas:
    """A caller's own levels. Raises OutOfRange unless they fall strictly and end at 0."""
    return np.asarray(check_sigmas(levels), np.float32)
