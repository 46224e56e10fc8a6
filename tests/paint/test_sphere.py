"""The laws of panoramas: nothing changes with where the picture is cut, and nothing is pinched at the poles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.orders import order_of
from flashpaint.paint.sphere import FACES, Cap, Sphere, bilinear, cube
from flashpaint.paint.views import joined
from flashpaint.request import PaintRequest
from tests.paint.test_views import Smearing, finish, trajectory

ROWS = st.integers(0, 20).map(lambda more: 4 + more)


def directions(rows: int) -> np.ndarray:
    """(rows, 2 rows, 3): right, down and ahead of each cell's middle, of length 1."""
    down = (np.arange(rows) + 0.5) * np.pi / rows - np.pi / 2
    across = (np.arange(2 * rows) + 0.5) * np.pi / rows - np.pi
    level = np.cos(down)[:, None]
    return np.stack([level * np.sin(across), np.broadcast_to(np.sin(down)[:, None], (rows, 2 * rows)),
                     level * np.cos(across)], axis=-1)  # fmt: skip


def coloured(rows: int) -> Image.Image:
    """Each pixel says where it lies."""
    return Image.fromarray(np.rint(127.5 + 127.5 * directions(rows)).astype(np.uint8))


class Sampling(Smearing):
    """Decodes to the latents themselves, smoothly, a pixel in the middle of a latent being that latent."""

    def decode(self, latents: Any) -> list[Image.Image]:
        pixels = np.rint(127.5 + 127.5 * latents[:, :3]).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
        large = (latents.shape[3] * 8, latents.shape[2] * 8)
        return [Image.fromarray(row).resize(large, Image.Resampling.BILINEAR) for row in pixels]


@given(ROWS)
def test_windows_cover_the_sphere_and_keep_its_noise(rows: int) -> None:
    sphere = Sphere(rows, 2 * rows, 4)
    said = np.zeros(2 * rows**2)
    for window in sphere.windows():
        assert len(np.unique(window.cells)) == len(window.cells)
        assert len(np.unique(window.shown)) >= 0.85 * window.shown.size, "hardly a cell's noise is seen twice"
        said[window.cells] += window.weight
    assert said.min() > 1e-4


@pytest.mark.parametrize("rows", [16, 32, 64, 128])
def test_a_view_of_noise_is_noise_of_unit_variance(rows: int) -> None:
    noise = seeded_noise(1, (1, 16, rows, 2 * rows))
    for window in Sphere(rows, 2 * rows, 16).windows():
        seen = window.look(noise)
        assert seen.std() == pytest.approx(1, abs=0.06)
        assert abs(np.corrcoef(seen[..., :-1].ravel(), seen[..., 1:].ravel())[0, 1]) < 0.06


@given(ROWS, st.integers(0, 99), st.integers(1, 3))
def test_half_a_turn_of_the_noise_is_half_a_turn_of_the_panorama(rows: int, seed: int, steps: int) -> None:
    denoiser, sphere = Smearing(), Sphere(rows, 2 * rows, 4)
    plain, turned = trajectory(denoiser, seed, steps, sphere), trajectory(denoiser, seed, steps, sphere)
    turned.latents = np.roll(turned.latents, rows, axis=3)
    found, rolled = finish(denoiser, plain, turned)
    assert np.abs(np.roll(found, rows, axis=3) - rolled).max() <= 1e-4
    pictures = [np.asarray(t.picture(denoiser), int) for t in (plain, turned)]
    assert np.abs(np.roll(pictures[0], 16 * rows, axis=1) - pictures[1]).max() <= 1


def test_the_real_model_paints_the_same_panorama_half_a_turn_on() -> None:
    painter = LoopPainter(MiniDenoiser(ModelFolder.open("mini"), precision="f32"), batch=8)
    request = PaintRequest("a forest", seed=3, canvas="panorama", width=1024, sigmas=(1.0, 0.6, 0.0))
    order = order_of(request, painter.spec, "a forest", 3)
    plain, turned = painter.trajectories([order, order])
    turned.latents = np.roll(turned.latents, 32, axis=3)
    found, rolled = finish(painter.denoiser, plain, turned)
    off = np.abs(np.roll(found, 32, axis=3) - rolled)
    # sums of windows differ in their last bits, which may tip a product's input over to the next of its 255 steps
    assert off.mean() <= 5e-3
    assert off.max() <= 0.1
    pictures = [np.asarray(t.picture(painter.denoiser), int) for t in (plain, turned)]
    levels = np.abs(np.roll(pictures[0], 512, axis=1) - pictures[1])
    assert levels.mean() <= 1
    assert levels.max() <= 24


