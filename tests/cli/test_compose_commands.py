"""compose and driving as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from flashpaint.composition.scene import read_scene
from tests.cli.test_cli import run

SCENE = "seed: 3\nbackground: {place: road}\nthings: [{name: cat, left_of: car}, {name: car, colour: red}]\n"


def test_a_scene_file_becomes_a_picture_with_its_truth(tmp_path: Path) -> None:
    (tmp_path / "scene.yaml").write_text(SCENE)
    done = run("compose", "scene.yaml", "-o", "scene.png", "--truth", "truth", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "truth" / "scene.json").read_text())
    assert found["images"][0]["file_name"] == "scene.png"
    assert [row["name"] for row in found["categories"]] == ["cat", "car"]
    assert Image.open(tmp_path / "truth" / "scene.labels.png").mode == "P"
    assert Image.open(tmp_path / "scene.png").size == (256, 256)


def test_a_plan_is_a_scene_file_again_and_paints_nothing(tmp_path: Path) -> None:
    done = run("compose", "two cats left of a red car at night", "--plan", "--seed", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scene = read_scene(done.stdout)
    assert [(thing.name, thing.count) for thing in scene.things] == [("cat", 2), ("car", 1)]
    assert scene.seed == 4
    assert done.stdout.count("#   cat: ") == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("things: [{name: cat, lefft_of: car}]", "left_of"),
        ("things: [{name: a, left_of: b}, {name: b, left_of: a}]", "cannot both hold"),
        ("things: [{name: cat, count: 200}]", "32 are the most"),
        ("\x00", "no YAML"),
    ],
)
def test_what_is_no_scene_is_refused_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "scene.yaml").write_text(text)
    done = run("compose", "scene.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for command in (("compose", "none.yaml"), ("driving", "none.yaml", "--out", "roads")):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 1
        assert "none.yaml" in done.stderr


def test_a_sweep_that_mini_cannot_paint_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("weather: [clear, rain]\nlayouts: 2\n")
    done = run("driving", "sweep.yaml", "-o", "roads", cwd=tmp_path)
    assert done.returncode == 1
    assert "rain" in done.stderr
    assert not (tmp_path / "roads").exists()
