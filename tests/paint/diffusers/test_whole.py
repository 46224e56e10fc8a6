"""Pipelines without an adapter, called whole: unCLIP among them, the open DALL-E 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import torch

from flashpaint import PaintRequest, Progress, Studio
from flashpaint.errors import Cancelled, ModelDamaged, OutOfRange, PaintingFailed, QueueFull
from flashpaint.paint.diffusers.opening import open_diffusers
from flashpaint.paint.diffusers.whole import ROOM, WholePipeline
from flashpaint.paint.orders import order_of
from tests.paint.diffusers import tiny


@pytest.fixture(scope="module")
def painter() -> WholePipeline:
    return WholePipeline(tiny.lcm(), "lcm", "tiny")


def asked(painter: WholePipeline, **choices: Any) -> Any:
    request = PaintRequest("a cat", **{"steps": 3, "width": 64, "height": 64, **choices})
    return order_of(request, painter.spec, "a cat", 1)


@pytest.mark.parametrize("build", [tiny.karlo, tiny.kandinsky])
def test_the_open_dalle_2_paints_in_the_studio(build: Callable[[], Any], studio: Studio) -> None:
    ours = Studio(studio.seer, studio.teller, WholePipeline(build(), "unclip", "tiny"))
    side = ours.painter.spec.side if build is tiny.karlo else 64
    request = PaintRequest("太空中的一只猫", seed=3, steps=2, width=side, height=side)
    first, again = ours.paint(request), ours.paint(request)
    assert first.description == "a cat in space"
    assert first.picture.size == (side, side)
    assert first.picture.tobytes() == again.picture.tobytes()
    other = ours.paint(PaintRequest("一只熊猫", seed=4, steps=2, width=side, height=side))
    assert other.picture.tobytes() != first.picture.tobytes()
    assert "whole, one at a time" in first.used["engine"]


def test_a_picture_is_the_pipelines_own(painter: WholePipeline) -> None:
    *steps, last = painter.steps([asked(painter)])[0]
    assert [step.position for step in steps] == [1, 2]
    theirs = tiny.lcm()
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        "a cat",
        num_inference_steps=3,
        guidance_scale=painter.spec.guidance_scale,
        height=64,
        width=64,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    assert last.picture is not None
    assert last.picture.tobytes() == expected.tobytes()


def test_a_folder_of_an_unknown_family_opens_whole_and_its_request_is_checked(tmp_path: Path, studio: Studio) -> None:
    tiny.lcm().save_pretrained(tmp_path / "lcm")
    opened = open_diffusers(tmp_path / "lcm")
    assert isinstance(opened, WholePipeline)
    ours = Studio(studio.seer, studio.teller, opened)
    with pytest.raises(OutOfRange, match="takes no sampler"):
        ours.paint(PaintRequest("a cat", sampler="euler"))
    stages = [e for e in ours.stream(PaintRequest("a cat", steps=3, width=64, height=64)) if isinstance(e, Progress)]
    assert Progress("denoise", 2, 3) in stages
    with pytest.raises(OutOfRange, match="fast is not for it"):
        Studio.open(painter=tmp_path / "lcm", fast="balanced")


def test_code_that_a_folder_brings_is_not_run(tmp_path: Path) -> None:
    tiny.lcm().save_pretrained(tmp_path / "lcm")
    path = tmp_path / "lcm" / "model_index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, "unet": ["my_unet", "MyUNet"]}))
    with pytest.raises(ModelDamaged, match="code of its own"):
        open_diffusers(tmp_path / "lcm")


def test_a_picture_that_is_called_off_stops_within_a_step_and_the_next_is_painted(painter: WholePipeline) -> None:
    long, next_ = painter.steps([asked(painter, steps=40), asked(painter)])
    next(long)
    runs: list[int] = []
    hook = painter.pipe.unet.register_forward_hook(lambda *_: runs.append(1))
    long.close()
    *_, last = next_
    hook.remove()
    assert last.picture is not None
    assert len(runs) <= 3 + 2, "three of the next, and what was under way"
    with pytest.raises(StopIteration):
        next(long)


def test_a_picture_that_nobody_waits_for_is_not_painted(painter: WholePipeline) -> None:
    begun = painter.steps([asked(painter, steps=40)] * 3 + [asked(painter)])
    runs: list[int] = []
    hook = painter.pipe.unet.register_forward_hook(lambda *_: runs.append(1))
    last = begun.pop()
    begun.clear()
    assert list(last)[-1].picture is not None
    hook.remove()
    assert len(runs) <= 3 + 2, "three of the last, and what was under way"


def test_one_failure_harms_no_other(painter: WholePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(painter.pipe, "encode_prompt", lambda *_, **__: 1 / 0)
        with pytest.raises(PaintingFailed, match="division"):
            list(painter.steps([asked(painter)])[0])
    *_, last = painter.steps([asked(painter)])[0]
    assert last.picture is not None


def test_a_full_queue_refuses_all_or_none_and_closing_calls_off(painter: WholePipeline) -> None:
    begun = painter.steps([asked(painter, steps=20)] * 3)
    with pytest.raises(QueueFull):
        painter.steps([asked(painter)] * ROOM)
    painter.close()
    assert not painter._waiting
    with pytest.raises(Cancelled):
        list(begun[2])
