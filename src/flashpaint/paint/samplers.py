"""Samplers: one step from a noise level to the next, as pure functions. They know no model and no loop.

All share one form, step(x, x0, sigma, sigma_next, state) -> (x at sigma_next, state): x and x0 are arrays of one shape,
sigma > sigma_next >= 0 are numbers, state is what the sampler carries along. All land on x0 where sigma_next is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from flashpaint.paint.arrays import Array, array_namespace
from flashpaint.paint.noise import Mixing, alpha, seeded_noise


@dataclass(frozen=True)
class SamplerState:
    """mixing: how x holds x0 and noise; seed: of the noise that a sampler adds; index: steps done; x0, sigma: of the
    step before, None and NaN before the first."""

    mixing: Mixing = "flow"
    seed: int = 0
    index: int = 0
    x0: Array | None = None
    sigma: float = math.nan


Sampler = Callable[[Array, Array, float, float, SamplerState], tuple[Array, SamplerState]]


def euler(x: Array, x0: Array, sigma: float, sigma_next: float, state: SamplerState) -> tuple[Array, SamplerState]:
    """Euler on the probability-flow ODE (Karras et al. 2022, Alg. 1), the same for flow and SD noise."""
    return x0 + (sigma_next / sigma) * (x - x0), _after(state, x0, sigma)


def dpm_solver_2m(
    x: Array, x0: Array, sigma: float, sigma_next: float, state: SamplerState
) -> tuple[Array, SamplerState]:
    """DPM-Solver++(2M), midpoint form (Lu et al. 2022, Alg. 2): x0 is extrapolated from the last two estimates."""
    after = _after(state, x0, sigma)
    if sigma_next == 0:
        return x0, after
    step = _log_snr(sigma_next, state.mixing) - _log_snr(sigma, state.mixing)
    estimate = x0
    if state.x0 is not None:
        step_before = _log_snr(sigma, state.mixing) - _log_snr(state.sigma, state.mixing)
        estimate = x0 + (0.5 * step / step_before) * (x0 - state.x0)
    return (sigma_next / sigma) * x - alpha(sigma_next, state.mixing) * math.expm1(-step) * estimate, after


def lcm(x: Array, x0: Array, sigma: float, sigma_next: float, state: SamplerState) -> tuple[Array, SamplerState]:
    """Multistep consistency sampling (Song et al. 2023, Alg. 1): x0 with fresh noise of the next level."""
    after = _after(state, x0, sigma)
    if sigma_next == 0:
        return x0, after
    xp = array_namespace(x)
    noise = xp.asarray(seeded_noise(state.seed, tuple(x.shape), after.index), dtype=x.dtype, device=x.device)
    return alpha(sigma_next, state.mixing) * x0 + sigma_next * noise, after


SAMPLERS: Mapping[str, Sampler] = {"euler": euler, "dpm++2m": dpm_solver_2m, "lcm": lcm}


def _after(state: SamplerState, x0: Array, sigma: float) -> SamplerState:
    return replace(state, index=state.index + 1, x0=x0, sigma=sigma)


def _log_snr(sigma: float, kind: Mixing) -> float:
    """lambda = log(alpha / sigma); minus infinity at a flow's pure noise."""
    left = alpha(sigma, kind)
    return math.log(left / sigma) if left > 0 else -math.inf
