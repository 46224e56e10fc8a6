"""What a request may ask of a painter, and how the loop's painter carries it out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashpaint import Painting, PaintRequest, Studio, marks
from flashpaint.errors import OutOfRange, QueueFull
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.orders import check, order_of
from flashpaint.paint.samplers import dpm_solver_2m, euler
from flashpaint.paint.schedule import flow_sigmas, karras_sigmas
from tests.conftest import GaussianDenoiser


@pytest.fixture
def painter(gaussian: GaussianDenoiser) -> LoopPainter:
    return LoopPainter(gaussian, batch=4)


def trajectory(painter: LoopPainter, **choices: Any) -> Any:
    request = PaintRequest("a cat", seed=3, **choices)
    check(request, painter.spec)
    return painter.trajectories([order_of(request, painter.spec, "a cat", 3)])[0]


@pytest.mark.parametrize(
    ("choices", "param"),
    [
        ({"sampler": "heun"}, "sampler"),
        ({"schedule": "cosine"}, "schedule"),
        ({"negative": "blurry"}, "negative"),  # the model's default guidance is 1: nothing to steer with
        ({"loras": (("ink", 1.0),)}, "loras"),
    ],
)
def test_what_a_painter_cannot_do_is_refused_by_name(painter: LoopPainter, choices: Any, param: str) -> None:
    with pytest.raises(OutOfRange) as refused:
        check(PaintRequest("a cat", **choices), painter.spec)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "choices",
    [
        {"sigmas": (1.0, 0.5)},
        {"sigmas": (1.0, 0.5, 0.0), "steps": 2},
        {"sigmas": (1.0, 0.5, 0.0), "schedule": "karras"},
        {"loras": (("ink", 3.0),)},
        {"negative": "a\x07b"},
    ],
)
def test_what_no_painter_can_do_is_no_request(choices: Any) -> None:
    from flashpaint.errors import RequestInvalid

    with pytest.raises(RequestInvalid):
        PaintRequest("a cat", **choices)


def test_a_painter_that_heeds_less_says_what_it_heeds(painter: LoopPainter) -> None:
    spec = replace(painter.spec, heeds=frozenset({"steps"}))
    check(PaintRequest("a cat", steps=3), spec)
    with pytest.raises(OutOfRange, match=r"takes no seed: leave it out \(it heeds steps"):
        check(PaintRequest("a cat", seed=1), spec)


def test_levels_are_the_models_own_karras_or_the_callers(painter: LoopPainter) -> None:
    assert trajectory(painter, steps=4).sigmas == pytest.approx(flow_sigmas(4))
    own = flow_sigmas(4)
    karras = trajectory(painter, steps=4, schedule="karras").sigmas
    assert karras == pytest.approx(karras_sigmas(4, float(own[-2]), float(own[0])))
    assert trajectory(painter, sigmas=(1, 0.5, 0)).sigmas.tolist() == [1, 0.5, 0]


def test_the_sampler_is_the_models_or_the_one_asked_for(painter: LoopPainter) -> None:
    assert trajectory(painter).sampler is euler
    assert trajectory(painter, sampler="dpm++2m").sampler is dpm_solver_2m


def test_guidance_steers_away_from_the_negative_prompt_instead_of_the_null(painter: LoopPainter) -> None:
    def finished(**choices: Any) -> Any:
        request = PaintRequest("a cat", seed=3, steps=4, guidance_scale=3.0, **choices)
        order = order_of(request, painter.spec, "a cat", 3)
        asked = painter.trajectories([order])[0]
        list(painter.loop.steps(asked))
        return asked.latents.mean()

    # the closed form's mean moves with the length of the text: away from a longer one is down
    assert finished(negative="a very long negative prompt") < finished() - 0.5
    same = finished(negative="cat a")  # of the prompt's own length: nothing to steer by
    assert same == pytest.approx(finished_plain(painter), abs=1e-4)


def finished_plain(painter: LoopPainter) -> float:
    asked = painter.trajectories([order_of(PaintRequest("a cat", steps=4), painter.spec, "a cat", 3)])[0]
    list(painter.loop.steps(asked))
    return float(asked.latents.mean())


def test_a_full_loop_takes_all_or_none(gaussian: GaussianDenoiser) -> None:
    painter = LoopPainter(gaussian, room=2, batch=1)
    orders = [order_of(PaintRequest("a cat", steps=200), painter.spec, "a cat", k) for k in range(3)]
    with pytest.raises(QueueFull):
        painter.steps(orders)
    painter.close()  # the two that had begun were called off, and leave within a step
    assert len(painter.loop) == 0
    *_, last = painter.steps(orders[:1])[0]
    assert last.picture is not None


def test_steps_that_are_let_go_unread_leave_the_loop(gaussian: GaussianDenoiser) -> None:
    painter = LoopPainter(gaussian, batch=1)
    left = painter.steps([order_of(PaintRequest("a cat", steps=200), painter.spec, "a cat", 1)])
    asked = left[0].trajectory
    del left
    assert asked.cancelled


def test_mini_heeds_them_all_and_the_marks_say_so(studio: Studio) -> None:
    request = PaintRequest(
        "a cat in space", seed=3, steps=4, negative="a dog", sampler="dpm++2m", schedule="karras", guidance_scale=3
    )
    painting = studio.paint(request)
    plain = studio.paint(PaintRequest("a cat in space", seed=3, steps=4, guidance_scale=3))
    assert np.abs(np.asarray(painting.picture, int) - np.asarray(plain.picture, int)).mean() > 1
    said = marks.parameters(painting)
    assert "\nNegative prompt: a dog\n" in said
    assert "Sampler: DPM++ 2M" in said
    assert marks.record(painting)["schedule"] == "karras"


def test_marks_name_no_sampler_where_the_painter_does_not_say() -> None:
    painting = Painting(
        Image.new("RGB", (8, 8)), "a cat", PaintRequest("a cat"), 1, 1, 1.0, {}, {"model": "m", "version": "1"}
    )
    assert "Sampler" not in marks.parameters(painting)
