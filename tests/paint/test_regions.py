"""Regions: what each cell hears, and that the loop paints them in any company, on a denoiser in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import OutOfRange
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import order_of
from flashpaint.paint.regions import GROUND, cover, views_of
from flashpaint.request import PaintRequest, Region
from tests.conftest import GaussianDenoiser

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


def painted(*requests: PaintRequest, batch: int = 8) -> list[Any]:
    painter = LoopPainter(GaussianDenoiser(deviation=0.05), batch=batch)
    rides = painter.steps([order_of(r, painter.spec, r.prompt, r.seed or 0) for r in requests])
    found = [list(ride)[-1].latents for ride in rides]
    painter.close()
    return found


@given(
    box=st.tuples(*[st.floats(0, 0.99)] * 2, *[st.floats(0.01, 1)] * 2),
    rows=st.integers(2, 40),
    columns=st.integers(2, 40),
)
def test_a_cover_is_the_share_of_each_cell(box: Any, rows: int, columns: int) -> None:
    left, top, right, bottom = box[0], box[1], min(1, box[0] + box[2]), min(1, box[1] + box[3])
    found = cover(Region("a cat", (left, top, right, bottom)), rows, columns)
    assert found.shape == (rows, columns)
    assert ((found >= 0) & (found <= 1 + 1e-6)).all()
    assert found.sum() == pytest.approx((right - left) * (bottom - top) * rows * columns, abs=1e-3)


def test_the_whole_speaks_everywhere_and_each_region_where_it_is() -> None:
    denoiser = GaussianDenoiser()
    told = [denoiser.condition([text], [1.0]) for text in ("a cat", "a dog", "a beach")]
    views = views_of([Region("a cat", LEFT), Region("a dog", RIGHT)], told[:2], [0.5, 0.7], told[2], 4, 8)
    assert [view.until for view in views] == [0.0, 0.5, 0.7]
    assert (views[0].window.weight == np.float32(GROUND)).all()
    assert (views[1].window.weight[:, :4] == 1).all()
    assert (views[1].window.weight[:, 4:] == 0).all()


def test_a_region_sees_its_middle_in_the_middle_and_puts_it_back() -> None:
    denoiser = GaussianDenoiser()
    told = denoiser.condition(["a cat"], [1.0])
    window = views_of([Region("a cat", LEFT)], [told], [0.5], told, 4, 8)[1].window
    grid = np.arange(32, dtype=np.float32).reshape(1, 1, 4, 8)
    assert (window.look(grid)[0, 0, :, 4] == grid[0, 0, :, 2]).all(), "the box's middle"
    assert (window.back(window.look(grid)).reshape(grid.shape) == grid).all()


def test_each_part_is_painted_as_its_own_description_says() -> None:
    """What the closed form paints of a text is the mean of its length over 10."""
    regions = (Region("a" * 5, LEFT, 0), Region("a" * 45, RIGHT, 0))
    latents = painted(PaintRequest("a" * 25, seed=1, regions=regions))[0]
    left, right = latents[:, :, :2].mean(), latents[:, :, 2:].mean()
    whole = painted(PaintRequest("a" * 25, seed=1))[0].mean()
    assert left < whole - 1
    assert right > whole + 1


def test_a_region_that_never_speaks_changes_nothing() -> None:
    silent = PaintRequest("a cat", seed=2, regions=(Region("a dog in space", LEFT, 1.0),))
    assert np.array_equal(*painted(silent, PaintRequest("a cat", seed=2)))


@given(seeds=st.lists(st.integers(0, 50), min_size=2, max_size=4))
def test_regions_do_not_depend_on_their_batch(seeds: list[int]) -> None:
    requests = [
        PaintRequest("a cat", seed=seed, regions=(Region("a dog", LEFT, 0.3),) if k % 2 else ())
        for k, seed in enumerate(seeds)
    ]
    for together, request in zip(painted(*requests), requests, strict=True):
        assert np.abs(together - painted(request, batch=1)[0]).max() < 2e-3, "what half precision keeps"


@pytest.mark.parametrize("box", [(0, 0, 0, 1), (0.5, 0, 0.2, 1), (0, 0, 1, 1.5), (-0.1, 0, 1, 1)])
def test_a_box_that_is_none_is_refused(box: Any) -> None:
    with pytest.raises(OutOfRange):
        Region("a cat", box)


@pytest.mark.parametrize("family", ["sd", "flux"])
def test_regions_run_on_the_fields_families(family: str) -> None:
    pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")
    from flashpaint.paint.diffusers.flux import Flux
    from flashpaint.paint.diffusers.sd import StableDiffusion
    from tests.paint.diffusers import tiny

    denoiser: Any = (
        StableDiffusion(tiny.sd(), "sd", "tiny") if family == "sd" else Flux(tiny.flux(dev=True), "flux", "tiny")
    )
    painter = LoopPainter(denoiser)
    plain = PaintRequest("a cat", seed=1, steps=2)
    asked = [plain, PaintRequest("a cat", seed=1, steps=2, regions=(Region("two dogs", LEFT, 0.0),))]
    rides = painter.steps([order_of(r, painter.spec, r.prompt, 1) for r in asked])
    one, other = (np.asarray(list(ride)[-1].latents, float) for ride in rides)
    half = one.shape[2] // 2
    changed = np.abs(one - other).mean((0, 1))
    assert changed[:half].mean() > changed[half:].mean(), "the left side, above all"
    painter.close()
