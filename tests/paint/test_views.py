"""The laws of views: what is denoised in windows and joined, on known denoisers and on the real one."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flashpaint.errors import Cancelled, OutOfRange, SizeUnsupported
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.canvases import MOST, stages
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.orders import order_of, size_of
from flashpaint.paint.painter import PainterSpec
from flashpaint.paint.samplers import SAMPLERS, SamplerState
from flashpaint.paint.schedule import flow_sigmas
from flashpaint.paint.trajectory import Trajectory, tick
from flashpaint.paint.views import Tiling, View, joined, offsets, whole
from flashpaint.request import PaintRequest, Source
from tests.conftest import GaussianDenoiser

SIDES = st.integers(2, 6).map(lambda half: 2 * half)


class Smearing(GaussianDenoiser):
    """Each place sees its neighbours in the window, and where in the window it is; pictures show the latents."""

    def denoise(self, latents: Any, sigmas: Any, conditioning: Any) -> Any:
        near = latents + np.roll(latents, 1, axis=2) - 0.5 * np.roll(latents, 1, axis=3)
        where = np.linspace(0, 1, latents.shape[-1], dtype=np.float32)
        return super().denoise(np.tanh(near) + where, sigmas, conditioning)

    def encode(self, images: Any) -> Any:
        grain = self.spec.downscale
        small = [image.resize((image.width // grain, image.height // grain), Image.Resampling.BOX) for image in images]
        grey = np.stack([np.asarray(image.convert("L"), np.float32) / 64 for image in small])
        return np.repeat(grey[:, None], self.spec.latent_channels, axis=1)

    def decode(self, latents: Any) -> list[Image.Image]:
        grain = self.spec.downscale
        pixels = (64 * latents[:, :3]).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        return [Image.fromarray(row.repeat(grain, 0).repeat(grain, 1)) for row in pixels]


def trajectory(denoiser: Any, seed: int, steps: int, tiling: Tiling | None, sampler: str = "euler") -> Trajectory:
    rows, columns = (tiling.rows, tiling.columns) if tiling else (4, 4)
    conditioning = denoiser.condition(["a cat"], [1.0])
    return Trajectory(
        seeded_noise(seed, (1, denoiser.spec.latent_channels, rows, columns)),
        flow_sigmas(steps),
        conditioning,
        1.0,
        SAMPLERS[sampler],
        SamplerState("flow", seed),
        views=[View(window, conditioning) for window in tiling.windows()] if tiling else [],
        tiling=tiling,
    )


def finish(denoiser: Any, *trajectories: Trajectory, batch: int = 8) -> list[np.ndarray]:
    loop = DenoiseLoop(denoiser, batch=batch)
    for ride in [loop.steps(t) for t in trajectories]:
        list(ride)
    return [t.latents for t in trajectories]


def border_ratio(picture: Image.Image, axis: int) -> float:
    """The mean gradient across the border that wraps around, over the mean inside."""
    pixels = np.asarray(picture, np.float32)
    steps = np.abs(pixels - np.roll(pixels, 1, axis)).mean(axis=(1 - axis, 2))
    return float(steps[0] / steps[1:].mean())


@given(SIDES, st.integers(0, 30), st.integers(0, 30), st.tuples(st.booleans(), st.booleans()))
def test_windows_cover_every_cell_and_join_to_the_grid_they_show(
    side: int, more: int, wider: int, wraps: tuple[bool, bool]
) -> None:
    tiling = Tiling(side + more, side + wider, side, wraps)
    grid = seeded_noise(1, (1, 3, tiling.rows, tiling.columns))
    windows = tiling.windows()
    assert np.allclose(joined(windows, [window.look(grid) for window in windows]), grid, atol=1e-6)
    assert all(len(np.unique(window.shown)) == side**2 for window in windows), "no noise is seen twice in one window"


@given(SIDES, st.integers(0, 40))
def test_half_a_turn_carries_windows_into_windows(side: int, more: int) -> None:
    number = side + 2 * more
    begin = offsets(number, side, wraps=True)
    assert sorted((at + number // 2) % number for at in begin) == begin
    assert max(np.diff([*begin, number])) < side


@given(st.integers(0, 99), st.sampled_from(sorted(SAMPLERS)), st.booleans())
def test_one_window_over_all_is_plain_painting(seed: int, sampler: str, real_views: bool) -> None:
    denoiser = Smearing()
    plain = trajectory(denoiser, seed, 4, None, sampler)
    view = View(whole(4, 4), plain.conditioning)
    seen = replace(plain, views=[view, view] if real_views else [view], state=SamplerState("flow", seed))
    assert np.allclose(*finish(denoiser, plain, seen), atol=1e-5)


@given(
    st.lists(
        st.tuples(st.integers(0, 99), st.integers(1, 4), st.integers(4, 9), st.integers(4, 9)), min_size=1, max_size=5
    )
)
def test_a_canvas_does_not_depend_on_who_shared_its_batch(asked: list[tuple[int, int, int, int]]) -> None:
    denoiser = Smearing()

    def each() -> list[Trajectory]:
        return [trajectory(denoiser, s, n, Tiling(rows, columns, 4, (True, True))) for s, n, rows, columns in asked]

    together = finish(denoiser, *each(), batch=5)
    for found, alone in zip(together, each(), strict=True):
        assert np.abs(found - finish(denoiser, alone, batch=1)[0]).max() <= 1e-5


def test_the_real_denoiser_paints_a_canvas_alike_in_any_company() -> None:
    denoiser = MiniDenoiser(ModelFolder.open("mini"), precision="f32")
    large, small = Tiling(24, 32, 16, (True, True)), Tiling(16, 16, 16)
    together = finish(denoiser, trajectory(denoiser, 1, 2, large), trajectory(denoiser, 2, 2, small), batch=16)
    for seed, tiling, found in ((1, large, together[0]), (2, small, together[1])):
        assert np.abs(found - finish(denoiser, trajectory(denoiser, seed, 2, tiling), batch=3)[0]).max() <= 1e-3


def test_canvases_of_different_size_and_plain_pictures_share_a_pass() -> None:
    denoiser = Smearing()
    wide, square = Tiling(4, 8, 4, (False, True)), Tiling(4, 4, 4)
    batch = [trajectory(denoiser, k, 3, tiling) for k, tiling in enumerate((wide, square, None))]
    assert len({t.shape for t in batch}) == 1
    tick(denoiser, batch)
    assert denoiser.calls == [len(wide.windows()) + len(square.windows()) + 1]
    assert [t.position for t in batch] == [1, 1, 1]


def test_more_rows_than_share_a_pass_take_several() -> None:
    denoiser = Smearing()
    tiling = Tiling(8, 16, 4, (True, True))
    finish(denoiser, trajectory(denoiser, 1, 1, tiling), batch=4)
    assert max(denoiser.calls) == 4
    assert sum(denoiser.calls) == len(tiling.windows())


def test_a_cancelled_canvas_leaves_between_two_steps() -> None:
    denoiser, heard, gone = Smearing(), list[Any](), threading.Event()
    loop = DenoiseLoop(denoiser, batch=4)
    leaving = trajectory(denoiser, 1, 100_000, Tiling(8, 8, 4, (True, True)))

    def listen(step: Any) -> None:
        heard.append(step)
        leaving.cancelled = True
        if isinstance(step, Cancelled):
            gone.set()

    loop.submit(leaving, listen)
    assert gone.wait(10)
    assert leaving.position <= 2
    assert len(loop) == 0


@pytest.mark.parametrize("shift", [1, 2])
def test_a_tile_rolled_by_windows_is_the_same_tile_rolled(shift: int) -> None:
    denoiser = Smearing()
    tiling = Tiling(8, 12, 4, (True, True))
    plain, turned = trajectory(denoiser, 3, 4, tiling), trajectory(denoiser, 3, 4, tiling)
    turn = (shift % 2 * 4, 6)
    turned.latents = np.roll(turned.latents, turn, axis=(2, 3))
    found, rolled = finish(denoiser, plain, turned)
    assert np.abs(np.roll(found, turn, axis=(2, 3)) - rolled).max() <= 1e-5
    pictures = [np.asarray(t.picture(denoiser), int) for t in (plain, turned)]
    assert np.abs(np.roll(pictures[0], (16 * turn[0], 16 * turn[1]), axis=(0, 1)) - pictures[1]).max() <= 1


def test_the_borders_of_a_tile_meet_as_smoothly_as_its_inside(studio: Any) -> None:
    asked = [PaintRequest(text, seed=seed, canvas="tile") for seed in range(6) for text in ("a forest", "pizza")]
    ratios = [border_ratio(painting.picture, axis) for painting in studio.paint_many(asked) for axis in (0, 1)]
    flat = studio.paint(PaintRequest("a forest", seed=0)).picture
    assert np.mean(ratios) <= 1.05, ratios
    assert border_ratio(flat, 0) > 2, "a plain picture's bottom does not meet its top"


def test_what_a_canvas_shows_is_encoded_and_decoded_around_its_border() -> None:
    denoiser = Smearing()
    tiling = Tiling(4, 8, 4, (False, True))
    smooth = 1 + np.cos(np.linspace(0, 2 * np.pi, 8, endpoint=False))
    latents = np.broadcast_to(smooth, (1, 4, 4, 8)).astype(np.float32)
    picture = tiling.decoded(denoiser.decode, latents)
    assert picture.size == (128, 64)
    assert np.abs(tiling.encoded(denoiser.encode, picture) - latents).max() < 0.05


@pytest.mark.parametrize(
    ("canvas", "asked", "found"),
    [
        ("panorama", {}, (128, 64)),
        ("panorama", {"width": 256}, (256, 128)),
        ("panorama", {"height": 96}, (192, 96)),
        ("panorama", {"width": 8192, "height": 4096}, (8192, 4096)),
        ("panorama", {"source": Source(Image.new("RGB", (300, 140)))}, (288, 144)),
        ("tile", {}, (64, 64)),
        ("tile", {"width": 80}, (80, 80)),
        ("tile", {"width": 160, "height": 64}, (160, 64)),
        ("tile", {"source": Source(Image.new("RGB", (90, 40)))}, (80, 64)),
    ],
)
def test_the_sizes_of_canvases(
    gaussian: GaussianDenoiser, canvas: str, asked: dict[str, Any], found: tuple[int, int]
) -> None:
    assert size_of(PaintRequest("a cat", canvas=canvas, **asked), gaussian.spec) == found


@pytest.mark.parametrize(
    ("canvas", "width", "height"),
    [
        ("panorama", 96, None),
        ("panorama", 144, None),
        ("panorama", 256, 256),
        ("panorama", 2 * MOST, None),
        ("panorama", 33, None),
        ("panorama", None, 72),
        ("tile", 48, None),
        ("tile", 70, None),
        ("tile", 64, 2 * MOST),
        ("tile", 1, 1),
    ],
)
def test_a_size_that_cannot_be_is_refused_with_one_that_can(
    gaussian: GaussianDenoiser, canvas: str, width: int | None, height: int | None
) -> None:
    with pytest.raises(SizeUnsupported, match=r"in steps of .*: try (128x64|64x64)") as refused:
        size_of(PaintRequest("a cat", canvas=canvas, width=width, height=height), gaussian.spec)
    assert refused.value.param == "size"


def test_a_painter_of_whole_pictures_refuses_a_canvas() -> None:
    spec = PainterSpec(name="remote", version="1", steps=4, guidance_scale=1.0, sides=(64,), side=64)
    with pytest.raises(OutOfRange, match="flat pictures alone") as refused:
        size_of(PaintRequest("a cat", canvas="panorama"), spec)
    assert refused.value.param == "canvas"


@pytest.mark.parametrize(("canvas", "width"), [("tile", 64), ("tile", 128), ("panorama", 128), ("panorama", 2048)])
def test_a_canvas_is_painted_in_sizes_that_grow_fourfold_at_most(
    gaussian: GaussianDenoiser, canvas: str, width: int
) -> None:
    found = stages(
        order_of(PaintRequest("a cat", canvas=canvas, width=width), gaussian.spec, "a cat", 1), gaussian.spec
    )
    heights = [order.height for order in found]
    assert heights[0] == 64
    assert found[-1].width == width
    assert all(1 < large / small <= 4 for small, large in pairwise(heights))
    assert all(size_of(PaintRequest("a", canvas=canvas, width=o.width, height=o.height), gaussian.spec) for o in found)


def test_a_large_canvas_tells_its_steps_as_one_picture_and_previews_the_coarse() -> None:
    painter = LoopPainter(Smearing(), batch=8)
    request = PaintRequest("a cat", seed=3, canvas="panorama", width=512)
    large, small = (order_of(r, painter.spec, "a cat", 3) for r in (request, replace(request, width=128)))
    steps = list(painter.steps([large])[0])
    assert [step.position for step in steps] == list(range(1, len(steps) + 1))
    assert {step.steps for step in steps} == {len(steps)}
    assert steps[-1].picture is not None
    assert steps[-1].picture.size == (512, 256)
    *_, coarse = painter.steps([small])[0]
    shown = [step.preview for step in steps if step.preview is not None]
    assert len(shown) == 1
    assert coarse.picture is not None
    assert shown[0].tobytes() == coarse.picture.tobytes()


def test_a_cascade_that_is_closed_begins_nothing_more() -> None:
    denoiser = Smearing()
    painter = LoopPainter(denoiser, batch=8)
    steps = painter.steps([order_of(PaintRequest("a cat", canvas="tile", width=256), painter.spec, "a cat", 3)])[0]
    next(steps)
    steps.close()
    assert next(steps, None) is None
    painter.close()
    assert len(painter.loop) == 0


def test_a_canvas_starts_from_a_picture_and_keeps_what_the_mask_keeps(studio: Any) -> None:
    picture = Image.new("RGB", (512, 256), "navy")
    mask = Image.new("L", (512, 256), 0)
    mask.paste(255, (0, 128, 512, 256))
    request = PaintRequest("a beach", seed=1, canvas="panorama", source=Source(picture, mask, 1.0))
    painted = studio.paint(request).picture
    assert painted.crop((0, 0, 512, 128)).tobytes() == picture.crop((0, 0, 512, 128)).tobytes()
    assert np.asarray(painted.crop((0, 150, 512, 256)), float).std() > 5
