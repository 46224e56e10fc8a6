"""The studio with a memory, on the real mini: what is reused, what never is, and that memory fails no painting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flashpaint import Painting, PaintRequest, Studio
from flashpaint.errors import OutOfRange
from flashpaint.memory.calibration import Calibration, Rung
from flashpaint.memory.memory import USES

# two rungs: nearly the same scene from far down, a kindred one from near the top
TABLE = Calibration(
    painter="mini",
    seer="mini",
    loss=0.01,
    rungs=(Rung(similarity=0.6, noise=0.9), Rung(similarity=0.99, noise=0.57)),
    floor=-1.0,
)


@pytest.fixture
def remembering(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio.open(memory=tmp_path / "memory")
    assert studio.memory is not None
    studio.memory.calibration = TABLE
    yield studio
    studio.close()


def paint(studio: Studio, prompt: str, **asked: object) -> Painting:
    return studio.paint(PaintRequest(prompt, **asked))  # type: ignore[arg-type]


def test_the_same_request_with_its_seed_gives_back_the_stored_picture(remembering: Studio, studio: Studio) -> None:
    first, again = (paint(remembering, "a cat in space", seed=3, steps=4) for _ in range(2))
    assert (first.reuse.kind, again.reuse.kind) == ("none", "identical")
    assert again.reuse.neighbour == first.reuse.remembered
    assert again.picture.tobytes() == first.picture.tobytes()
    assert again.description == first.description
    assert first.picture.tobytes() == paint(studio, "a cat in space", seed=3, steps=4).picture.tobytes()


@pytest.mark.parametrize("size", [(512, 256), (128, 128), (256, 384)])
def test_another_size_is_remembered_for_itself(remembering: Studio, size: tuple[int, int]) -> None:
    asked = {"width": size[0], "height": size[1]}
    first, again = (paint(remembering, "a beach", seed=3, **asked) for _ in range(2))
    assert again.reuse.kind == "identical"
    assert again.picture.tobytes() == first.picture.tobytes()
    assert again.picture.size == size
    near = paint(remembering, "a beach", **asked)
    assert (near.reuse.kind, near.reuse.neighbour) == ("near", first.reuse.remembered)
    assert near.picture.size == size
    assert paint(remembering, "a beach").reuse.kind == "none", "its own size met no other"


@pytest.mark.parametrize("other", [{"seed": 4}, {"steps": 5}, {"guidance_scale": 2.0}, {"describe": False}])
def test_what_changes_a_picture_makes_another_request(remembering: Studio, other: dict[str, object]) -> None:
    asked = {"seed": 3, "steps": 4}
    paint(remembering, "a cat in space", **asked)
    assert paint(remembering, "a cat in space", **{**asked, **other}).reuse.kind == "none"


def test_a_seed_asks_for_one_picture_whatever_is_remembered(remembering: Studio, studio: Studio) -> None:
    paint(remembering, "a cat in space", seed=1)
    near = paint(remembering, "太空中的一只猫", seed=2)
    assert near.reuse.kind == "none"
    assert near.picture.tobytes() == paint(studio, "太空中的一只猫", seed=2).picture.tobytes()


def test_another_wording_starts_from_the_neighbour_and_says_so(remembering: Studio) -> None:
    first = paint(remembering, "a cat in space")
    near = paint(remembering, "太空中的一只猫")
    assert near.reuse.kind == "near"
    assert near.reuse.neighbour == first.reuse.remembered
    assert near.reuse.similarity > 0.99
    assert near.reuse.skipped == 3, "of four steps, those above a noise share of 0.57"
    assert near.reuse.saved_s > 0
    assert near.timings["denoise"] < first.timings["denoise"]


def test_the_nearer_the_neighbour_the_less_is_painted(remembering: Studio) -> None:
    paint(remembering, "a cat in space")
    skipped = [paint(remembering, prompt).reuse.skipped for prompt in ("a cat in space", "a dog in space", "an apple")]
    assert skipped == sorted(skipped, reverse=True)
    assert skipped[0] > skipped[1] > skipped[2] == 0


def test_another_seed_is_another_picture_from_one_neighbour_too(remembering: Studio) -> None:
    paint(remembering, "a cat in space", seed=1)
    one, other, again = (paint(remembering, "a cat in space", seed=s, reuse="auto") for s in (5, 6, 5))
    assert one.reuse.kind == other.reuse.kind == "near"
    assert one.picture.tobytes() != other.picture.tobytes()
    assert one.picture.tobytes() == again.picture.tobytes(), "the same seed from the same neighbour"


def test_the_same_words_are_not_told_again(remembering: Studio) -> None:
    first, again = paint(remembering, "a cat in space"), paint(remembering, "A cat in  space.")
    assert (first.reuse.told, again.reuse.told) == (False, True)
    assert again.description == first.description


def test_what_is_asked_for_often_gets_another_picture_of_its_own(remembering: Studio) -> None:
    kinds = [paint(remembering, "a cat in space").reuse.kind for _ in range(USES + 3)]
    assert kinds == ["none", *["near"] * USES, "none", "near"]


def test_off_is_as_if_there_were_no_memory(remembering: Studio, studio: Studio) -> None:
    paint(remembering, "a cat in space", seed=3)
    off = paint(remembering, "a cat in space", seed=3, reuse="off")
    assert off.reuse.kind == "none"
    assert off.reuse.remembered == ""
    assert off.picture.tobytes() == paint(studio, "a cat in space", seed=3).picture.tobytes()
    assert remembering.memory is not None
    assert remembering.memory.store.statistics().entries == 1


def test_a_picture_that_the_guard_refuses_is_painted_from_noise(remembering: Studio, studio: Studio) -> None:
    paint(remembering, "a cat in space", seed=1)
    assert remembering.memory is not None
    remembering.memory.calibration = TABLE.model_copy(update={"floor": 1.1})
    refused = paint(remembering, "a cat in space", seed=5, reuse="auto")
    assert refused.reuse.kind == "refused"
    assert refused.reuse.tried == 1
    assert refused.reuse.skipped == 0
    assert refused.picture.tobytes() == paint(studio, "a cat in space", seed=5).picture.tobytes()
    assert remembering.memory.counts.refused == 1


def test_what_shows_something_new_is_remembered(remembering: Studio) -> None:
    assert paint(remembering, "a cat in space").reuse.remembered
    twin = paint(remembering, "a cat in space")
    assert twin.reuse.kind == "near"
    assert twin.reuse.remembered == ""
    kindred = paint(remembering, "a dog in space", seed=4, reuse="auto")
    assert kindred.reuse.kind == "near"
    assert kindred.reuse.remembered
    assert paint(remembering, "a dog in space", seed=4).reuse.kind == "none", "a seed asks for the picture from noise"


def test_only_what_was_painted_from_noise_is_started_from(remembering: Studio) -> None:
    cat = paint(remembering, "a cat in space")
    kindred, root, near = (paint(remembering, "a dog in space") for _ in range(3))
    assert (kindred.reuse.kind, kindred.reuse.neighbour) == ("near", cat.reuse.remembered)
    assert root.reuse.kind == "none", "its nearest had started from a cat"
    assert (near.reuse.kind, near.reuse.neighbour) == ("near", root.reuse.remembered)
    assert remembering.memory is not None
    lend = {entry.id: entry.latents is not None for entry in remembering.memory.store.entries("")}
    assert lend == {cat.reuse.remembered: True, kindred.reuse.remembered: False, root.reuse.remembered: True}


def test_owners_never_start_from_one_another(remembering: Studio) -> None:
    asked = {"seed": 3, "reuse": "auto"}
    paint(remembering, "a cat in space", owner="ann", **asked)
    other = paint(remembering, "a cat in space", owner="bob", **asked)
    assert other.reuse.kind == "none"
    assert not other.reuse.told
    assert paint(remembering, "a cat in space", owner="ann", **asked).reuse.kind == "identical"


def test_remembered_and_fresh_requests_come_back_in_their_order(remembering: Studio) -> None:
    stored = paint(remembering, "a cat in space", seed=1)
    asked = [PaintRequest("an apple", seed=2), PaintRequest("a cat in space", seed=1), PaintRequest("a tree", seed=3)]
    found = remembering.paint_many(asked)
    assert [painting.request.prompt for painting in found] == [request.prompt for request in asked]
    assert [painting.reuse.kind for painting in found] == ["none", "identical", "none"]
    assert found[1].picture.tobytes() == stored.picture.tobytes()


def test_a_memory_that_fails_fails_no_painting(remembering: Studio) -> None:
    assert remembering.memory is not None
    remembering.memory.close()
    painting = paint(remembering, "a cat in space", seed=3)
    assert np.asarray(painting.picture).std() > 10
    assert painting.reuse.remembered == ""
    assert any("memory was no help" in note for note in painting.notes)


def test_a_stored_picture_that_is_gone_is_painted_again(remembering: Studio) -> None:
    first = paint(remembering, "a cat in space", seed=3)
    assert remembering.memory is not None
    store = remembering.memory.store
    store.files.path(store.entries("")[0].picture).unlink()  # type: ignore[attr-defined]
    again = paint(remembering, "a cat in space", seed=3)
    assert again.reuse.kind == "none"
    assert again.picture.tobytes() == first.picture.tobytes()
    assert again.reuse.remembered, "and remembered again"


def test_reuse_is_one_of_three_words() -> None:
    with pytest.raises(OutOfRange) as refused:
        PaintRequest("a cat", reuse="sometimes")
    assert refused.value.param == "reuse"
