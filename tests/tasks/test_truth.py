"""Ground truth: COCO's structure, masks that are where things are, and failures that are flagged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from flashpaint import Studio
from flashpaint.composition.scene import read_scene
from flashpaint.tasks.compose import Composed, compose
from flashpaint.tasks.truth import coco, label_map, labels, run_lengths, scores, yolo

SCENE = "seed: 5\nbackground: {place: beach}\nthings: [{name: cat, count: 2, left_of: car}, {name: car, colour: red}]"


@pytest.fixture(scope="module")
def composed() -> Composed:
    return compose(Studio.open(), read_scene(SCENE))


def decoded(lengths: Any) -> Any:
    """COCO's run lengths as a mask."""
    values = np.arange(len(lengths["counts"])) % 2
    return np.repeat(values, lengths["counts"]).reshape(lengths["size"], order="F").astype(bool)


def test_the_annotations_are_coco(studio: Studio, composed: Composed) -> None:
    found = labels(studio, composed)
    whole = coco([("a.png", (256, 256), found), ("b.png", (256, 256), found)], ("cat", "car"))
    assert {"images", "annotations", "categories"} <= set(whole)
    images, categories = ({row["id"] for row in whole[name]} for name in ("images", "categories"))
    assert len({row["id"] for row in whole["annotations"]}) == len(whole["annotations"]) == 6
    for row in whole["annotations"]:
        assert row["image_id"] in images
        assert row["category_id"] in categories
        assert row["iscrowd"] == 0
        x, y, width, height = row["bbox"]
        assert 0 <= x < x + width <= 256
        assert 0 <= y < y + height <= 256
        mask = decoded(row["segmentation"])
        assert mask.sum() == row["area"] > 0
        rows, columns = np.nonzero(mask)
        assert (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1) == (x, y, width, height)


def test_the_label_map_tells_each_pixel_once(composed: Composed) -> None:
    found = label_map(composed)
    assert found.mode == "P"
    indices = np.asarray(found)
    assert set(np.unique(indices)) == {0, 1, 2, 3}
    for k, part in enumerate(composed.parts):
        assert ((indices == k + 1) == part.seen).all()


def test_what_is_not_there_is_flagged(studio: Studio, composed: Composed) -> None:
    assert {label.name for label in labels(studio, composed) if label.found} >= {"car"}
    flagged = [
        not label.found
        for name in ("a sailboat", "an owl", "a key", "a whale")
        for label in labels(
            studio, replace(composed, parts=tuple(replace(part, phrase=name) for part in composed.parts))
        )
    ]
    assert sum(flagged) >= 0.75 * len(flagged)
    hidden = replace(composed.parts[0], box=None, seen=np.zeros((256, 256), bool))
    assert scores(studio, replace(composed, parts=(hidden, *composed.parts[1:])))[0] == 0
    assert scores(studio, replace(composed, parts=(hidden,))) == [0]


def test_yolo_tells_what_is_found_in_shares(studio: Studio, composed: Composed) -> None:
    found = labels(studio, composed)
    lines = yolo(
        (256, 256), [replace(label, found=k > 0) for k, label in enumerate(found)], ("cat", "car")
    ).splitlines()
    assert len(lines) == 2
    number, *box = map(float, lines[-1].split())
    assert number == [("cat", "car").index(label.name) for label in found][-1]
    assert all(0 < share < 1 for share in box)


@pytest.mark.parametrize("fill", [0, 1])
def test_run_lengths_of_a_plain_mask(fill: int) -> None:
    lengths = run_lengths(np.full((3, 5), bool(fill)))
    assert (decoded(lengths) == bool(fill)).all()
