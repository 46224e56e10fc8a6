"""A user's own pictures into memory, and finding them, on the real mini."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flashpaint import PaintRequest, Studio, gallery, marks
from flashpaint.errors import OutOfRange
from flashpaint.memory.library import Skipped, pictures_in

PROMPTS = ["a cat in space", "an elephant", "a red car on the road", "a pizza"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures with their marks, one without a caption, one that is none."""
    folder = tmp_path_factory.mktemp("pictures")
    studio = Studio.open()
    for k, prompt in enumerate(PROMPTS):
        painting = studio.paint(PaintRequest(prompt, seed=k))
        marks.save(painting, folder / f"{k}.png")
        if k == 1:
            painting.picture.save(folder / "bare.jpg")
    (folder / "none.png").write_text("no picture")
    return folder


@pytest.fixture
def remembering(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio.open(memory=tmp_path / "memory")
    yield studio
    studio.close()


def indexed(studio: Studio, folder: Path, owner: str = "") -> list[gallery.Outcome]:
    return list(gallery.index(studio, pictures_in([folder]), owner=owner))


def test_pictures_are_remembered_with_what_is_written_of_them(remembering: Studio, folder: Path) -> None:
    outcomes = {outcome.path.name: outcome for outcome in indexed(remembering, folder)}
    kept = outcomes["0.png"]
    assert isinstance(kept, gallery.Remembered)
    assert (kept.entry.prompt, kept.entry.description) == ("a cat in space", "a cat in space")
    bare = outcomes["bare.jpg"]
    assert isinstance(bare, gallery.Remembered)
    assert bare.entry.description, "what clip sees, where nobody has said anything"
    assert isinstance(outcomes["none.png"], Skipped)


def test_a_second_run_finds_all_there_already(remembering: Studio, folder: Path) -> None:
    indexed(remembering, folder)
    assert not [o for o in indexed(remembering, folder) if isinstance(o, gallery.Remembered)]


def test_a_run_that_was_cut_off_goes_on(remembering: Studio, folder: Path) -> None:
    run = gallery.index(remembering, pictures_in([folder]))
    first = next(outcome for outcome in run if isinstance(outcome, gallery.Remembered))
    run.close()
    again = indexed(remembering, folder)
    assert [type(o).__name__ for o in again if o.path == first.path] == ["Known"]
    assert sum(isinstance(o, gallery.Known | gallery.Remembered) for o in again) == 5


def test_painting_starts_from_an_indexed_picture(remembering: Studio, folder: Path) -> None:
    indexed(remembering, folder)
    painting = remembering.paint(PaintRequest("a cat in space"))
    assert painting.reuse.kind == "near"


@pytest.mark.parametrize(
    ("asked", "found"), [("a cat", "a cat in space"), ("大象", "an elephant"), ("red car", "a red car on the road")]
)
def test_words_in_both_languages_find_what_the_pictures_show(
    remembering: Studio, folder: Path, asked: str, found: str
) -> None:
    indexed(remembering, folder)
    assert gallery.search(remembering, asked, 1)[0][0].description == found


def test_a_picture_finds_itself(remembering: Studio, folder: Path) -> None:
    from PIL import Image

    indexed(remembering, folder)
    entry, nearness = gallery.search(remembering, Image.open(folder / "3.png"), 1)[0]
    assert entry.description == "a pizza"
    assert nearness > 0.99


def test_owners_find_their_own_alone(remembering: Studio, folder: Path) -> None:
    indexed(remembering, folder, owner="ann")
    assert gallery.search(remembering, "a cat", 5, owner="bob") == []
    assert len(gallery.search(remembering, "a cat", 5, owner="ann")) == 5


def test_without_a_memory_there_is_nothing_to_search(studio: Studio) -> None:
    with pytest.raises(OutOfRange, match="without a memory"):
        gallery.search(studio, "a cat")
