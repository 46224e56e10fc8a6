"""Pictures of other sizes than the model's own: which there are, and how the real mini paints them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flashpaint import Finished, PaintRequest, Preview, Studio
from flashpaint.composition.scene import scene_of
from flashpaint.errors import OutOfRange, SizeUnsupported
from flashpaint.paint.canvases import draft_size, in_windows, painted_size, stages
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import order_of
from flashpaint.paint.painter import PainterSpec
from flashpaint.request import Region, Source
from flashpaint.tasks.compose import compose
from tests.conftest import GaussianDenoiser

SPEC = PainterSpec(
    name="mini", version="1", steps=4, guidance_scale=1.0, sides=(256,), side=256, windowed=range(128, 513, 16)
)
SIZES = st.tuples(*2 * [st.sampled_from(SPEC.windowed)])


@given(SIZES)
def test_what_is_painted_has_the_shape_of_the_picture_and_room_for_a_window(size: tuple[int, int]) -> None:
    width, height = painted_size(size, SPEC)
    assert min(width, height) >= 256
    assert width % 16 == height % 16 == 0
    assert abs(width / height / (size[0] / size[1]) - 1) <= 16 / 256
    assert (width, height) == size or min(size) < 256 == min(width, height)


@given(SIZES)
def test_one_row_of_windows_lays_out_what_is_higher(size: tuple[int, int]) -> None:
    found = stages(order_of(PaintRequest("a", width=size[0], height=size[1]), SPEC, "a", 1), SPEC)  # type: ignore[arg-type]
    laid_out = [order.painted[1] for order in found if order.painted]
    assert laid_out == ([256] if painted_size(size, SPEC)[1] > 256 else [])
    assert not found[-1].painted
    assert all((order.width, order.height) == size for order in found), "all show the picture's size"


def test_the_painters_own_size_is_painted_at_once() -> None:
    assert not in_windows((256, 256), SPEC)
    assert not in_windows((128, 128), SPEC), "it is reduced from the own size"
    assert in_windows((256, 272), SPEC)
    assert in_windows((128, 256), SPEC)
    assert in_windows((128, 512), SPEC)
    assert draft_size((512, 384), SPEC) == (384, 384)


def test_few_sizes_of_moderate_shape_are_offered() -> None:
    found = SPEC.sizes
    assert {(256, 256), (128, 128), (384, 256), (256, 512), (512, 512)} <= set(found)
    assert len(found) == 12
    many = replace(SPEC, sides=range(64, 2049, 8), side=512, windowed=range(0))
    assert all(many.at_once(size) for size in many.sizes)
    assert len(many.sizes) == 12
    few = replace(SPEC, sides=(256, 512, 1024), side=1024, windowed=range(0))
    assert len(few.sizes) == 9


@pytest.mark.parametrize("size", [(1024, 1024), (255, 256), (112, 256), (256, 528), (264, 256)])
def test_a_refusal_names_the_sizes_that_there_are(studio: Studio, size: tuple[int, int]) -> None:
    with pytest.raises(SizeUnsupported, match=r"128 to 512 in steps of 16.*try 256x256") as refused:
        studio.check(PaintRequest("a cat", width=size[0], height=size[1]))
    assert refused.value.param == "size"


def test_regions_are_refused_where_windows_would_not_heed_them(studio: Studio) -> None:
    regions = (Region("a cat", (0, 0, 0.5, 1)),)
    with pytest.raises(OutOfRange, match="regions"):
        studio.check(PaintRequest("a cat", width=512, height=256, regions=regions))
    assert studio.paint(PaintRequest("a cat", width=128, height=128, regions=regions, steps=1)).picture.size == (
        128,
        128,
    )


@pytest.mark.parametrize("size", [(128, 128), (144, 400), (512, 256), (256, 384)])
def test_a_picture_has_the_size_that_was_asked_for_in_any_company(studio: Studio, size: tuple[int, int]) -> None:
    asked = [PaintRequest("a beach", seed=k, width=size[0], height=size[1]) for k in (1, 2)]
    together = studio.paint_many([*asked, PaintRequest("a cat", seed=3)])
    assert [painting.picture.size for painting in together] == [size, size, (256, 256)]
    alone = studio.paint(asked[0]).picture
    assert np.abs(np.asarray(alone, int) - np.asarray(together[0].picture, int)).mean() < 1
    assert np.abs(np.asarray(alone, int) - np.asarray(together[1].picture, int)).mean() > 1


def test_it_is_told_how_another_size_was_painted(studio: Studio) -> None:
    small = studio.paint(PaintRequest("a cat", seed=1, width=128, height=128, steps=1))
    assert (small.used["painted"], small.notes) == ("256x256", ())
    place = studio.paint(PaintRequest("a beach", seed=1, width=512, height=256, steps=1))
    assert "painted" not in place.used
    several = studio.paint(PaintRequest("a cat", seed=1, width=512, height=256, steps=1, compose=False))
    assert any("in windows" in note for note in several.notes)
    things = compose(studio, scene_of({"things": [{"name": "cat"}, {"name": "bus"}], "seed": 1}), width=384, height=256)
    assert (things.painting.picture.size, things.painting.notes) == ((384, 256), ())


def test_a_tall_picture_is_seen_on_its_way_in_its_own_size_and_can_be_called_off(studio: Studio) -> None:
    asked = PaintRequest("a beach", seed=1, width=256, height=384)
    events = list(studio.stream(asked))
    shown = [event.picture.size for event in events if isinstance(event, Preview)]
    assert len(shown) >= studio.painter.spec.steps
    assert set(shown) == {(256, 384)}
    assert isinstance(events[-1], Finished)
    events_of_another = studio.stream(replace(asked, steps=100))
    next(event for event in events_of_another if isinstance(event, Preview))
    events_of_another.close()
    assert len(studio.painter.loop) <= 1  # type: ignore[attr-defined]


def test_an_edit_of_another_size_keeps_what_the_mask_keeps(studio: Studio) -> None:
    picture, mask = Image.new("RGB", (384, 128), "navy"), Image.new("L", (384, 128))
    mask.paste(255, (0, 64, 384, 128))
    painted = studio.paint(
        PaintRequest("a beach", seed=1, width=384, height=128, source=Source(picture, mask, 1.0))
    ).picture
    assert painted.crop((0, 0, 384, 64)).tobytes() == picture.crop((0, 0, 384, 64)).tobytes()
    assert np.asarray(painted.crop((0, 80, 384, 128)), float).std() > 5


def test_windows_paint_what_clip_sees_in_a_picture_and_not_the_words_beside_it(gaussian: GaussianDenoiser) -> None:
    gaussian.spec = replace(gaussian.spec, windowed=range(32, 129, 16))
    painter = LoopPainter(gaussian)
    order = order_of(PaintRequest("a cat", width=128, height=64), painter.spec, "a cat", 1)
    found = painter.trajectories([replace(order, look=np.full(1, 7, np.float32))])[0]
    assert all(view.conditioning.arrays["pooled"] == 7 for view in found.views)
