"""Noise, schedule, sampler and guidance: the formulas against what they are defined to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.paint.guidance import guided_rows, guided_x0
from flashpaint.paint.noise import mix, seeded_noise
from flashpaint.paint.samplers import euler_step
from flashpaint.paint.schedule import flow_sigmas
from tests.conftest import GaussianDenoiser


def test_one_seed_is_one_noise_and_two_seeds_are_two() -> None:
    a, b = seeded_noise(7, (1, 4, 8, 8)), seeded_noise(8, (1, 4, 8, 8))
    assert np.array_equal(a, seeded_noise(7, (1, 4, 8, 8)))
    assert abs(float(np.corrcoef(a.ravel(), b.ravel())[0, 1])) < 0.2


def test_the_noise_of_a_seed_never_changes_between_releases() -> None:
    assert seeded_noise(7, (3,)).tolist() == pytest.approx([-0.5023735761642456, 0.5068453550338745, 2.019348621368408])


@given(st.integers(1, 60), st.floats(0.2, 8))
def test_a_schedule_falls_strictly_from_one_to_zero(steps: int, shift: float) -> None:
    sigmas = flow_sigmas(steps, shift)
    assert len(sigmas) == steps + 1
    assert sigmas[0] == 1
    assert sigmas[-1] == 0
    assert (np.diff(sigmas) < 0).all()


def test_mixing_gives_clean_latents_at_zero_and_noise_at_one() -> None:
    x0, noise = np.ones((2, 4, 2, 2)), np.full((2, 4, 2, 2), 5.0)
    mixed = mix(x0, noise, np.array([0.0, 1.0]), "flow")
    assert (mixed[0] == 1).all()
    assert (mixed[1] == 5).all()
    assert (mix(x0, noise, np.array([0.0, 2.0]), "sd")[1] == 11).all()


def test_an_euler_step_stays_on_the_straight_line_of_the_flow() -> None:
    rng = np.random.default_rng(0)
    x0, noise = rng.standard_normal((2, 3, 4, 4)), rng.standard_normal((2, 3, 4, 4))
    sigma, below = np.array([0.9, 0.5]), np.array([0.4, 0.0])
    stepped = euler_step(mix(x0, noise, sigma, "flow"), x0, sigma, below)
    assert stepped == pytest.approx(mix(x0, noise, below, "flow"))


def test_euler_equals_k_diffusions_form_for_sd_noise() -> None:
    rng = np.random.default_rng(1)
    x, x0 = rng.standard_normal((2, 2, 3, 3)), rng.standard_normal((2, 2, 3, 3))
    sigma, below = np.array([14.6, 3.0]), np.array([7.0, 1.0])
    d = (x - x0) / sigma.reshape(-1, 1, 1, 1)
    assert euler_step(x, x0, sigma, below) == pytest.approx(x + d * (below - sigma).reshape(-1, 1, 1, 1))


def test_guidance_touches_only_the_samples_inside_its_interval() -> None:
    sigmas, scales = np.array([1.0, 0.5, 0.1, 0.5]), np.array([3.0, 3.0, 3.0, 1.0])
    assert guided_rows(sigmas, scales, (0.2, 0.95)).tolist() == [1]


def test_guidance_is_null_plus_scale_times_difference_and_rides_in_one_pass() -> None:
    denoiser = GaussianDenoiser(interval=(0.2, 0.95))
    x, sigmas = seeded_noise(1, (3, 4, 4, 4)), np.array([1.0, 0.5, 0.1], np.float32)
    condition = denoiser.condition(["a cat", "a dog in space", "x"])
    found = guided_x0(denoiser, x, sigmas, condition, np.array([3.0, 3.0, 3.0], np.float32))
    assert denoiser.calls == [4]
    plain, null = denoiser.denoise(x, sigmas, condition), denoiser.denoise(x, sigmas, condition.null())
    assert found[[0, 2]] == pytest.approx(plain[[0, 2]])
    assert found[1] == pytest.approx(null[1] + 3 * (plain[1] - null[1]), rel=1e-4)