def test_columns_are_skipped_as_they_draw_together() -> None:
    stretches = {tile.row: tile.stretch for tile in Sphere(128, 256, 16).tiles()}
    by_row = [stretches[row] for row in sorted(stretches)]
    assert by_row == by_row[::-1]
    assert by_row[len(by_row) // 2] == 1
    assert by_row[0] > by_row[1] > 1


def test_a_small_panorama_has_no_caps_for_they_would_see_the_horizon() -> None:
    assert not Sphere(31, 62, 16).caps()
    assert len(Sphere(32, 64, 16).caps()) == 4


@pytest.mark.parametrize("south", [False, True])
def test_a_cap_looks_straight_up_or_down_with_what_is_ahead_where_one_who_bows_sees_it(south: bool) -> None:
    rows, side = 64, 16
    cap = Cap(rows, side, south, turn=rows)  # ahead is the middle column
    seen = cap.window().look(directions(rows).transpose(2, 0, 1)[None])[0]
    right, down, ahead = seen
    assert (np.abs(down[4:12, 4:12]) > 0.9).all()
    assert (np.sign(down) == (1 if south else -1)).all()
    assert (np.diff(right.mean(axis=0)) > 0).all()
    assert (np.diff(ahead.mean(axis=1)) * (-1 if south else 1) > 0).all()


@pytest.mark.parametrize("rows", [16, 32, 64])
def test_what_is_smooth_on_the_sphere_comes_out_of_windows_and_caps_as_it_was(rows: int) -> None:
    sphere = Sphere(rows, 2 * rows, 16)
    latents = directions(rows).transpose(2, 0, 1)[None].astype(np.float32)
    again = joined(sphere.windows(), [window.look(latents) for window in sphere.windows()])
    assert np.abs(again - latents).mean() < 0.02
    picture = sphere.decoded(Sampling().decode, latents)
    assert picture.size == (16 * rows, 8 * rows)
    apart = np.abs(np.asarray(picture, int) - np.asarray(coloured(8 * rows), int))
    assert apart.mean() < 4
    assert apart[: rows // 2].mean() < 10, "nor at the pole"


def test_the_windows_of_the_largest_panorama_fit_in_memory() -> None:
    windows = Sphere(256, 512, 16).windows()
    held = sum(w.shown.nbytes + w.place.nbytes + w.weight.nbytes + w.cells.nbytes for w in windows)
    assert held < 64 * 2**20


def test_bilinear_hits_pixels_halves_between_them_and_the_border_outside() -> None:
    pixels = np.arange(12, dtype=float).reshape(3, 4, 1)
    at = bilinear(pixels, np.array([0.0, 1.0, 0.5, -5.0, 9.0]), np.array([0.0, 2.5, 0.0, 0.0, 9.0]))
    assert at[:, 0].tolist() == [0, 6.5, 2, 0, 11]


def test_the_faces_of_a_cube_show_what_lies_in_their_direction() -> None:
    found = cube(coloured(256), 64)
    assert tuple(found) == FACES
    ahead = {"front": (0, 0, 1), "right": (1, 0, 0), "back": (0, 0, -1), "left": (-1, 0, 0), "up": (0, -1, 0),
             "down": (0, 1, 0)}  # fmt: skip
    for name, direction in ahead.items():
        pixels = np.asarray(found[name], float) / 127.5 - 1
        assert np.abs(pixels[31:33, 31:33] - direction).max() < 0.05, name
        assert np.abs(np.linalg.norm(pixels, axis=-1) - 1).max() < 0.03, "each pixel still says a direction"


def test_the_faces_of_a_cube_meet_at_their_edges() -> None:
    found = {name: np.asarray(face, int) for name, face in cube(coloured(256), 64).items()}
    edges = [
        (found["front"][:, -1], found["right"][:, 0]),
        (found["right"][:, -1], found["back"][:, 0]),
        (found["back"][:, -1], found["left"][:, 0]),
        (found["left"][:, -1], found["front"][:, 0]),
        (found["up"][-1], found["front"][0]),
        (found["down"][0], found["front"][-1]),
        (found["up"][:, -1], found["right"][0][::-1]),
        (found["down"][:, -1], found["right"][-1]),
    ]
    for one, other in edges:
        assert np.abs(one - other).max() <= 6
