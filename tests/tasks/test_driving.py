"""Driving scenes: what a camera sees, sweeps that share their work, and datasets that survive a kill."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flashpaint import Studio
from flashpaint.errors import DiskFull, OutOfRange, OutputExists
from flashpaint.tasks.dataset import Dataset, split_of
from flashpaint.tasks.driving import Sweep, check, drives, painted, read_sweep

SWEEP = """
road: [road, city]
time: [day, night]
vehicles:
  - {kind: car, colour: red, lane: 2, distance: 8}
  - {kind: bus, lane: 1, distance: 12}
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vehicles: [{lane: 1, distance: 1}]", "vehicles.1.distance"),
        ("vehicles: [{lane: 3, distance: 9}]", "lane 3 of 2"),
        ("vehicles: [{lane: 1, distance: 150}]", "too small"),
        ("vehicles: [{lane: 1, distance: 3}]", "outside"),
        ("vehicels: []", "did you mean 'vehicles'"),
        ("lanes: 2", "the road is empty"),
        ("layouts: 9000\nroad: [road, city]", "18000 pictures"),
        ("[]", "a sweep is a mapping"),
    ],
)
def test_what_cannot_be_is_refused_by_name(text: str, told: str) -> None:
    with pytest.raises(OutOfRange) as refused:
        drives(read_sweep(text))
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vehicles: [{kind: motorcycle, lane: 1, distance: 9}]", "motorcycle"),
        ("weather: rain\nlayouts: 1", "rain"),
        ("road: raod\nlayouts: 1", "did you mean 'road'"),
        ("signs: [{kind: stop sign, distance: 9}]", "stop sign"),
    ],
)
def test_what_mini_was_never_shown_is_refused_by_name_and_left_to_others(text: str, told: str) -> None:
    with pytest.raises(OutOfRange) as refused:
        check(read_sweep(text), "mini")
    assert told in refused.value.message
    check(read_sweep(text), "sd")


def test_the_farther_the_smaller_and_the_nearer_in_front() -> None:
    near, far = drives(read_sweep("vehicles: [{lane: 1, distance: 8}, {lane: 1, distance: 16}]"))[0].scene.things
    assert near.box is not None
    assert far.box is not None
    assert far.box[3] - far.box[1] == pytest.approx((near.box[3] - near.box[1]) / 2, abs=1e-5)
    assert far.box[3] < near.box[3]
    assert (near.depth or 0) < (far.depth or 0)


def test_layouts_by_lot_are_the_same_again_and_unlike_one_another() -> None:
    sweep = Sweep(layouts=20, lanes=2, seed=1)
    found = drives(sweep)
    assert found == drives(sweep)
    assert len({drive.scene.things for drive in found}) > 15
    assert len({drive.name for drive in found}) == 20


def test_a_sweep_keeps_its_layout_and_costs_a_fraction(studio: Studio) -> None:
    sought = drives(read_sweep(SWEEP))
    warm, cold = painted(studio, sought), [painted(studio, [drive], warm=False)[0] for drive in sought]
    assert sum(one.rows for one in warm) < 0.6 * sum(one.rows for one in cold)
    assert len({tuple(part.box for part in one.parts) for one in warm}) == 1
    day, night = (np.asarray(one.painting.picture, int)[:100] for one in warm[:2])
    assert night.mean() < day.mean() - 30, "the sky is darker"


def test_a_picture_is_the_same_whichever_are_painted_with_it(studio: Studio) -> None:
    sought = drives(read_sweep(SWEEP))
    together, alone = painted(studio, sought)[3], painted(studio, sought[3:])[0]
    a, b = (np.asarray(one.painting.picture, int) for one in (together, alone))
    assert np.abs(a - b).mean() < 1


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_dataset_has_what_both_formats_ask_for(studio: Studio, tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "roads", read_sweep(SWEEP + "layouts: 3\nkinds: [car, bus]\n"))
    assert dataset.paint(studio) == 12
    card = json.loads((tmp_path / "roads" / "dataset.json").read_text())
    assert card["pictures"] == 12
    number = 0
    for split in ("train", "val", "test"):
        coco = json.loads((tmp_path / "roads" / "annotations" / f"{split}.json").read_text())
        number += len(coco["images"])
        for image in coco["images"]:
            assert (tmp_path / "roads" / "images" / split / image["file_name"]).is_file()
            lines = (tmp_path / "roads" / "labels" / split / image["file_name"]).with_suffix(".txt").read_text()
            found = [row for row in coco["annotations"] if row["image_id"] == image["id"] and row["found"]]
            assert len(lines.splitlines()) == len(found)
    assert number == 12
    assert len({(drive.layout, split_of(drive)) for drive in dataset.drives}) == 3, "no layout is in two splits"
    before = files(tmp_path / "roads")
    assert dataset.paint(studio) == 0, "it is whole"
    assert files(tmp_path / "roads") == before


def test_a_killed_run_goes_on_without_duplicates(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("layouts: 6\nroad: [road, city]\ntime: [day, night]\n")
    command = [sys.executable, "-m", "flashpaint.cli", "driving", "sweep.yaml", "--out", "roads"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while len(list(tmp_path.glob("roads/records/*/*.json"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(10)
    there = {path: path.stat().st_mtime_ns for path in tmp_path.glob("roads/records/*/*.json")}
    assert 5 <= len(there) < 24
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{24 - len(there)} painted now, {len(there)} there before" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in there} == there
    rows = [
        json.loads((tmp_path / "roads" / "annotations" / f"{s}.json").read_text()) for s in ("train", "val", "test")
    ]
    names = [image["file_name"] for coco in rows for image in coco["images"]]
    assert len(names) == len(set(names)) == 24
    assert len(list(tmp_path.glob("roads/images/*/*.png"))) == 24


def test_another_sweep_in_the_same_folder_is_refused(studio: Studio, tmp_path: Path) -> None:
    Dataset(tmp_path / "roads", Sweep(layouts=1)).begin("mini 1")
    with pytest.raises(OutputExists, match="another sweep"):
        Dataset(tmp_path / "roads", Sweep(layouts=2)).begin("mini 1")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(OutputExists, match="other files"):
        Dataset(tmp_path / "full", Sweep(layouts=1)).begin("mini 1")


def test_a_full_disk_is_told_and_leaves_no_half_file(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    dataset = Dataset(tmp_path / "roads", Sweep(layouts=1))
    dataset.begin("mini 1")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="free some space"):
        dataset.write("images/a.png", b"half")
    assert not list((tmp_path / "roads").rglob("*a.png*"))
