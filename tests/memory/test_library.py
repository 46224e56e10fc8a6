from __future__ import annotations

import hashlib
import io
import json
import os
import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from flashpaint import Painting, PaintRequest, marks
from flashpaint.memory import library
from flashpaint.memory.library import Found, Skipped, pictures_in, read_picture
from flashpaint.request import PROMPT_LIMIT

NOISE = Image.frombytes("RGB", (64, 48), random.Random(7).randbytes(64 * 48 * 3))  # noise: cut files miss pixels
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, told: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + told) if crc is None else crc
    return struct.pack(">I", len(told)) + kind + told + struct.pack(">I", crc)


def encoded(picture: Image.Image = NOISE, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def laid(path: Path, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded() if content is None else content)
    return path


def texts(**told: str) -> PngInfo:
    info = PngInfo()
    for key, text in told.items():
        info.add_itxt(key, text)
    return info


def found(path: Path, side: int | None = None) -> Found:
    read = read_picture(path, side)
    assert isinstance(read, Found), read
    return read


def reason(path: Path) -> str:
    read = read_picture(path)
    assert isinstance(read, Skipped), read
    assert read.path == path
    return read.reason


def walked(paths: Sequence[Path], below: Path) -> tuple[list[str], dict[str, str]]:
    """The names that come, in order, and the reasons of those that do not."""
    come, skipped = [], {}
    for met in pictures_in(paths):
        if isinstance(met, Skipped):
            skipped[str(met.path.relative_to(below))] = met.reason
        else:
            come.append(str(met.relative_to(below)))
    return come, skipped


# the walk


def test_a_walk_is_sorted_and_takes_picture_endings_in_any_case(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/z.jpg", "a/c.Jpeg", "c.webp", "notes.txt", "d.gif"):
        laid(tmp_path / name)
    assert walked([tmp_path], tmp_path) == (["a/c.Jpeg", "a/z.jpg", "b.PNG", "c.webp"], {})


def test_hidden_files_and_folders_are_left_out_unless_named(tmp_path: Path) -> None:
    for name in (".a.png", ".cache/b.png", "c.png"):
        laid(tmp_path / name)
    assert walked([tmp_path], tmp_path) == (["c.png"], {})
    assert walked([tmp_path / ".cache", tmp_path / ".a.png"], tmp_path) == ([".cache/b.png", ".a.png"], {})


def test_links_that_loop_end(tmp_path: Path) -> None:
    laid(tmp_path / "a" / "cat.png")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    come, skipped = walked([tmp_path], tmp_path)
    assert come == ["a/cat.png"]
    assert list(skipped) == ["self.png"]
    assert "link" in skipped["self.png"]


def test_a_real_file_comes_once(tmp_path: Path) -> None:
    cat = laid(tmp_path / "cat.png")
    (tmp_path / "link.png").symlink_to(cat)
    (tmp_path / "twin.png").hardlink_to(cat)
    assert walked([cat, tmp_path, cat, tmp_path], tmp_path) == (["cat.png"], {})


def test_a_link_of_another_ending_does_not_hide_its_picture(tmp_path: Path) -> None:
    (tmp_path / "blob").symlink_to(laid(tmp_path / "cat.png"))
    come, skipped = walked([tmp_path / "blob", tmp_path], tmp_path)
    assert (come, list(skipped)) == (["cat.png"], ["blob"])


def test_file_systems_that_number_no_files_lose_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cat, dog = laid(tmp_path / "cat.png"), laid(tmp_path / "dog.png")
    real = os.stat(cat)
    plain = os.stat_result((real.st_mode, 0, 0, 1, 0, 0, real.st_size, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda path, **_: plain)
    assert walked([cat, dog, cat], tmp_path) == (["cat.png", "dog.png"], {})


def test_what_is_named_and_gives_nothing_is_reported(tmp_path: Path) -> None:
    come, skipped = walked([tmp_path / "no.png", laid(tmp_path / "notes.txt"), laid(tmp_path / "cat.png")], tmp_path)
    assert come == ["cat.png"]
    assert skipped["no.png"] == "not readable: nothing is there"
    assert "does not end in .png" in skipped["notes.txt"]


def test_a_broken_link_is_reported_where_it_has_a_pictures_name(tmp_path: Path) -> None:
    for name in ("gone.png", "gone"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    assert list(walked([tmp_path], tmp_path)[1]) == ["gone.png"]


def test_an_unreadable_folder_is_reported_and_the_walk_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/cat.png", "b/dog.png", "c/emu.png"):
        laid(tmp_path / name)
    if os.geteuid():
        (tmp_path / "b").chmod(0)
    else:  # root reads everything
        read = os.listdir

        def guarded(path: Path) -> list[str]:
            if Path(path).name == "b":
                raise PermissionError(13, "Permission denied", str(path))
            return read(path)

        monkeypatch.setattr(os, "listdir", guarded)
    come, skipped = walked([tmp_path], tmp_path)
    (tmp_path / "b").chmod(0o755)
    assert come == ["a/cat.png", "c/emu.png"]
    assert skipped == {"b": "not readable: Permission denied"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
@pytest.mark.timeout(20)
def test_a_fifo_is_never_opened(tmp_path: Path) -> None:
    laid(tmp_path / "cat.png")
    for name in ("cat.txt", "pipe.png"):
        os.mkfifo(tmp_path / name)
    come, skipped = walked([tmp_path], tmp_path)
    assert come == ["cat.png"]
    assert "not a plain file" in skipped["pipe.png"]
    assert "not a plain file" in reason(tmp_path / "pipe.png")
    assert reason(tmp_path / "cat.png").startswith("its caption cat.txt is not a plain file")


def test_a_path_that_cannot_be_is_skipped(tmp_path: Path) -> None:
    odd = [Path("a\0b.png"), tmp_path / ("x" * 300 + ".png")]
    assert all(isinstance(met, Skipped) for met in pictures_in(odd))
    assert all(reason(path) for path in [*odd, tmp_path, tmp_path / "no.png"])


# what is no picture for us


def test_a_hundred_megapixel_file_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", never)
    before = Image.MAX_IMAGE_PIXELS
    for side in (7100, 10_000, 20_000):  # over our limit, where Pillow warns, where it refuses
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        content = SIGNATURE + header + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
        assert reason(laid(tmp_path / "huge.png", content)).startswith("too large")
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_tiny_picture_is_skipped(tmp_path: Path) -> None:
    assert "too small: 15x400" in reason(laid(tmp_path / "dot.png", encoded(Image.new("RGB", (15, 400)))))
    found(laid(tmp_path / "icon.png", encoded(Image.new("RGB", (16, 16)))))


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    path = laid(tmp_path / "cat.png")
    os.truncate(path, library.FILE_BYTES + 1)  # sparse
    assert reason(path) == "too large: 67,108,865 bytes, more than the 67,108,864 allowed"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_truncated_picture_is_skipped(tmp_path: Path, form: str, share: float) -> None:
    content = encoded(form=form)
    path = laid(tmp_path / f"cut.{form.lower()}", content[: int(len(content) * share)])
    assert reason(path) == "cut off: its data ends before the picture does"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"not a picture", "not a picture"),
        (encoded(form="GIF"), "not a picture"),
        (SIGNATURE + b"rubbish", "damaged: its header"),
        (encoded()[:60] + bytes(50) + encoded()[110:], "damaged"),
    ],
)
def test_what_is_no_picture_is_skipped(tmp_path: Path, content: bytes, told: str) -> None:
    assert reason(laid(tmp_path / "cat.png", content)).startswith(told)


def test_a_reason_is_one_line_that_shows_no_insides(tmp_path: Path) -> None:
    for content in (SIGNATURE, encoded()[:30], encoded(form="JPEG")[:30], encoded(form="WEBP")[:30]):
        told = reason(laid(tmp_path / "cat.png", content))
        assert "\n" not in told
        assert "0x" not in told


def test_the_content_says_the_form_not_the_name(tmp_path: Path) -> None:
    assert found(laid(tmp_path / "really-a-jpeg.png", encoded(form="JPEG"))).picture.size == NOISE.size


def test_cmyk_is_skipped_and_told_how_to_convert(tmp_path: Path) -> None:
    told = reason(laid(tmp_path / "print.jpg", encoded(NOISE.convert("CMYK"), "JPEG")))
    assert told.startswith("CMYK: convert it to RGB")


def deep_png(colour: int) -> bytes:
    channels = 3 if colour == 2 else 1
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 16, colour, 0, 0, 0))
    rows = zlib.compress(bytes(32 * (1 + 32 * 2 * channels)))
    return SIGNATURE + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("content", [deep_png(0), deep_png(2), encoded(Image.new("I;16", (32, 32)))])
