"""The laws of the denoise loop, on a denoiser whose answers are known and on the real one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop import Trajectory, denoise_loop, tick
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.schedule import flow_sigmas
from tests.conftest import GaussianDenoiser


def trajectory(denoiser, seed: int, steps: int, text: str = "a cat", scale: float = 1.0, side: int = 16) -> Trajectory:  # type: ignore[no-untyped-def]
    shape = (1, denoiser.spec.latent_channels, side, side)
    return Trajectory(seeded_noise(seed, shape), flow_sigmas(steps), denoiser.condition([text]), scale)


def finish(denoiser, *trajectories: Trajectory) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    for _ in denoise_loop(denoiser, trajectories):
        pass
    return [t.latents for t in trajectories]


def test_many_euler_steps_land_on_the_distribution_of_the_data() -> None:
    denoiser = GaussianDenoiser(mean=2.0, deviation=0.5)
    condition_shift = len("a cat") / 10
    latents = np.concatenate(finish(denoiser, *(trajectory(denoiser, seed, 200) for seed in range(8))))
    assert latents.mean() == pytest.approx(2.0 + condition_shift, abs=0.03)
    assert latents.std() == pytest.approx(0.5, abs=0.03)


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 6), st.sampled_from([1.0, 3.0])), min_size=1, max_size=11))
def test_a_picture_does_not_depend_on_who_shared_its_batch(asked: list[tuple[int, int, float]]) -> None:
    denoiser = GaussianDenoiser()
    together = finish(denoiser, *(trajectory(denoiser, s, n, scale=g) for s, n, g in asked))
    for (s, n, g), latents in zip(asked, together, strict=True):
        assert np.abs(latents - finish(denoiser, trajectory(denoiser, s, n, scale=g))[0]).max() <= 1e-4


def test_the_real_denoiser_does_not_mix_its_batch() -> None:
    denoiser = MiniDenoiser(ModelFolder.open("mini"), precision="f32")
    asked = [(1, 3, "a cat in space", 3.0), (2, 5, "a dog", 1.0), (3, 4, "two balloons", 2.0)]
    together = finish(denoiser, *(trajectory(denoiser, s, n, t, g) for s, n, t, g in asked))
    for (s, n, t, g), latents in zip(asked, together, strict=True):
        assert np.abs(latents - finish(denoiser, trajectory(denoiser, s, n, t, g))[0]).max() <= 1e-4


def test_pausing_at_any_step_and_resuming_gives_the_uninterrupted_picture() -> None:
    denoiser = GaussianDenoiser()
    whole = finish(denoiser, trajectory(denoiser, 5, 6))[0]
    for pause in range(1, 6):
        first = trajectory(denoiser, 5, 6)
        for _ in range(pause):
            tick(denoiser, [first])
        resumed = Trajectory(
            first.latents.copy(), first.sigmas, first.conditioning, first.guidance_scale, first.position
        )
        assert np.array_equal(finish(denoiser, resumed)[0], whole)


def test_shapes_never_share_a_batch_and_all_finish() -> None:
    denoiser = GaussianDenoiser()
    mixed = [trajectory(denoiser, k, 3, side=4 + 2 * (k % 2)) for k in range(5)]
    for moved in denoise_loop(denoiser, mixed, batch=2):
        assert len({t.latents.shape for t in moved}) == 1
        assert len(moved) <= 2
    assert all(t.finished for t in mixed)


def test_closing_the_loop_stops_within_one_tick() -> None:
    denoiser = GaussianDenoiser()
    loop = denoise_loop(denoiser, [trajectory(denoiser, 1, 50)])
    next(loop)
    loop.close()
    assert len(denoiser.calls) == 1


def test_the_loop_equals_diffusers_flow_match_euler_scheduler() -> None:
    diffusers = pytest.importorskip("diffusers", reason="the oracle: pip install diffusers")
    import torch

    denoiser, scheduler = GaussianDenoiser(), diffusers.FlowMatchEulerDiscreteScheduler(shift=1.0)
    ours = trajectory(denoiser, 3, 7)
    scheduler.set_timesteps(sigmas=ours.sigmas[:-1])
    x = torch.from_numpy(ours.latents.copy())
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        x0 = denoiser.denoise(x.numpy(), np.array([float(sigma)], np.float32), ours.conditioning)
        x = scheduler.step((x - torch.from_numpy(x0)) / sigma, t, x).prev_sample
    assert np.abs(finish(denoiser, ours)[0] - x.numpy()).max() <= 1e-4
