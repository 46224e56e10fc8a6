"""Where a picture is best sent: laws of the reckoning, without Ray."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flashpaint.cluster.load", reason="Ray is not installed: pip install 'flashpaint[ray]'")

from flashpaint.cluster.crossing import Work
from flashpaint.cluster.load import Ahead, Load, passes
from flashpaint.cluster.scaling import StepsLeft
from flashpaint.paint.painter import Order


def work(key: str, side: int = 256, steps: int = 4, skipped: int = 0, seed: int | None = None, avoid: str = "") -> Work:
    fields: dict[str, Any] = {"description": "a cat", "width": side, "height": side, "guidance_scale": 1.0}
    order = Order(seed=hash(key) if seed is None else seed, steps=steps, skipped=skipped, **fields)
    return Work(key, order, False, avoid)


def sent(load: Load, replica: str, *works: Work) -> None:
    for each in works:
        load.expect(each)
        load.sent(each, replica)


def best(load: Load, one: Work) -> str:
    load.expect(one)
    return load.ranked(one, ["a", "b"])[0]


def test_pictures_of_one_shape_share_their_passes() -> None:
    alike = [Ahead((256,), 1, 4), Ahead((256,), 1, 4)]
    assert passes(alike, batch=2) == 4
    assert passes(alike, batch=1) == 8
    assert passes([*alike, Ahead((512,), 4, 4)], batch=2) == 4 + 16


def test_a_picture_goes_where_its_shape_is() -> None:
    load = Load(batch=4)
    sent(load, "a", work("1", side=256))
    sent(load, "b", work("2", side=384))
    assert best(load, work("3", side=256)) == "a"
    assert best(load, work("4", side=384)) == "b"


def test_where_nothing_is_shared_it_goes_where_the_fewest_steps_are_left() -> None:
    load = Load(batch=1)
    sent(load, "a", work("1", steps=50, skipped=48))  # memory has done most of it
    sent(load, "b", work("2", steps=50))
    assert best(load, work("3", steps=50)) == "a"
    load.moved("2", 1)
    assert best(load, work("4", steps=50)) == "b"


def test_a_session_stays_unless_that_costs_more_than_its_picture() -> None:
    load = Load(batch=1)
    sent(load, "a", work("1", seed=5))
    load.gone("1")
    assert best(load, work("2", seed=5)) == "a"
    sent(load, "a", work("3"), work("4"))
    assert best(load, work("5", seed=5)) == "b"


def test_what_failed_it_is_the_last_choice() -> None:
    load = Load(batch=1)
    sent(load, "b", *(work(str(k)) for k in range(9)))
    one = work("again", avoid="a")
    load.expect(one)
    assert load.ranked(one, ["a", "b"]) == ["b", "a"]


def test_nothing_is_kept_of_what_is_gone() -> None:
    load = Load()
    sent(load, "a", work("1"), work("2"))
    load.gone("1")
    load.gone("2")
    load.gone("2")
    assert len(load) == 0


def test_replicas_are_wanted_for_steps_not_for_requests() -> None:
    class Context:
        aggregated_metrics = {"steps_left": {"a": 40.0, "b": 8.0}}  # noqa: RUF012
        total_queued_requests = 4.0
        policy_state = None

    assert StepsLeft(target_steps=16, steps=4)(Context()) == (4.0, {})