def test_16_bits_a_channel_are_skipped_and_told_how_to_convert(tmp_path: Path, content: bytes) -> None:
    assert reason(laid(tmp_path / "deep.png", content)).startswith("16 bits a channel: convert it to 8")


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_an_animated_picture_is_skipped(tmp_path: Path, form: str) -> None:
    if form == "WEBP" and not features.check("webp"):
        pytest.skip("needs Pillow with WebP")
    content = encoded(form=form, save_all=True, append_images=[NOISE.transpose(Image.Transpose.ROTATE_180)])
    assert reason(laid(tmp_path / f"moving.{form.lower()}", content)).startswith("animated")


def test_a_phones_photograph_of_two_frames_is_a_picture(tmp_path: Path) -> None:
    content = encoded(form="MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert found(laid(tmp_path / "phone.jpg", content)).picture.tobytes() != bytes(64 * 48 * 3)


# what a picture becomes


def test_a_picture_comes_with_the_hash_of_its_bytes_and_nothing_of_its_metadata(tmp_path: Path) -> None:
    path = laid(tmp_path / "cat.png", encoded(pnginfo=texts(Author="me")))
    read = found(path)
    assert read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read.picture.mode == "RGB"
    assert read.picture.tobytes() == NOISE.tobytes()
    assert not read.picture.info
    assert (read.caption, read.caption_from) == ("", "")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_turned_picture_comes_upright(tmp_path: Path, orientation: int, form: str) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = laid(tmp_path / "turned", encoded(form=form, exif=exif))
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored)
    assert found(path).picture.tobytes() == upright.convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    content = encoded(Image.new("P", (32, 32)), transparency=0) if mode == "P" else encoded(clear.convert(mode))
    assert found(laid(tmp_path / "clear.png", content)).picture.getcolors() == [(1024, (255, 255, 255))]


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_every_palette_and_grey_becomes_rgb(tmp_path: Path, mode: str) -> None:
    assert found(laid(tmp_path / "grey.png", encoded(NOISE.convert(mode)))).picture.mode == "RGB"


