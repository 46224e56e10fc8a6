"""Laws of starting from other latents than noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.noise import noise_share
from flashpaint.paint.painter import Order
from tests.conftest import GaussianDenoiser

START = np.random.default_rng(0).standard_normal((4, 4, 4)).astype(np.float16)


def painted(orders: list[Order], batch: int | None = None) -> list[np.ndarray]:
    painter = LoopPainter(GaussianDenoiser(), batch=batch)
    found = [list(ride)[-1].latents for ride in painter.steps(orders)]
    painter.close()
    return [latents for latents in found if latents is not None]


def order(seed: int, skipped: int, start: np.ndarray | None = START) -> Order:
    return Order(
        description="a cat", seed=seed, width=64, height=64, steps=8, guidance_scale=1.0, start=start, skipped=skipped
    )


def test_a_start_at_pure_noise_is_a_cold_one() -> None:
    warm, cold = painted([order(1, 0), order(1, 0, None)])
    assert np.abs(warm - cold).max() < 1e-3


@given(seeds=st.lists(st.integers(0, 99), min_size=2, max_size=5), skipped=st.integers(0, 7))
def test_a_warm_picture_does_not_depend_on_its_batch(seeds: list[int], skipped: int) -> None:
    orders = [order(seed, (skipped + k) % 8) for k, seed in enumerate(seeds)]
    for together, one in zip(painted(orders, batch=8), orders, strict=True):
        assert np.abs(together - painted([one], batch=1)[0]).max() < 2e-3, "what half precision keeps"


@pytest.mark.parametrize("skipped", [3, 7])
def test_the_seed_changes_a_warm_picture_too_and_the_deeper_the_start_the_less(skipped: int) -> None:
    apart = {k: np.abs(np.subtract(*painted([order(1, k), order(2, k)]))).mean() for k in (1, skipped)}
    assert 0 < apart[skipped] < apart[1]


def test_noise_shares_mean_the_same_to_both_kinds_of_models() -> None:
    sigmas = np.array([14.6, 1.0, 0.0], np.float32)
    assert np.allclose(noise_share(sigmas, "sd"), [14.6 / 15.6, 0.5, 0])
    flow = np.array([1.0, 0.5, 0.0], np.float32)
    assert np.allclose(noise_share(flow, "flow"), flow)
