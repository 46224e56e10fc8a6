"""Laws of what a mask holds: in latents under each sampler, in pixels at the seam, and when it is called off."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashpaint import Finished, PaintRequest, Preview, Studio
from flashpaint.errors import Cancelled, MaskInvalid, SizeUnsupported
from flashpaint.paint.constraint import composed, feathered, free_latents
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import nearest_size, order_of, painted_steps
from flashpaint.paint.painter import PainterSpec
from flashpaint.request import Source
from flashpaint.tasks.edit import inpaint
from tests.conftest import GaussianDenoiser


class Encoding(GaussianDenoiser):
    def encode(self, images: Any) -> Any:
        return np.full((len(images), 4, 4, 4), -1.5, np.float32)


def left_half(side: int) -> Image.Image:
    mask = Image.new("L", (side, side))
    mask.paste(255, (0, 0, side // 2, side))
    return mask


def order(painter: LoopPainter, sampler: str, strength: float) -> Any:
    source = Source(Image.new("RGB", (64, 64)), left_half(64), strength)
    return order_of(PaintRequest("a cat", sampler=sampler, source=source), painter.spec, "a cat", 3)


@pytest.mark.parametrize("sampler", ["euler", "dpm++2m", "lcm"])
@pytest.mark.parametrize("strength", [0.01, 0.6, 1.0])
def test_what_stays_is_the_sources_and_what_is_free_the_models(sampler: str, strength: float) -> None:
    painter = LoopPainter(Encoding(deviation=0.05))
    latents = list(painter.steps([order(painter, sampler, strength)])[0])[-1].latents
    painter.close()
    assert latents is not None
    assert (latents[:, :, 2:] == -1.5).all()
    if strength == 1:
        assert np.abs(latents[:, :, :2] - 2.5).max() < 0.5, "the mean of what it paints for five letters"


def test_a_masked_picture_is_called_off_within_a_step() -> None:
    begun, gate = threading.Event(), threading.Event()

    class Slow(Encoding):
        def denoise(self, *inputs: Any) -> Any:
            begun.set()
            gate.wait(10)
            return super().denoise(*inputs)

    painter = LoopPainter(Slow())
    steps = painter.steps([order(painter, "euler", 1.0)])[0]
    begun.wait(10)
    steps.call_off()
    gate.set()
    with pytest.raises(Cancelled):
        list(steps)
    assert painter.denoiser.calls == [1]
    assert len(painter.loop) == 0
    painter.close()


def test_steps_are_counted_as_diffusers_does_but_one_is_painted() -> None:
    assert [painted_steps(8, s) for s in (0.01, 0.3, 0.75, 1.0)] == [1, 2, 6, 8]


@pytest.mark.parametrize("side", [64, 256, 300])
def test_the_seam_lies_on_the_edited_side(side: int) -> None:
    share = feathered(left_half(side))
    assert (share[:, side // 2 :] == 0).all()
    assert (share[:, : side // 2] > 0).all()
    assert (share[:, 0] == 1).all(), "none at the picture's own border"
    assert (np.diff(share[side // 2]) <= 0).all()
    under, over = Image.new("RGB", (side, side), (3, 250, 7)), Image.new("RGB", (side, side), (200, 0, 99))
    found = np.asarray(composed(over, under, left_half(side)))
    assert (found[:, side // 2 :] == (3, 250, 7)).all()
    assert (found[:, 0] == (200, 0, 99)).all()


def test_a_latent_that_is_half_covered_is_free() -> None:
    mask = Image.new("L", (64, 16))
    mask.paste(255, (0, 0, 24, 16))
    mask.paste(255, (32, 0, 36, 16))
    assert np.allclose(free_latents(mask, 16)[0, 0, 0], [1, 1, 0.5, 0], atol=0.01)


def test_previews_hold_the_rest_too(studio: Studio) -> None:
    picture = Image.effect_noise((256, 256), 90).convert("RGB")
    request = inpaint(picture, left_half(256), "a cat", seed=1)
    seen = [e.picture for e in studio.stream(request) if isinstance(e, Preview)]
    assert seen
    for preview in seen:
        assert (np.asarray(preview)[:, 128:] == np.asarray(picture)[:, 128:]).all()


def test_a_full_mask_edits_all(studio: Studio) -> None:
    picture = Image.new("RGB", (256, 256), "teal")
    full = inpaint(picture, Image.new("L", (256, 256), 255), "a cat in space", seed=1)
    found = np.asarray(studio.paint(full).picture, int)
    plain = np.asarray(studio.paint(PaintRequest("a cat in space", seed=1)).picture, int)
    assert np.abs(found - plain).max() <= 1


def test_a_picture_of_another_size_is_fitted_and_that_is_said(studio: Studio) -> None:
    wide = Image.effect_noise((640, 320), 90).convert("RGB")
    mask = Image.new("L", wide.size)
    mask.paste(255, (160, 0, 320, 320))
    events = list(studio.stream(inpaint(wide, mask, "a cat", seed=1), previews=False))
    assert isinstance(events[-1], Finished)
    assert events[-1].painting.picture.size == (256, 256)
    assert any("from 640x320 to 256x256" in note for note in events[-1].painting.notes)


def test_a_mask_that_the_fitting_crops_away_is_refused_before_any_work(studio: Studio) -> None:
    wide = Image.new("RGB", (1024, 256))
    mask = Image.new("L", wide.size)
    mask.paste(255, (0, 0, 100, 256))
    with pytest.raises(MaskInvalid):
        studio.stream(inpaint(wide, mask, "a cat"))


def test_a_size_is_kept_where_the_painter_paints_it_well_and_its_shape_elsewhere() -> None:
    spec = PainterSpec(name="sd", version="1", steps=1, guidance_scale=1, sides=range(64, 2049, 8), side=512)
    assert nearest_size((768, 512), spec) == (768, 512)
    assert nearest_size((4000, 3000), spec) == (592, 440)
    assert nearest_size((2048, 2048), spec) == (512, 512)


@pytest.mark.parametrize("size", [(8, 300), (20000, 16), (8000, 8000)])
def test_a_picture_too_small_or_too_large_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SizeUnsupported) as refused:
        Source(Image.new("L", size))
    assert refused.value.param == "image"