def test_a_side_lets_a_jpeg_come_smaller_but_not_too_small(tmp_path: Path) -> None:
    path = laid(tmp_path / "big.jpg", encoded(Image.new("RGB", (1600, 1200), "teal"), "JPEG"))
    assert found(path, side=256).picture.size == (400, 300)
    assert found(path, side=4000).picture.size == found(path).picture.size == (1600, 1200)
    assert found(laid(tmp_path / "cat.png"), side=16).picture.size == NOISE.size


DAMAGED = {
    "a text with a wrong checksum": chunk(b"tEXt", b"Title\0a dog", crc=1),
    "a text that is a bomb": chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(3_000_000))),
    "an international text that is a bomb": chunk(b"iTXt", b"Title\0\1\0\0\0" + zlib.compress(bytes(3_000_000))),
    "a broken profile": chunk(b"iCCP", b"x\0\1zzz"),
    "a broken EXIF": chunk(b"eXIf", b"rubbish"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
@pytest.mark.parametrize("place", [33, -12], ids=["before the pixels", "after the pixels"])
def test_damaged_metadata_does_not_lose_a_png(tmp_path: Path, damage: bytes, place: int) -> None:
    content = encoded()
    path = laid(tmp_path / "cat.png", content[:place] + damage + content[place:])
    assert found(path).picture.tobytes() == NOISE.tobytes()


@pytest.mark.parametrize(
    "segment",
    [b"Exif\0\0rubbish", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"MPF\0II*\0\x08\0\0\0\0\0", b"Photoshop 3.0\0zzz"],
)
@pytest.mark.parametrize("marker", [b"\xff\xe1", b"\xff\xe2", b"\xff\xed"])
def test_damaged_metadata_does_not_lose_a_jpeg(tmp_path: Path, segment: bytes, marker: bytes) -> None:
    content = encoded(form="JPEG")
    odd = marker + struct.pack(">H", len(segment) + 2) + segment
    read = found(laid(tmp_path / "cat.jpg", content[:2] + odd + content[2:]))
    with Image.open(io.BytesIO(content)) as plain:
        assert read.picture.tobytes() == plain.convert("RGB").tobytes()


def test_an_animated_picture_is_told_as_such_though_its_metadata_is_damaged(tmp_path: Path) -> None:
    content = encoded(save_all=True, append_images=[Image.new("RGB", (64, 48))])
    path = laid(tmp_path / "moving.png", content[:33] + DAMAGED["a text with a wrong checksum"] + content[33:])
    assert reason(path).startswith("animated")


# captions beside the picture


@pytest.mark.parametrize("name", ["cat.txt", "cat.png.txt"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_text_beside_is_the_caption(tmp_path: Path, name: str, encoding: str) -> None:
    laid(tmp_path / name, "太空中的一只猫,\n 看着 the moon\n".encode(encoding))
    read = found(laid(tmp_path / "cat.png"))
    assert (read.caption, read.caption_from) == ("太空中的一只猫, 看着 the moon", "sidecar.txt")


@pytest.mark.parametrize(
    "raw",
    [
        "un café crème".encode("latin-1"),
        "кошка в космосе".encode("cp1251"),
        "Москва".encode("cp1251"),  # GB18030 too, by its form
        "宇宙の猫".encode("shift-jis"),
        "東京の夜".encode("euc-jp"),
        b"\xff\xfe\x00\xd8",
        bytes(range(128, 256)),
    ],
)
def test_a_text_in_another_encoding_is_told_and_not_guessed(tmp_path: Path, raw: bytes) -> None:
    laid(tmp_path / "cat.txt", raw)
    assert reason(laid(tmp_path / "cat.png")) == "its caption cat.txt is not UTF-8: save it as UTF-8"


def test_a_text_of_control_characters_is_told(tmp_path: Path) -> None:
    laid(tmp_path / "cat.txt", "a cat".encode("utf-16-le"))  # no byte order mark: valid UTF-8 of letters and zeros
    told = reason(laid(tmp_path / "cat.png"))
    assert told.startswith("its caption cat.txt is not plain text: character 2 of the caption is U+0000")


@pytest.mark.parametrize("ending", ["txt", "json"])
def test_a_sidecar_beyond_the_limit_is_told(tmp_path: Path, ending: str) -> None:
    laid(tmp_path / f"cat.{ending}", b" " * 65_537)
    assert reason(laid(tmp_path / "cat.png")).startswith(f"its caption cat.{ending} is too large: 65,537 bytes")


@pytest.mark.parametrize(
    ("told", "caption"),
    [
        ({"title": "a title", "caption": "a cat"}, "a cat"),
        ({"caption": " ", "description": 7, "text": "a dog", "title": "a title"}, "a dog"),
        ("a plain cat", "a plain cat"),
        (["a cat"], ""),
        ({"tags": ["cat"]}, ""),
        (7, ""),
    ],
)
def test_json_beside_gives_the_first_key_that_holds_text(tmp_path: Path, told: object, caption: str) -> None:
    laid(tmp_path / "cat.json", json.dumps(told).encode())
    read = found(laid(tmp_path / "cat.png"))
    assert (read.caption, read.caption_from) == (caption, "sidecar.json" if caption else "")


@pytest.mark.parametrize("raw", [b"{broken", b"", b"[" * 60_000, b"9" * 5000])
def test_broken_json_is_told(tmp_path: Path, raw: bytes) -> None:
    laid(tmp_path / "cat.png.json", raw)
    assert reason(laid(tmp_path / "cat.png")).startswith("its caption cat.png.json is not JSON")


def test_text_goes_before_json_before_metadata(tmp_path: Path) -> None:
    path = laid(tmp_path / "cat.png", encoded(pnginfo=texts(Title="inside")))
    assert (found(path).caption, found(path).caption_from) == ("inside", "metadata")
    laid(tmp_path / "cat.json", b'"beside"')
    assert found(path).caption == "beside"
    laid(tmp_path / "cat.txt", b"nearest")
    assert found(path).caption == "nearest"


def test_an_empty_text_beside_counts_as_none(tmp_path: Path) -> None:
    laid(tmp_path / "cat.txt", b" \n")
    assert found(laid(tmp_path / "cat.png", encoded(pnginfo=texts(Title="inside")))).caption == "inside"


def test_a_long_caption_is_cut_to_a_prompt(tmp_path: Path) -> None:
    laid(tmp_path / "cat.txt", b"a cat " * 3000)
    assert PROMPT_LIMIT - 6 < len(found(laid(tmp_path / "cat.png")).caption) <= PROMPT_LIMIT


@pytest.mark.timeout(20)
def test_a_run_of_accents_takes_no_time(tmp_path: Path) -> None:
    accents = "".join(random.Random(1).choices("\u0301\u0316\u0315\u0345", k=300_000))
    found(laid(tmp_path / "cat.png", encoded(pnginfo=texts(Title="a" + accents))))


def test_a_name_too_long_for_a_sidecar_is_no_fault(tmp_path: Path) -> None:
    found(laid(tmp_path / ("x" * 251 + ".png")))


# captions inside the picture


def test_our_own_pngs_marks_give_the_prompt(tmp_path: Path) -> None:
    painting = Painting(
        *(NOISE, "a cat in space, described", PaintRequest("太空中的一只猫", negative="dogs"), 7, 10, 3.0, {}),
        {"model": "mini", "version": "0.1", "engine": "test", "teller": "none"},
    )
    assert found(marks.save(painting, tmp_path / "cat.png")).caption == "太空中的一只猫"


@pytest.mark.parametrize(
    ("told", "caption"),
    [
        ({"parameters": "a cat,\non a mat\nNegative prompt: dogs\nSteps: 20, Seed: 1"}, "a cat, on a mat"),
        ({"parameters": "a cat\nSteps: 20, Seed: 1"}, "a cat"),
        ({"parameters": "Steps: 20, Seed: 1", "Title": "a title"}, "a title"),
        ({"flashpaint": "{broken", "Comment": "a comment", "Title": "a title"}, "a comment"),
        ({"flashpaint": "[" * 99_999, "Description": "猫"}, "猫"),
        ({"Description": "a\x00cat\x01", "Title": "a title"}, "a title"),
        ({"Description": "太空".encode().decode("latin-1")}, "太空"),
        ({"Description": "un café"}, "un café"),
    ],
)
def test_png_texts_give_the_caption(tmp_path: Path, told: dict[str, str], caption: str) -> None:
    read = found(laid(tmp_path / "cat.png", encoded(pnginfo=texts(**told))))
    assert (read.caption, read.caption_from) == (caption, "metadata")


def exif_of(tag: int, value: str | bytes) -> Image.Exif:
    exif = Image.Exif()
    exif[tag] = value
    return exif


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("tag", "value", "caption"),
    [
        (0x010E, "a cat", "a cat"),
        (0x010E, "太空中的猫".encode(), "太空中的猫"),
        (0x010E, "太空中的猫".encode("gb18030"), "太空中的猫"),
        (0x9C9B, "太空 cat\0".encode("utf-16-le"), "太空 cat"),
        (0x9C9C, "a comment\0".encode("utf-16-le"), "a comment"),
        (0x9C9C, b"\x00\xd8\x01", ""),
    ],
)
def test_exif_gives_the_caption(tmp_path: Path, form: str, tag: int, value: str | bytes, caption: str) -> None:
    assert found(laid(tmp_path / "cat", encoded(form=form, exif=exif_of(tag, value)))).caption == caption


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><!DOCTYPE x [<!ENTITY e "boom">]><dc:subject><rdf:li>no</rdf:li></dc:subject>'
    '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">cats &amp; 猫 &e;</rdf:li><rdf:li>second</rdf:li></rdf:Alt>'
    "</dc:description></x:xmpmeta>"
)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_xmp_gives_the_caption_and_no_entity_is_followed(tmp_path: Path, form: str) -> None:
    carried = {"pnginfo": texts(**{"XML:com.adobe.xmp": XMP})} if form == "PNG" else {"xmp": XMP.encode()}
    assert found(laid(tmp_path / "cat", encoded(form=form, **carried))).caption == "cats & 猫 &e;"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("OLYMPUS DIGITAL CAMERA         ", False),
        ("SONY DSC", False),
        ("Created with GIMP", False),
        ("Screenshot", False),
        ("Screenshot 2025-01-02 10:11", False),
        ("screenshot of a game", True),
        ("a digital camera", True),
    ],
)
def test_what_a_camera_writes_of_itself_is_no_caption(tmp_path: Path, text: str, kept: bool) -> None:
    read = found(laid(tmp_path / "cat.jpg", encoded(form="JPEG", exif=exif_of(0x010E, text))))
    assert bool(read.caption) is kept


