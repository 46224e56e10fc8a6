from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from PIL import Image

from flashpaint import Painting, PaintRequest, marks
from flashpaint.errors import DiskFull, OutputExists, OutputUnwritable, PictureUnreadable

PAINTING = Painting(
    Image.new("RGB", (256, 256), "navy"),
    "a cat in space",
    PaintRequest("太空中的一只猫", seed=7),
    7,
    10,
    3.0,
    {"total": 0.2},
    {"model": "mini", "version": "0.1", "engine": "test", "teller": "MiniTeller", "sampler": "euler"},
)


def test_a_png_tells_its_request_and_that_a_machine_made_it(tmp_path: Path) -> None:
    found = marks.read_marks(marks.save(PAINTING, tmp_path / "cat.png"))
    assert found["parameters"].splitlines()[0] == "太空中的一只猫"
    assert "Steps: 10, Sampler: Euler, CFG scale: 3, Seed: 7, Size: 256x256, Model: mini" in found["parameters"]
    assert found["flashpaint"]["description"] == "a cat in space"
    assert found["flashpaint"]["seed"] == 7
    assert found["AIGC"]["AIGC"]["Label"] == "1"
    assert found["digital_source_type"].endswith("trainedAlgorithmicMedia")


def test_the_mark_is_where_xmp_readers_look(tmp_path: Path) -> None:
    with Image.open(marks.save(PAINTING, tmp_path / "cat.png")) as picture:
        assert (
            b"DigitalSourceType" in picture.info["xmp"]
            if "xmp" in picture.info
            else "DigitalSourceType" in picture.info["XML:com.adobe.xmp"]
        )


def test_no_path_enters_the_file(tmp_path: Path) -> None:
    content = marks.save(PAINTING, tmp_path / "cat.png").read_bytes()
    assert str(tmp_path).encode() not in content
    assert os.path.expanduser("~").encode() not in content


def test_a_file_that_exists_is_kept_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    path.write_text("mine")
    with pytest.raises(OutputExists, match="--overwrite"):
        marks.save(PAINTING, path)
    assert path.read_text() == "mine"
    marks.save(PAINTING, path, overwrite=True)
    assert marks.read_marks(path)["flashpaint"]["seed"] == 7


@pytest.mark.parametrize("name", ["cat.jpg", "cat", "nowhere/cat.png"])
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputUnwritable):
        marks.save(PAINTING, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match="free some space"):
        marks.save(PAINTING, tmp_path / "cat.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_device_that_is_really_full_is_told_as_such() -> None:
    with pytest.raises(OSError, match="No space") as caught, open("/dev/full", "wb", buffering=0) as file:
        file.write(marks.to_png(PAINTING))
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("content", [b"", b"not a picture", marks.to_png(PAINTING)[:200]])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cat.png"
    path.write_bytes(content)
    with pytest.raises(PictureUnreadable, match="no picture"):
        marks.read_marks(path)


def test_a_picture_without_marks_has_none(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    assert marks.read_marks(tmp_path / "plain.png") == {}


def test_a_damaged_mark_is_told(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_itxt("flashpaint", "{broken")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png", pnginfo=text)
    with pytest.raises(PictureUnreadable, match="damaged mark"):
        marks.read_marks(tmp_path / "a.png")


def test_marks_are_valid_json_for_any_prompt(tmp_path: Path) -> None:
    import dataclasses

    odd = dataclasses.replace(PAINTING, request=PaintRequest('say "猫" \\ {} 🐱'))
    found = marks.read_marks(marks.save(odd, tmp_path / "odd.png"))
    assert found["flashpaint"]["prompt"] == 'say "猫" \\ {} 🐱'
    json.dumps(found)
