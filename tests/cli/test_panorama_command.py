"""flashpaint panorama and paint --tile as a user runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from flashpaint.marks import read_marks
from tests.cli.test_cli import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("panoramas")


def test_a_panorama_with_its_preview_and_its_cube(folder: Path) -> None:
    (folder / "cube").mkdir()
    asked = ("a forest", "--width", "1024", "--seed", "1", "--preview", "--cube", "cube", "--out", "forest.png")
    done = run("panorama", *asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    with Image.open(folder / "forest.png") as large, Image.open(folder / "forest-preview.png") as small:
        assert (large.size, small.size) == ((1024, 512), (512, 256))
        assert "GPano" in large.info["XML:com.adobe.xmp"]
    assert read_marks(folder / "forest.png")["flashpaint"]["seed"] == 1
    names = {path.stem for path in (folder / "cube").iterdir()}
    assert names == {"front", "right", "back", "left", "up", "down"}


def test_the_same_seed_paints_the_same_panorama_and_the_faces_fit_in_one_file(folder: Path) -> None:
    for name in ("one.png", "two.png"):
        done = run(
            "panorama", "雪山", "--width", "512", "--seed", "4", "--cube", f"cube-{name}", "--out", name, cwd=folder
        )
        assert done.returncode == 0, done.stderr
    assert Image.open(folder / "one.png").tobytes() == Image.open(folder / "two.png").tobytes()
    assert Image.open(folder / "cube-one.png").size == (6 * 128, 128)


def test_what_cannot_be_is_refused_before_any_work(folder: Path) -> None:
    for asked, said in [
        (("--width", "700"), "size_unsupported"),
        (("--cube", "nowhere"), "make it first"),
        (("--out", "beach.jpg"), "png"),
    ]:
        done = run("panorama", "a beach", *asked, cwd=folder)
        assert done.returncode == 1
        assert said in done.stderr
    assert not list(folder.glob("*beach*"))


def test_a_tile_is_painted_and_says_so(folder: Path) -> None:
    done = run("paint", "pizza", "--tile", "--size", "320", "--seed", "2", "--out", "tile.png", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert read_marks(folder / "tile.png")["flashpaint"]["canvas"] == "tile"
    assert Image.open(folder / "tile.png").size == (320, 320)
