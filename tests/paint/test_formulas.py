"""Noise, schedule, sampler and guidance: the formulas against what they are defined to be."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import OutOfRange
from flashpaint.paint.guidance import guided_rows, guided_x0
from flashpaint.paint.noise import mix, seeded_noise
from flashpaint.paint.samplers import SAMPLERS, SamplerState, euler
from flashpaint.paint.schedule import custom_sigmas, flow_sigmas, karras_sigmas
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
    x0, noise = rng.standard_normal((2, 1, 3, 4, 4))
    sigma, below = np.array([0.9]), np.array([0.4])
    stepped, _ = euler(mix(x0, noise, sigma, "flow"), x0, 0.9, 0.4, SamplerState())
    assert stepped == pytest.approx(mix(x0, noise, below, "flow"))


def test_euler_equals_k_diffusions_form_for_sd_noise() -> None:
    rng = np.random.default_rng(1)
    x, x0 = rng.standard_normal((2, 1, 3, 3, 3))
    assert euler(x, x0, 14.6, 7.0, SamplerState("sd"))[0] == pytest.approx(x + (x - x0) / 14.6 * (7.0 - 14.6))


@pytest.mark.parametrize("name", SAMPLERS)
@given(st.sampled_from(["flow", "sd"]), st.floats(0.01, 1), st.integers(0, 2**62))
def test_every_sampler_lands_on_the_clean_estimate_at_zero_and_leaves_its_inputs_alone(
    name: str, mixing: Literal["flow", "sd"], sigma: float, seed: int
) -> None:
    x, x0 = seeded_noise(1, (1, 4, 3, 3)), seeded_noise(2, (1, 4, 3, 3))
    before = x.copy(), x0.copy()
    landed, after = SAMPLERS[name](x, x0, sigma, 0.0, SamplerState(mixing, seed))
    assert landed == pytest.approx(x0)
    assert after.index == 1
    assert np.array_equal(x, before[0])
    assert np.array_equal(x0, before[1])


def test_a_samplers_own_noise_differs_from_step_to_step_and_repeats_from_the_same_state() -> None:
    x, x0 = seeded_noise(1, (1, 4, 3, 3)), np.zeros((1, 4, 3, 3), np.float32)
    first, state = SAMPLERS["lcm"](x, x0, 1.0, 0.5, SamplerState("flow", 7))
    second, _ = SAMPLERS["lcm"](x, x0, 1.0, 0.5, state)
    assert np.array_equal(first, SAMPLERS["lcm"](x, x0, 1.0, 0.5, SamplerState("flow", 7))[0])
    assert not np.allclose(first, second)
    assert not np.allclose(first, 0.5 * seeded_noise(7, x.shape)), "not the noise that the picture began with"


@given(st.integers(2, 60), st.floats(0.01, 0.5), st.floats(2, 100))
def test_karras_levels_fall_from_high_to_low_then_zero(steps: int, low: float, high: float) -> None:
    sigmas = karras_sigmas(steps, low, high)
    assert len(sigmas) == steps + 1
    assert sigmas[[0, -2]] == pytest.approx([high, low], rel=1e-5)
    assert sigmas[-1] == 0
    assert (np.diff(sigmas) < 0).all()


@pytest.mark.parametrize(
    "levels", [[], [1.0], [1.0, 0.5], [0.0], [1.0, 1.0, 0.0], [0.5, 1.0, 0.0], [float("inf"), 0.0]]
)
def test_custom_levels_that_do_not_fall_to_zero_are_refused(levels: list[float]) -> None:
    with pytest.raises(OutOfRange, match="fall strictly"):
        custom_sigmas(levels)
    assert custom_sigmas([1, 0.6, 0]).tolist() == pytest.approx([1, 0.6, 0])


def test_guidance_touches_only_the_samples_inside_its_interval() -> None:
    assert guided_rows(np.array([1.0, 0.5, 0.1, 0.5]), [3.0, 3.0, 3.0, 1.0], (0.2, 0.95)) == [1]


def test_guidance_is_null_plus_scale_times_difference_and_rides_in_one_pass() -> None:
    denoiser = GaussianDenoiser(interval=(0.2, 0.95))
    x, sigmas = seeded_noise(1, (3, 4, 4, 4)), np.array([1.0, 0.5, 0.1], np.float32)
    condition = denoiser.condition(["a cat", "a dog in space", "x"], [1.0] * 3)
    found = guided_x0(denoiser, x, sigmas, condition, [3.0] * 3, [None] * 3)
    assert denoiser.calls == [4]
    plain, null = denoiser.denoise(x, sigmas, condition), denoiser.denoise(x, sigmas, denoiser.null(condition))
    assert found[[0, 2]] == pytest.approx(plain[[0, 2]])
    assert found[1] == pytest.approx(null[1] + 3 * (plain[1] - null[1]), rel=1e-4)
