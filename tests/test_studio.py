"""The whole path on the real mini."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashpaint import Finished, FlashpaintError, PaintRequest, Preview, Progress, Studio, Told, marks
from flashpaint.errors import SizeUnsupported
from flashpaint.tell.teller import Sight, Telling


def test_a_sentence_becomes_a_picture_with_its_whole_account(studio: Studio) -> None:
    painting = studio.paint(PaintRequest("a cat in space", seed=7))
    assert painting.picture.size == (256, 256)
    assert painting.picture.mode == "RGB"
    assert np.asarray(painting.picture).std() > 10, "not one flat colour"
    assert painting.description == "a cat in space"
    assert (painting.seed, painting.steps) == (7, studio.painter.spec.steps)
    assert {"see", "tell", "condition", "denoise", "decode", "total"} <= set(painting.timings)
    assert painting.used["model"] == "mini"


def test_chinese_and_english_words_for_one_scene_end_in_one_description(studio: Studio) -> None:
    told = {
        studio.paint(PaintRequest(text, seed=1, steps=1)).description
        for text in ("太空中的一只猫", "a cat in space", "a kitty in outer space", "猫 太空")
    }
    assert told == {"a cat in space"}


def test_one_request_and_seed_is_one_picture_bit_for_bit(studio: Studio) -> None:
    request = PaintRequest("海滩上的一只狗", seed=3, steps=4)
    first, again = studio.paint(request), studio.paint(request)
    assert first.picture.tobytes() == again.picture.tobytes()
    assert studio.paint(PaintRequest("海滩上的一只狗", seed=4, steps=4)).picture.tobytes() != first.picture.tobytes()


def test_a_fresh_seed_is_told_and_repeats_the_picture(studio: Studio) -> None:
    first = studio.paint(PaintRequest("a star", steps=2))
    again = studio.paint(PaintRequest("a star", seed=first.seed, steps=2))
    assert first.picture.tobytes() == again.picture.tobytes()


def test_painted_together_is_painted_alone() -> None:
    studio = Studio.open(precision="f32")
    requests = [PaintRequest(text, seed=k, steps=3 + k) for k, text in enumerate(["a cat", "一个苹果", "space"])]
    for together, request in zip(studio.paint_many(requests), requests, strict=True):
        alone = studio.paint(request)
        difference = np.abs(np.asarray(together.picture, int) - np.asarray(alone.picture, int))
        assert together.description == alone.description
        assert difference.max() <= 1, "a rounding of one level of 255 at most"


def test_many_threads_paint_at_once(studio: Studio) -> None:
    requests = [PaintRequest(text, seed=k, steps=1) for k, text in enumerate(["a cat", "一只狗", "a tree", "太空"] * 4)]
    with ThreadPoolExecutor(8) as pool:
        told = [painting.description for painting in pool.map(studio.paint, requests)]
    assert told == [studio.paint(request).description for request in requests[:4]] * 4


def test_half_precision_paints_the_same_picture_to_the_eye() -> None:
    request = PaintRequest("a cat in space", seed=2)
    exact, fast = (np.asarray(Studio.open(precision=p).paint(request).picture, int) for p in ("f32", "bf16"))
    assert np.abs(exact - fast).mean() < 4


def test_without_the_teller_the_prompt_itself_is_painted(studio: Studio) -> None:
    painting = studio.paint(PaintRequest("a kitty in outer space", seed=1, steps=1, describe=False))
    assert painting.description == "a kitty in outer space"
    assert painting.used["teller"] == "none"


def test_where_the_teller_says_nothing_the_prompt_is_painted_and_that_is_told(studio: Studio) -> None:
    class Silent:
        concepts = 0

        def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
            return [Telling("")] * len(prompts)

    painting = Studio(studio.seer, Silent(), studio.painter).paint(PaintRequest("a cat", seed=1, steps=1))
    assert painting.description == "a cat"
    assert painting.used["teller"] == "none"
    assert any("no description" in note for note in painting.notes)


def test_a_stream_tells_previews_and_finishes_in_order(studio: Studio) -> None:
    events = list(studio.stream(PaintRequest("a cat", seed=1, steps=3)))
    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert [s for k, s in enumerate(stages) if s not in stages[:k]] == ["see", "tell", "denoise", "decode"]
    assert sum(isinstance(event, Told) for event in events) == 1
    assert [event.step for event in events if isinstance(event, Preview)] == [1, 2]
    assert isinstance(events[-1], Finished)
    whole = studio.paint(PaintRequest("a cat", seed=1, steps=3))
    assert events[-1].painting.picture.tobytes() == whole.picture.tobytes(), "watching changes nothing"


def test_closing_a_stream_stops_the_work_and_leaves_the_studio_sound(studio: Studio) -> None:
    stream = studio.stream(PaintRequest("a cat", seed=1, steps=100))
    next(event for event in stream if isinstance(event, Preview))
    stream.close()  # type: ignore[attr-defined]
    assert studio.paint(PaintRequest("a cat", seed=1, steps=1)).picture.size == (256, 256)


@pytest.mark.parametrize(("width", "height"), [(255, 256), (1024, 1024), (16, 16), (256, 4096)])
def test_a_size_that_mini_cannot_paint_is_refused_before_any_work(studio: Studio, width: int, height: int) -> None:
    with pytest.raises(SizeUnsupported, match="try 256x256"):
        studio.stream(PaintRequest("a cat", width=width, height=height))


def test_a_long_prompt_is_painted_and_its_unread_end_is_noted(studio: Studio) -> None:
    painting = studio.paint(PaintRequest("a cat in space and " * 60, seed=1, steps=1))
    assert any("first 32" in note for note in painting.notes)
    assert not studio.paint(PaintRequest("a cat", seed=1, steps=1)).notes


@settings(max_examples=25)
@given(
    st.text(min_size=1, max_size=60) | st.sampled_from(["🐱🚀", "cat 猫 кошка قطة", "!!!", "1 2 3", "<z0_1></s>[PAD]"])
)
def test_no_text_breaks_the_studio(studio: Studio, text: str) -> None:
    try:
        painting = studio.paint(PaintRequest(text, seed=1, steps=1))
    except FlashpaintError:
        return
    assert painting.description
    assert painting.picture.size == (256, 256)


def test_slips_of_the_fingers_are_read_as_what_was_meant_and_that_is_told(studio: Studio) -> None:
    painting = studio.paint(PaintRequest("a peguin on the baech", seed=1, steps=1))
    assert painting.description == "a penguin on the beach"
    assert painting.notes == ("read “peguin” as “penguin”, “baech” as “beach”",)
    assert painting.request.prompt == marks.record(painting)["prompt"] == "a peguin on the baech"
    meant = studio.paint(PaintRequest("a penguin on the beach", seed=1, steps=1))
    assert meant.picture.tobytes() == painting.picture.tobytes()
    assert not meant.notes


def test_slips_are_mended_in_things_that_are_painted_apart_and_in_prompts_that_nobody_tells(studio: Studio) -> None:
    several = studio.paint(PaintRequest("a peguin to teh left of a gitar", seed=1, steps=1))
    assert several.description == "a penguin to the left of a guitar"
    assert several.used["drafts"] == "2"
    assert studio.paint(PaintRequest("a peguin", seed=1, steps=1, describe=False)).description == "a penguin"
    assert studio.told(["a peguin"]) == {"a peguin": "a penguin"}


def test_a_folder_without_words_is_read_as_it_is_typed(model_copy: Path) -> None:
    manifest = json.loads((model_copy / "manifest.json").read_text())
    del manifest["files"]["words.txt"]
    (model_copy / "manifest.json").write_text(json.dumps(manifest))
    (model_copy / "words.txt").unlink()
    older = Studio.open(model_copy)
    assert older.mended("a peguin").text == "a peguin"
    assert not older.paint(PaintRequest("a peguin", seed=1, steps=1)).notes


def test_other_models_than_the_embedded_ones_read_what_was_typed(studio: Studio) -> None:
    assert studio.mended("a peguin").text == "a penguin"
    assert Studio.open(teller="none").mended("a peguin").text == "a peguin"
    assert Studio(studio.seer, studio.teller, studio.painter).mended("a peguin").text == "a peguin"


def test_a_slip_and_what_was_meant_meet_in_memory(tmp_path: Path) -> None:
    studio = Studio.open(memory=tmp_path)
    first = studio.paint(PaintRequest("a penguin on the beach", seed=5))
    again = studio.paint(PaintRequest("a peguin on the baech", seed=5))
    assert again.reuse.kind == "identical"
    assert again.picture.tobytes() == first.picture.tobytes()
    assert again.request.prompt == "a peguin on the baech"
    assert again.notes == ("read “peguin” as “penguin”, “baech” as “beach”",)
    near = studio.paint(PaintRequest("a pengiun on the beahc"))
    assert (near.reuse.kind, near.reuse.neighbour) == ("near", first.reuse.remembered)
    assert near.reuse.told
    studio.close()
