"""The scene editor: a sentence is planned over HTTP; on the page its boxes are moved, and the picture follows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from flashpaint.serve.keys import Keys
from tests.serve.conftest import Running
from tests.serve.test_page import Open, browser, opened, pixels, save, write

__all__ = ["browser", "opened"]

SENTENCE = "a cat left of a red car on the beach"
CHINESE = "左边一只猫，右边一辆红色的汽车"
BOX = "#scene .box"
DONE = "() => frame.dataset.state === 'final' && document.documentElement.dataset.busy === 'false'"


def plan(serving: Running, scene: Any) -> httpx2.Response:
    return serving.http().post("/api/scene/plan", json={"scene": scene})


# -- the plan


@pytest.mark.parametrize("given", [SENTENCE, {"things": [{"name": "cat", "left_of": "car"}, {"name": "car"}]}, CHINESE])
def test_a_plan_is_the_scene_as_data_and_a_box_for_each_thing(serving: Running, given: Any) -> None:
    found = plan(serving, given).json()
    things, boxes = found["scene"]["things"], {box["thing"]: box["box"] for box in found["boxes"]}
    assert [things[k]["name"] for k in sorted(boxes)] in (["cat", "car"], ["猫", "汽车"])
    assert boxes[0][2] <= boxes[1][0], "the cat is left of the car"
    assert all(0 <= side <= 1 for box in boxes.values() for side in box)
    assert [box["name"] for box in found["boxes"]] == [things[box["thing"]]["name"] for box in found["boxes"]]
    assert plan(serving, found["scene"]).json() == found, "what was planned can be planned again"


def test_of_several_alike_each_has_a_box(serving: Running) -> None:
    found = plan(serving, "three cats in the forest").json()
    assert [box["thing"] for box in found["boxes"]] == [0, 0, 0]
    assert found["scene"]["background"] == {"place": "forest"}


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        ({"things": []}, "no things"),
        ({"things": [{"nam": "cat"}]}, "did you mean 'name'"),
        ({"things": [{"name": "cat", "box": [0.5, 0.5, 0.2, 0.9]}]}, "a box of no size"),
        (
            {"things": [{"name": "cat", "left_of": "car"}, {"name": "car", "left_of": "cat"}]},
            "car left of cat and cat left of car cannot both hold",
        ),
        ("", "empty"),
        (7, "scene"),
        (None, "scene"),
    ],
)
def test_a_scene_that_cannot_be_planned_is_refused_by_name(serving: Running, scene: Any, said: str) -> None:
    answer = plan(serving, scene)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_a_plan_needs_the_scope_to_generate(another: Callable[..., Running], tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    reader, painter = keys.add("reader", ["read"]), keys.add("painter", ["generate"])
    found = another()
    codes = [found.http(key).post("/api/scene/plan", json={"scene": "a cat"}).status_code for key in (reader, painter)]
    assert codes == [403, 200]
    assert found.http().post("/api/scene/plan", json={"scene": "a cat"}).status_code == 401


# -- on the page


def composed(page: Any, act: Callable[[], None]) -> dict[str, Any]:
    """What the page asks to be painted after this, once it is painted."""
    with page.expect_request("**/v1/images/generations") as caught:
        act()
    page.wait_for_function(DONE)
    found: dict[str, Any] = caught.value.post_data_json
    return found


def editing(serving: Running, opened: Open, sentence: str = SENTENCE, **given: Any) -> tuple[Any, dict[str, Any]]:
    """(the page with its editor open, what it asked for)."""
    page = opened(serving.url, **given)
    write(page, sentence)
    return page, composed(page, lambda: page.click("#compose"))


def dragged(page: Any, part: str, across: float, down: float) -> None:
    """By shares of the picture, held in the middle."""
    at, frame = page.locator(part).bounding_box(), page.locator("#frame").bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across * frame["width"], y + down * frame["height"], steps=4)
    page.mouse.up()


def test_a_dragged_box_moves_what_is_in_it(serving: Running, opened: Open) -> None:
    page, first = editing(serving, opened)
    assert page.locator(f"{BOX} .name").all_inner_texts() == ["cat", "car"]
    assert [thing["name"] for thing in first["scene"]["things"]] == ["cat", "car"]
    assert not {"left_of", "count"} & set(first["scene"]["things"][0])
    before = save(page)
    asked = composed(page, lambda: dragged(page, f"{BOX} >> nth=0", 0.02, -0.3))
    (was, car), (now, same) = ([thing["box"] for thing in one["scene"]["things"]] for one in (first, asked))
    assert now == pytest.approx([was[0] + 0.02, was[1] - 0.3, was[2] + 0.02, was[3] - 0.3], abs=0.01)
    assert same == car
    assert asked["seed"] == first["seed"]
    changed = np.abs(pixels(save(page)) - pixels(before)).sum(-1)
    left, right = changed[:, : int(256 * was[2])], changed[:, int(256 * car[0]) :]
    assert left.mean() > 5
    assert left.mean() > 2 * right.mean(), "the car stays"


def test_a_corner_resizes_and_newer_changes_win(serving: Running, opened: Open) -> None:
    page, first = editing(serving, opened)
    composed(page, lambda: (page.click("#more summary"), page.fill("#steps", "60")))  # long enough to be overtaken
    page.evaluate(
        "() => { window.called_off = 0; const abort = AbortController.prototype.abort;"
        "AbortController.prototype.abort = function () { window.called_off += 1; abort.call(this); }; }"
    )
    with page.expect_request("**/v1/images/generations"):
        dragged(page, f"{BOX} >> nth=0 >> .corner >> nth=2", -0.1, -0.1)
    asked = composed(page, lambda: dragged(page, f"{BOX} >> nth=1", 0, -0.2))
    assert page.evaluate("() => window.called_off") == 1, "the earlier one"
    was, now = ([thing["box"] for thing in one["scene"]["things"]] for one in (first, asked))
    left, top, right, bottom = was[0]
    assert now[0] == pytest.approx([left, top, right - 0.1, bottom - 0.1], abs=0.02)
    assert now[1][1] == pytest.approx(was[1][1] - 0.2, abs=0.02)
    assert asked["steps"] == 60
    serving.until(lambda service: service.line.painting == 0, 5)


def test_the_keyboard_moves_resizes_names_adds_and_removes(serving: Running, opened: Open) -> None:
    page, first = editing(serving, opened)
    assert "cat" in page.evaluate("() => document.activeElement.getAttribute('aria-label')")
    was = first["scene"]["things"][0]["box"]
    now = composed(page, lambda: page.keyboard.press("ArrowUp"))["scene"]["things"][0]["box"]
    assert now == pytest.approx([was[0], was[1] - 0.02, was[2], was[3] - 0.02], abs=1e-3)
    wider = composed(page, lambda: page.keyboard.press("Shift+ArrowLeft"))["scene"]["things"][0]["box"]
    assert wider == pytest.approx([now[0], now[1], now[2] - 0.02, now[3]], abs=1e-3)
    page.keyboard.press("Enter")
    assert composed(page, lambda: page.keyboard.type("dog"))["scene"]["things"][0]["name"] == "dog"
    assert composed(page, lambda: page.click(".swatch >> nth=4"))["scene"]["things"][0]["colour"] == "blue"
    page.click("#scene-add")
    third = composed(page, lambda: page.keyboard.type("ball"))["scene"]["things"]
    assert [thing["name"] for thing in third] == ["dog", "car", "ball"]
    page.keyboard.press("Enter")
    left = composed(page, lambda: page.keyboard.press("Delete"))["scene"]["things"]
    assert [thing["name"] for thing in left] == ["dog", "car"]
    page.keyboard.press("Escape")
    page.wait_for_selector("#scene", state="hidden")
    assert page.get_attribute("#seed-lock", "aria-pressed") == "false", "the seed is free again"


def test_it_speaks_chinese(serving: Running, opened: Open) -> None:
    page, asked = editing(serving, opened, CHINESE, locale="zh-CN")
    assert page.inner_text("#compose") == "构图"
    assert page.locator(f"{BOX} .name").all_inner_texts() == ["猫", "汽车"]
    assert asked["scene"]["things"][1]["colour"] == "红色"
    assert page.locator(".swatch[aria-pressed=true]").count() == 0
    page.focus(f"{BOX} >> nth=1")
    assert page.get_attribute(".swatch[aria-pressed=true]", "aria-label") == "红色"
    assert re.match("汽车：距左边", page.get_attribute(f"{BOX} >> nth=1", "aria-label"))
    page.click("#language")
    assert page.inner_text("#compose") == "Compose"


def test_enter_plans_what_is_typed_anew_and_a_sentence_without_things_is_refused(
    serving: Running, opened: Open
) -> None:
    page = opened(serving.url, faults=True)
    page.click("#compose")
    page.wait_for_selector("#notice[data-kind=refusal]")
    write(page, SENTENCE)
    composed(page, lambda: page.click("#compose"))
    page.fill("#prompt", "a dog above a boat on the sea")
    asked = composed(page, lambda: page.press("#prompt", "Enter"))
    assert {thing["name"] for thing in asked["scene"]["things"]} == {"dog", "boat"}
    assert page.locator(BOX).count() == 2


def test_it_fits_a_phone_and_heeds_touch(serving: Running, opened: Open) -> None:
    page, first = editing(serving, opened, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    touch = page.context.new_cdp_session(page)
    at = page.locator(f"{BOX} >> nth=0").bounding_box()
    x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2

    def swipe() -> None:
        for kind, points in (
            ("touchStart", [{"x": x, "y": y}]),
            ("touchMove", [{"x": x, "y": y - 60}]),
            ("touchEnd", []),
        ):
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    asked = composed(page, swipe)
    assert asked["scene"]["things"][0]["box"][1] < first["scene"]["things"][0]["box"][1] - 0.1
