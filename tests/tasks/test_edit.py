"""Editing a picture that is there, on the real mini, and the laws of the mask on a denoiser in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from flashpaint import PaintRequest, Studio
from flashpaint.errors import FlashpaintError, MaskInvalid, OutOfRange
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import order_of
from flashpaint.request import Source
from flashpaint.tasks.describe import describe
from flashpaint.tasks.edit import edit, inpaint, instruct
from flashpaint.tasks.outpaint import Room, outpaint
from flashpaint.tasks.vary import variations
from tests.conftest import GaussianDenoiser


@pytest.fixture(scope="module")
def source() -> Image.Image:
    return Studio.open().paint(PaintRequest("a red car on the road", seed=3)).picture


def upper_half(size: tuple[int, int] = (256, 256)) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle((0, 0, size[0] - 1, size[1] // 2 - 1), fill=255)
    return mask


def pixels(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("RGB"), int)


def test_what_a_mask_leaves_out_stays_to_the_bit(studio: Studio, source: Image.Image) -> None:
    found = studio.paint(inpaint(source, upper_half(), "a red car on the road at night", seed=2)).picture
    assert (pixels(found)[128:] == pixels(source)[128:]).all()
    assert np.abs(pixels(found)[:120] - pixels(source)[:120]).mean() > 20, "the sky has become night"


def test_an_alpha_mask_edits_where_it_is_transparent(studio: Studio, source: Image.Image) -> None:
    alpha = Image.new("RGBA", (256, 256), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (0, 0, 256, 128))
    one, other = (
        studio.paint(inpaint(source, mask, "a red car on the road at night", seed=2)).picture
        for mask in (upper_half(), alpha)
    )
    assert one.tobytes() == other.tobytes()


def test_the_stronger_the_edit_the_farther_from_the_source(studio: Studio, source: Image.Image) -> None:
    away = [
        np.abs(
            pixels(studio.paint(edit(source, "a yellow bus on the road", s, seed=2)).picture) - pixels(source)
        ).mean()
        for s in (0.25, 0.5, 1.0)
    ]
    assert away == sorted(away)
    assert away[0] < 15 < away[2]


def test_full_strength_without_a_mask_is_painting_from_noise(studio: Studio, source: Image.Image) -> None:
    edited = studio.paint(edit(source, "a cat in space", 1.0, seed=5)).picture
    assert edited.tobytes() == studio.paint(PaintRequest("a cat in space", seed=5)).picture.tobytes()


def test_variations_look_like_the_source_and_unlike_one_another(studio: Studio, source: Image.Image) -> None:
    found = [studio.paint(request).picture for request in variations(studio, source, 3, seed=1)]
    stranger = studio.paint(PaintRequest("an apple", seed=1)).picture
    base, *seen = studio.seer.see_images([source, *found, stranger])
    near = [float(base @ z) for z in seen]
    assert min(near[:3]) > near[3] + 0.2
    assert len({picture.tobytes() for picture in found}) == 3


def test_an_instruction_changes_the_picture(studio: Studio, source: Image.Image) -> None:
    night = studio.paint(instruct(studio, source, "make it night", seed=2)).picture
    assert pixels(night)[:100].mean() < pixels(source)[:100].mean(), "the sky is darker"


def test_outpainting_shrinks_the_picture_where_there_is_one_size_and_says_so(
    studio: Studio, source: Image.Image
) -> None:
    painting = studio.paint(outpaint(studio, source, Room(left=64, right=64), "a red car on the road", seed=2))
    assert painting.picture.size == (256, 256)
    assert any("shrunk" in note or "smaller" in note or "scaled" in note for note in painting.notes), painting.notes


def test_a_picture_is_described_by_known_words(studio: Studio) -> None:
    pizza = studio.paint(PaintRequest("a pizza", seed=1)).picture
    assert "pizza" in [word for word, _ in describe(studio, pizza).words]


def test_an_edit_reads_no_memory_and_leaves_none(tmp_path: Any, source: Image.Image) -> None:
    studio = Studio.open(memory=tmp_path / "memory")
    painting = studio.paint(edit(source, "a yellow bus on the road", 0.5))
    assert painting.reuse.kind == "none"
    assert studio.memory is not None
    assert studio.memory.store.statistics().entries == 0
    studio.close()


@pytest.mark.parametrize(
    ("mask", "param"),
    [
        (Image.new("L", (128, 128), 255), "mask"),
        (Image.new("L", (256, 256), 0), "mask"),
        (Image.new("CMYK", (256, 256)), "mask"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(source: Image.Image, mask: Image.Image, param: str) -> None:
    with pytest.raises(MaskInvalid) as refused:
        inpaint(source, mask, "a cat")
    assert refused.value.param == param


@pytest.mark.parametrize("strength", [0, -1, 1.5])
def test_a_strength_outside_its_range_is_refused(source: Image.Image, strength: float) -> None:
    with pytest.raises(OutOfRange) as refused:
        edit(source, "a cat", strength)
    assert refused.value.param == "strength"


class Encoding(GaussianDenoiser):
    def encode(self, images: Sequence[Image.Image]) -> Any:
        return np.stack(
            [np.full((4, i.height // 16, i.width // 16), i.getpixel((0, 0))[0] / 50) for i in images]
        ).astype(np.float32)


def painted(requests: list[PaintRequest], batch: int) -> list[Any]:
    painter = LoopPainter(Encoding(), batch=batch)
    orders = [order_of(request, painter.spec, "a cat", request.seed or 0) for request in requests]
    found = [list(ride)[-1].latents for ride in painter.steps(orders)]
    painter.close()
    return found


@given(seeds=st.lists(st.integers(0, 50), min_size=2, max_size=4), strength=st.floats(0.2, 1))
def test_a_masked_picture_does_not_depend_on_its_batch(seeds: list[int], strength: float) -> None:
    picture, mask = Image.new("RGB", (64, 64), (100, 0, 0)), upper_half((64, 64))
    requests = [
        PaintRequest("a cat", seed=seed, source=Source(picture, mask if k % 2 else None, strength))
        for k, seed in enumerate(seeds)
    ]
    for together, request in zip(painted(requests, 8), requests, strict=True):
        assert np.abs(together - painted([request], 1)[0]).max() < 2e-3, "what half precision keeps"


def test_what_the_mask_holds_ends_at_the_sources_own_latents() -> None:
    picture, mask = Image.new("RGB", (64, 64), (100, 0, 0)), upper_half((64, 64))
    latents = painted([PaintRequest("a cat", seed=1, source=Source(picture, mask, 1.0))], 1)[0]
    assert np.allclose(latents[:, 2:], 2.0, atol=1e-3)
    assert np.abs(latents[:, :2] - 2.0).mean() > 0.05


def test_a_painter_that_starts_from_noise_alone_refuses_a_source(source: Image.Image) -> None:
    class Whole:
        def __init__(self, painter: Any) -> None:
            self.spec, self.engine = painter.spec, painter.engine

        def steps(self, orders: Any, previews: bool = False) -> Any:
            raise AssertionError("not asked")

        def notes_on(self, description: str) -> tuple[str, ...]:
            return ()

        def close(self) -> None:
            pass

    studio = Studio.open()
    with pytest.raises(FlashpaintError):
        Studio(studio.seer, studio.teller, Whole(studio.painter)).paint(edit(source, "a cat"))
