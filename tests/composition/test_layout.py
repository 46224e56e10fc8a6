"""The layout's law: every relation holds in the boxes, or the contradiction is named."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashpaint.composition.layout import Box, layout
from flashpaint.composition.scene import RELATIONS, SIZES, Scene, read_scene, said, scene_of
from flashpaint.errors import OutOfRange

CLOSE = 1e-4


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    number = draw(st.integers(1, 6))
    things = []
    for k in range(number):
        thing = {
            "name": f"t{k}",
            "count": draw(st.sampled_from([1, 1, 1, 2, 5])),
            "size": draw(st.sampled_from([*SIZES])),
        }
        if draw(st.integers(0, 9)) == 0:
            left, top = draw(st.floats(0, 0.6)), draw(st.floats(0, 0.6))
            thing["box"] = (left, top, left + draw(st.floats(0.05, 0.4)), top + draw(st.floats(0.05, 0.4)))
        for _ in range(draw(st.integers(0, 2))):
            other = draw(st.integers(0, number - 1))
            if other != k:
                thing.setdefault(draw(st.sampled_from(RELATIONS)), []).append(f"t{other}")
        things.append(thing)
    return scene_of({"things": things})


def groups(scene: Scene) -> dict[str, Box]:
    """The box around all of each name."""
    found: dict[str, Box] = {}
    for placed in layout(scene):
        name, box = scene.things[placed.number].called, placed.box
        left, top, right, bottom = found.get(name, box)
        found[name] = (min(left, box[0]), min(top, box[1]), max(right, box[2]), max(bottom, box[3]))
    return found


def holds(relation: str, one: Box, other: Box) -> bool:
    """Of two boxes, by what the words mean."""
    if relation in ("right_of", "below", "in_front_of"):
        return holds({"right_of": "left_of", "below": "above", "in_front_of": "behind"}[relation], other, one)
    middle = (one[0] + one[2]) / 2
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return {
        "left_of": one[2] <= other[0] + CLOSE,
        "above": one[3] <= other[1] + CLOSE,
        "under": one[1] >= other[3] - CLOSE and across >= -CLOSE,
        "on": one[3] >= other[1] - CLOSE and one[3] < other[3] and across > 0,
        "inside": all(one[k] >= other[k] - CLOSE for k in (0, 1)) and all(one[k] <= other[k] + CLOSE for k in (2, 3)),
        "behind": one[3] < other[3] + CLOSE and across > -CLOSE and down > -CLOSE,
        "holding": middle < (other[0] + other[2]) / 2 and across > 0 and down > 0,
    }[relation]


@settings(max_examples=150, deadline=None)
@given(scene=scenes())
def test_all_relations_hold_or_the_contradiction_is_named(scene: Scene) -> None:
    told = [said(thing.called, *relation) for thing in scene.things for relation in thing.relations()]
    try:
        boxes = groups(scene)
    except OutOfRange as refused:
        assert any(relation in refused.message for relation in told), refused.message
        return
    for thing in scene.things:
        for relation, other in thing.relations():
            assert holds(relation, boxes[thing.called], boxes[other]), (relation, boxes[thing.called], boxes[other])
        if thing.box is not None:
            assert boxes[thing.called] == pytest.approx(thing.box, abs=CLOSE)


@settings(max_examples=50, deadline=None)
@given(scene=scenes())
def test_boxes_lie_inside_the_picture_and_have_a_size(scene: Scene) -> None:
    try:
        placed = layout(scene)
    except OutOfRange:
        return
    assert len(placed) == sum(thing.count for thing in scene.things)
    for left, top, right, bottom in (one.box for one in placed):
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[{name: cat, left_of: car}, {name: car, left_of: cat}]", ["cat left of car", "car left of cat", "both"]),
        ("[{name: a, above: b}, {name: b, above: c}, {name: c, above: a}]", ["a above b", "b above c", "c above a"]),
        ("[{name: a, inside: b}, {name: b, inside: a}]", ["a inside b", "b inside a"]),
        ("[{name: a, behind: b}, {name: b, behind: a}]", ["a behind b", "b behind a"]),
        ("[{name: a, holding: b}, {name: b, holding: a}]", ["a holding b", "b holding a"]),
        ("[{name: a, behind: b, depth: 1}, {name: b, depth: 2}]", ["a behind b", "b at depth 2"]),
        (
            "[{name: a, left_of: b, box: [0.5, 0, 1, 1]}, {name: b, box: [0, 0, 0.4, 1]}]",
            ["a left of b", "the box of a", "the box of b"],
        ),
    ],
)
def test_a_contradiction_is_told_by_name(text: str, named: list[str]) -> None:
    with pytest.raises(OutOfRange) as refused:
        layout(read_scene(f"things: {text}"))
    for name in named:
        assert name in refused.value.message


def test_what_no_relation_holds_apart_lies_side_by_side() -> None:
    boxes = list(groups(read_scene("things: [{name: a}, {name: b}, {name: c}, {name: d}]")).values())
    for k, one in enumerate(boxes):
        for other in boxes[:k]:
            assert (
                min(one[2], other[2]) <= max(one[0], other[0]) + CLOSE
                or min(one[3], other[3]) <= max(one[1], other[1]) + CLOSE
            )
    assert min(box[2] - box[0] for box in boxes) > 0.25


def test_the_most_things_are_laid_out_in_time() -> None:
    started = time.monotonic()
    placed = layout(scene_of({"things": [{"name": f"t{k}"} for k in range(32)]}))
    assert len(placed) == 32
    assert time.monotonic() - started < 20


def test_the_farther_is_painted_first() -> None:
    scene = read_scene(
        "things: [{name: cat, depth: 1}, {name: tree, depth: 5}, {name: hat, on: cat}, {name: sun, behind: tree}]"
    )
    order = [scene.things[placed.number].name for placed in layout(scene)]
    assert order.index("sun") < order.index("tree") < order.index("cat") < order.index("hat")
