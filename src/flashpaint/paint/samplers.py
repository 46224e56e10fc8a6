"""Samplers: one step from a noise level to the next, as pure functions. They know no model and no loop."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from flashpaint.paint.noise import expand

Array = NDArray[Any]


def euler_step(x: Array, x0: Array, sigma: Array, sigma_next: Array) -> Array:
    """One Euler step of the probability-flow ODE (Karras et al. 2022, Alg. 1), the same for flow and SD models.

    x, x0: (n, ...). sigma > 0, sigma_next: (n,), one level a sample. Lands on x0 exactly where sigma_next is 0.
    """
    ratio = expand(sigma_next / sigma, x)
    stepped: Array = x0 + ratio * (x - x0)
    return stepped