# anything at all


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=300), start=st.sampled_from([b"", SIGNATURE, b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"]))
def test_arbitrary_bytes_never_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes) -> None:
    assert isinstance(read_picture(laid(tmp_path_factory.mktemp("any") / "any.png", start + content)), Found | Skipped)


@settings(max_examples=50, deadline=None)
@given(form=st.sampled_from(["PNG", "JPEG", "WEBP"]), places=st.lists(st.floats(0, 1, exclude_max=True), max_size=6))
def test_a_picture_with_changed_bytes_never_raises(
    tmp_path_factory: pytest.TempPathFactory, form: str, places: list[float]
) -> None:
    content = bytearray(encoded(form=form, exif=exif_of(0x010E, "a cat")))
    for place in places:
        content[int(place**3 * len(content))] ^= 0x5A  # mostly in the header
    assert isinstance(read_picture(laid(tmp_path_factory.mktemp("odd") / "odd", bytes(content))), Found | Skipped)


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=60), ending=st.sampled_from(["txt", "json"]))
def test_arbitrary_sidecars_never_raise(tmp_path_factory: pytest.TempPathFactory, raw: bytes, ending: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    laid(folder / f"cat.{ending}", raw)
    assert isinstance(read_picture(laid(folder / "cat.png")), Found | Skipped)
