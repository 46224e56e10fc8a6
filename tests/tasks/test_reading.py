"""Files as pictures and masks: whatever is wrong with one is said, with the parameter's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from flashpaint.errors import MaskInvalid, PictureUnreadable
from flashpaint.request import Source
from flashpaint.tasks.reading import mask_at, picture_at

GREY = Image.effect_noise((64, 64), 80)


def moving(path: Path) -> None:
    GREY.save(path, save_all=True, append_images=[Image.new("L", (64, 64))], duration=100)


BAD = {
    "missing.png": lambda path: None,
    "text.png": lambda path: path.write_text("no picture"),
    "empty.png": lambda path: path.write_bytes(b""),
    "moving.png": moving,
    "inks.jpg": lambda path: Image.new("CMYK", (64, 64)).save(path),
    "deep.png": lambda path: Image.new("I;16", (64, 64)).save(path),
    "huge.png": lambda path: Image.new("1", (9000, 9000)).save(path),
    "dot.png": lambda path: Image.new("L", (8, 8)).save(path),
    "folder.png": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_sound_picture_is_refused(tmp_path: Path, name: str) -> None:
    BAD[name](tmp_path / name)
    with pytest.raises(PictureUnreadable) as refused:
        picture_at(tmp_path / name)
    assert refused.value.param == "image"
    with pytest.raises(MaskInvalid) as no_mask:
        mask_at(tmp_path / name)
    assert no_mask.value.param == "mask"


def test_a_cut_off_file_is_refused(tmp_path: Path) -> None:
    GREY.save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with pytest.raises(PictureUnreadable):
        picture_at(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P"])
def test_a_mask_without_alpha_edits_where_it_is_white(tmp_path: Path, mode: str) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    mask.convert(mode).save(tmp_path / "m.png")
    edited = Source(GREY, mask_at(tmp_path / "m.png")).edited
    assert edited is not None
    assert edited.tobytes() == mask.tobytes()


def test_a_mask_with_alpha_edits_where_it_is_transparent(tmp_path: Path) -> None:
    mask = Image.new("RGBA", (64, 64), "white")
    mask.paste((9, 9, 9, 0), (0, 0, 32, 64))
    mask.save(tmp_path / "m.png")
    edited = Source(GREY, mask_at(tmp_path / "m.png")).edited
    assert edited is not None
    assert (edited.getpixel((3, 3)), edited.getpixel((40, 3))) == (255, 0)
