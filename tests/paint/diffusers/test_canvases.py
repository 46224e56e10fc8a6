"""Views on models of the field: the same laws as on our own, with tiny random weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra: pip install -e '.[torch]'")
pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import order_of
from flashpaint.paint.trajectory import tick
from flashpaint.paint.views import View, whole
from flashpaint.request import PaintRequest
from tests.paint.diffusers import tiny
from tests.paint.diffusers.test_adapters import finish, trajectory

FAMILIES = {"sd": (tiny.sd, StableDiffusion), "flux": (lambda: tiny.flux(dev=True), Flux)}


@pytest.fixture(scope="module", params=FAMILIES)
def denoiser(request: pytest.FixtureRequest) -> Any:
    pipe, adapter = FAMILIES[request.param]
    return adapter(pipe(), request.param, "tiny")


def canvas(denoiser: Any, canvas: str, sides: int, seed: int = 1) -> Any:
    painter = LoopPainter(denoiser, batch=4)
    request = PaintRequest("a cat", canvas=canvas, width=sides * denoiser.spec.side, steps=3)
    return painter.trajectories([order_of(request, denoiser.spec, "a cat", seed)])[0]


def test_one_window_over_all_is_plain_painting(denoiser: Any) -> None:
    plain = trajectory(denoiser, 3, 3, "a cat", 3.0)
    viewed = replace(plain, views=[View(whole(*plain.latents.shape[2:]), plain.conditioning)])
    one, other = finish(denoiser, plain, viewed)
    assert np.abs(np.asarray(one) - np.asarray(other)).max() <= 1e-4


@pytest.mark.parametrize("kind", ["panorama", "tile"])
def test_a_canvas_of_this_model_does_not_depend_on_its_company(denoiser: Any, kind: str) -> None:
    together = finish(denoiser, canvas(denoiser, kind, 2), canvas(denoiser, "tile", 1, seed=2))
    alone = finish(denoiser, canvas(denoiser, kind, 2))[0]
    assert np.abs(np.asarray(together[0]) - np.asarray(alone)).max() <= 1e-4


def test_canvases_with_different_numbers_of_views_share_a_tick(denoiser: Any) -> None:
    batch = [canvas(denoiser, "panorama", 4), canvas(denoiser, "tile", 1)]
    assert batch[0].shape == batch[1].shape
    assert batch[0].rows != batch[1].rows
    tick(denoiser, batch)
    assert [t.position for t in batch] == [1, 1]


def test_half_a_turn_of_the_noise_is_half_a_turn_of_the_panorama(denoiser: Any) -> None:
    plain, turned = (canvas(denoiser, "panorama", 4) for _ in range(2))
    half = plain.latents.shape[3] // 2
    turned.latents = turned.latents.roll(half, 3)
    found, rolled = finish(denoiser, plain, turned)
    assert np.abs(np.roll(np.asarray(found), half, 3) - np.asarray(rolled)).max() <= 1e-3


def test_a_large_canvas_is_painted_through_a_small_one_and_encoded_in_windows(denoiser: Any) -> None:
    painter, side = LoopPainter(denoiser, batch=4), denoiser.spec.side
    request = PaintRequest("a cat", canvas="panorama", width=4 * side, steps=4)
    steps = list(painter.steps([order_of(request, denoiser.spec, "a cat", 1)])[0])
    assert steps[-1].picture is not None
    assert steps[-1].picture.size == (4 * side, 2 * side)
    assert [step.position for step in steps] == list(range(1, steps[-1].steps + 1))


def test_cancelling_a_canvas_ends_it(denoiser: Any) -> None:
    painter = LoopPainter(denoiser, batch=4)
    request = PaintRequest("a cat", canvas="tile", width=2 * denoiser.spec.side, steps=100)
    steps = painter.steps([order_of(request, denoiser.spec, "a cat", 1)])[0]
    next(steps)
    steps.close()
    painter.close()
    assert len(painter.loop) == 0
    assert next(steps, None) is None
