"""Samplers and schedules against diffusers' schedulers of the same name, on the same inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.samplers import SamplerState, dpm_solver_2m, euler, lcm
from flashpaint.paint.schedule import flow_sigmas, karras_sigmas, sd_sigmas, trained_betas, trained_sigmas

diffusers = pytest.importorskip("diffusers", reason="the oracle: pip install -e '.[test]'")
torch = pytest.importorskip("torch", reason="the oracle: pip install -e '.[test]'")

SHAPE = (1, 4, 8, 8)
SD = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
TRAINED = trained_sigmas(trained_betas())


def estimate(x: np.ndarray, sigma: float) -> np.ndarray:
    """Some smooth model of x0."""
    return np.tanh(x / (1 + sigma)).astype(np.float32)


def ours(step: Any, sigmas: np.ndarray, mixing: str, scale: float) -> np.ndarray:
    x, state = scale * seeded_noise(3, SHAPE), SamplerState(mixing, 3)  # type: ignore[arg-type]
    for sigma, below in zip(sigmas[:-1].tolist(), sigmas[1:].tolist(), strict=True):
        x, state = step(x, estimate(x, sigma), sigma, below, state)
    return x


@pytest.mark.parametrize("steps", [5, 20])
def test_euler_on_sd_noise(steps: int) -> None:
    scheduler = diffusers.EulerDiscreteScheduler(**SD, timestep_spacing="leading", steps_offset=1)
    scheduler.set_timesteps(steps)
    sigmas = sd_sigmas(steps, TRAINED, "leading")
    assert sigmas == pytest.approx(scheduler.sigmas.numpy(), rel=1e-5)
    x = sigmas[0] * seeded_noise(3, SHAPE)
    for t, sigma in zip(scheduler.timesteps, sigmas, strict=False):
        noise = (x - estimate(x, float(sigma))) / sigma
        x = scheduler.step(torch.from_numpy(noise), t, torch.from_numpy(x)).prev_sample.numpy()
    assert ours(euler, sigmas, "sd", float(sigmas[0])) == pytest.approx(x, abs=1e-5)


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
def test_a_models_own_levels(spacing: Any) -> None:
    scheduler = diffusers.EulerDiscreteScheduler(**SD, timestep_spacing=spacing, steps_offset=1)
    scheduler.set_timesteps(10)
    assert sd_sigmas(10, TRAINED, spacing) == pytest.approx(scheduler.sigmas.numpy(), rel=1e-4)


def test_karras_levels() -> None:
    scheduler = diffusers.EulerDiscreteScheduler(**SD, use_karras_sigmas=True)
    scheduler.set_timesteps(12)
    levels = scheduler.sigmas.numpy()
    assert karras_sigmas(12, float(levels[-2]), float(levels[0])) == pytest.approx(levels, rel=1e-4)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_flow_levels(shift: float) -> None:
    """diffusers ends its unshifted levels at 1/1000; given ours, both shift alike."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(sigmas=np.linspace(1, 0, 9)[:-1])
    assert flow_sigmas(8, shift) == pytest.approx(scheduler.sigmas.numpy(), abs=1e-6)


def dpm_by_diffusers(scheduler: Any, sigmas: np.ndarray, scale: float, vp: bool) -> np.ndarray:
    """The scheduler fed with x0; it holds SD latents scaled to unit variance."""
    x = scale * seeded_noise(3, SHAPE)
    for t, sigma, below in zip(scheduler.timesteps, sigmas[:-1], sigmas[1:], strict=True):
        here, there = ((1 + s**2) ** -0.5 if vp else 1.0 for s in (float(sigma), float(below)))
        x0 = torch.from_numpy(estimate(x, float(sigma)))
        x = scheduler.step(x0, t, torch.from_numpy((here * x).astype(np.float32))).prev_sample.numpy() / there
    return x


@pytest.mark.parametrize("steps", [6, 20])
def test_dpm_solver_2m_on_sd_noise(steps: int) -> None:
    scheduler = diffusers.DPMSolverMultistepScheduler(
        **SD, algorithm_type="dpmsolver++", solver_order=2, prediction_type="sample", use_karras_sigmas=True
    )
    scheduler.set_timesteps(steps)
    sigmas = scheduler.sigmas.numpy()
    expected = dpm_by_diffusers(scheduler, sigmas, float(sigmas[0]), vp=True)
    assert ours(dpm_solver_2m, sigmas, "sd", float(sigmas[0])) == pytest.approx(expected, abs=1e-5)


def test_dpm_solver_2m_on_flow_noise() -> None:
    """Levels below 1: at 1 itself, where log(alpha / sigma) is infinite, both take the first-order step."""
    scheduler = diffusers.DPMSolverMultistepScheduler(
        algorithm_type="dpmsolver++", prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=2.0
    )
    scheduler.set_timesteps(8)
    sigmas = scheduler.sigmas.numpy()
    x = seeded_noise(3, SHAPE)
    for t, sigma in zip(scheduler.timesteps, sigmas, strict=False):
        velocity = (x - estimate(x, float(sigma))) / sigma
        x = scheduler.step(torch.from_numpy(velocity), t, torch.from_numpy(x)).prev_sample.numpy()
    assert ours(dpm_solver_2m, sigmas, "flow", 1.0) == pytest.approx(x, abs=1e-5)


def test_lcm_on_flow_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same added noise, diffusers' consistency sampler for flow models."""
    from diffusers.schedulers import scheduling_flow_match_lcm

    draws = iter(range(1, 9))
    monkeypatch.setattr(
        scheduling_flow_match_lcm,
        "randn_tensor",
        lambda *_, **__: torch.from_numpy(seeded_noise(3, SHAPE, next(draws))),
    )
    scheduler = diffusers.FlowMatchLCMScheduler(shift=1.0)
    sigmas = flow_sigmas(4)
    scheduler.set_timesteps(sigmas=sigmas[:-1].tolist())
    x = seeded_noise(3, SHAPE)
    for t, sigma in zip(scheduler.timesteps, sigmas, strict=False):
        velocity = (x - estimate(x, float(sigma))) / sigma
        x = scheduler.step(torch.from_numpy(velocity), t, torch.from_numpy(x)).prev_sample.numpy()
    assert ours(lcm, sigmas, "flow", 1.0) == pytest.approx(x, abs=1e-5)
