"""Panoramas as one asks for them: laid out once, marked for viewers, and cut into the faces of a cube."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashpaint import marks
from flashpaint.errors import OutOfRange, SizeUnsupported
from flashpaint.painting import Finished, Painting, Preview, Progress
from flashpaint.request import PaintRequest, Region
from flashpaint.tasks.panorama import FACES, coarse, faces, panorama, strip

GPANO = "{http://ns.google.com/photos/1.0/panorama/}"


@pytest.fixture(scope="module")
def painting(studio: Any) -> Painting:
    return studio.paint(panorama("a beach at sunset", 1024, seed=3))


def spheres(picture: Image.Image) -> dict[str, str]:
    """The photo sphere properties that a reader of XMP finds."""
    packet = picture.info.get("XML:com.adobe.xmp") or picture.info["xmp"].decode()
    root = ElementTree.fromstring(packet[packet.index("<x:xmpmeta") : packet.index("<?xpacket end")])
    described = root[0][0].attrib
    return {name.removeprefix(GPANO): value for name, value in described.items() if name.startswith(GPANO)}


def test_a_panorama_is_twice_as_wide_as_high_and_paints_the_prompt_itself(painting: Painting) -> None:
    assert painting.picture.size == (1024, 512)
    assert painting.description == "a beach at sunset"
    assert marks.record(painting)["canvas"] == "panorama"


def test_the_coarse_panorama_is_the_layout_of_the_large_one(studio: Any, painting: Painting) -> None:
    small = studio.paint(coarse("a beach at sunset", seed=3)).picture
    assert small.size == (512, 256)
    like = painting.picture.resize(small.size, Image.Resampling.BOX)
    one, other = (np.asarray(picture, float).ravel() for picture in (small, like))
    assert np.corrcoef(one, other)[0, 1] > 0.97


def test_it_tells_of_its_steps_and_shows_the_coarse_one_on_the_way(studio: Any, painting: Painting) -> None:
    events = list(studio.stream(panorama("a beach at sunset", 1024, seed=3)))
    done = [event.step for event in events if isinstance(event, Progress) and event.stage == "denoise"]
    assert done == sorted(done)
    assert [event.picture.size for event in events if isinstance(event, Preview)][-1] == (512, 256)
    assert isinstance(events[-1], Finished)
    assert events[-1].painting.picture.tobytes() == painting.picture.tobytes()


def test_a_panorama_leaves_memory_alone() -> None:
    assert not panorama("a forest").recallable


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_viewers_are_told_that_it_is_a_panorama(painting: Painting, kind: str) -> None:
    if kind == "PNG":
        content = marks.to_png(painting)
    else:
        out = io.BytesIO()
        painting.picture.save(out, kind, xmp=marks.xmp(painting).encode())
        content = out.getvalue()
    with Image.open(io.BytesIO(content)) as picture:
        found = spheres(picture)
        if kind == "PNG":
            assert marks.SOURCE_TYPE in picture.info["XML:com.adobe.xmp"]
    assert found == {
        "ProjectionType": "equirectangular",
        "UsePanoramaViewer": "True",
        "FullPanoWidthPixels": "1024",
        "FullPanoHeightPixels": "512",
        "CroppedAreaImageWidthPixels": "1024",
        "CroppedAreaImageHeightPixels": "512",
        "CroppedAreaLeftPixels": "0",
        "CroppedAreaTopPixels": "0",
    }


def test_a_flat_picture_is_no_panorama_to_them_nor_is_a_face() -> None:
    flat = Painting(Image.new("RGB", (64, 64)), "", PaintRequest("a cat"), 1, 1, 1.0, {}, {"model": "m", "version": ""})
    assert "GPano" not in marks.xmp(flat)
    face = Painting(flat.picture, "", panorama("a cat"), 1, 1, 1.0, {}, flat.used)
    assert "GPano" not in marks.xmp(face)


def test_the_faces_of_a_beach_have_sky_above_and_sand_below(painting: Painting) -> None:
    found = faces(painting.picture)
    assert tuple(found) == FACES
    assert {face.size for face in found.values()} == {(256, 256)}
    up, down = (np.asarray(found[name], float).mean(axis=(0, 1)) for name in ("up", "down"))
    assert np.abs(up - np.asarray(painting.picture.crop((0, 0, 1024, 60)), float).mean(axis=(0, 1))).max() < 25
    assert np.abs(up - down).max() > 25
    row = strip(painting.picture)
    assert row.size == (6 * 256, 256)
    assert row.crop((0, 0, 256, 256)).tobytes() == found["front"].tobytes()


def test_the_zenith_of_a_beach_is_even(painting: Painting) -> None:
    up = np.asarray(faces(painting.picture)["up"].resize((128, 128)), float)
    middle = up[48:80, 48:80]
    assert middle.std(axis=(0, 1)).max() < 12


@pytest.mark.parametrize("width", [500, 520, 8224])
def test_a_width_that_cannot_be_is_refused(studio: Any, width: int) -> None:
    with pytest.raises(SizeUnsupported, match="in steps of 32"):
        studio.paint(panorama("a forest", width))


def test_regions_and_a_canvas_do_not_go_together(studio: Any) -> None:
    with pytest.raises(OutOfRange, match="without regions"):
        studio.check(panorama("a forest", 512, regions=(Region("a cat", (0, 0, 0.5, 0.5)),)))
