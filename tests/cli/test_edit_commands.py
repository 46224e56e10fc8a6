"""edit, vary, outpaint and describe as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from flashpaint.marks import read_marks
from tests.cli.test_cli import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edited")
    done = run("paint", "a pizza", "--seed", "1", "--out", "pizza.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    mask = Image.new("L", (256, 256), 0)
    mask.paste(255, (0, 0, 256, 128))
    mask.save(folder / "mask.png")
    return folder


def test_a_picture_is_edited_and_its_marks_say_how(folder: Path) -> None:
    done = run("edit", "pizza.png", "a cake", "--strength", "0.5", "--seed", "2", "--out", "cake.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    record = read_marks(folder / "cake.png")["flashpaint"]
    assert record["prompt"] == "a cake"
    assert "pizza.png" not in json.dumps(record), "no path goes into a picture"


def test_a_mask_keeps_the_rest(folder: Path) -> None:
    done = run("edit", "pizza.png", "a cake", "--mask", "mask.png", "--seed", "2", "--out", "half.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    lower = (0, 128, 256, 256)
    one, other = (Image.open(folder / name).convert("RGB").crop(lower) for name in ("pizza.png", "half.png"))
    assert one.tobytes() == other.tobytes()


def test_variations_and_a_larger_canvas_are_painted(folder: Path) -> None:
    (folder / "varied").mkdir()
    assert run("vary", "pizza.png", "--n", "2", "--out", "varied", cwd=folder).returncode == 0
    assert len(list((folder / "varied").glob("*.png"))) == 2
    done = run("outpaint", "pizza.png", "a pizza", "--left", "64", "--out", "wide.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert run("outpaint", "pizza.png", "--out", "none.png", cwd=folder).returncode == 1, "no side is named"


def test_a_picture_is_described(folder: Path) -> None:
    found = json.loads(run("describe", "pizza.png", "--json", cwd=folder).stdout)
    assert "pizza" in [row["word"] for row in found["words"]]


@pytest.mark.parametrize("arguments", [("edit", "missing.png", "a cat"), ("describe", "mask.txt"), ("vary", "x.png")])
def test_what_is_no_picture_is_refused(folder: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, cwd=folder)
    assert done.returncode == 1
    assert arguments[1] in done.stderr
