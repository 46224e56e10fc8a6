from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from flashpaint import Studio
from flashpaint.tell.codes import code_words, codes_of
from flashpaint.tell.teller import Sight


def tell(studio: Studio, *prompts: str) -> list[str]:
    return [t.description for t in studio.telling(prompts, studio.seer.see_text(prompts))]


def test_codes_name_the_nearest_word_and_then_the_nearest_to_what_is_left() -> None:
    codebook = np.array([[[1, 0], [0, 1]], [[0.1, 0], [0, 0.1]]], np.float32)
    codes = codes_of(np.array([[1.0, 0.1], [0.1, 1.0]], np.float32), codebook)
    assert codes.tolist() == [[0, 1], [1, 0]]
    assert code_words(codes) == [["<z0_0>", "<z1_1>"], ["<z0_1>", "<z1_0>"]]


@pytest.mark.parametrize(
    ("prompt", "description"),
    [
        ("a cat in space", "a cat in space"),
        ("太空中的一只猫", "a cat in space"),
        ("海滩上的狗", "a dog on the beach"),
        ("a puppy on a sandy beach", "a dog on the beach"),
        ("draw a panda", "a panda"),
        ("一个苹果，红色背景", "an apple on a red background"),
    ],
)
def test_one_scene_has_one_description(studio: Studio, prompt: str, description: str) -> None:
    assert tell(studio, prompt) == [description]


def test_right_of_is_told_as_left_of(studio: Studio) -> None:
    assert tell(studio, "a dog to the right of a cat") == ["a cat to the left of a dog"]


def test_descriptions_do_not_depend_on_their_batch(studio: Studio) -> None:
    prompts = ["a cat in space", "森林里的机器人", "two balloons", "🚀", "dreams", "森林里的怪东西"]
    assert tell(studio, *prompts) == [tell(studio, prompt)[0] for prompt in prompts]


def test_words_that_look_like_the_tellers_own_tokens_do_no_harm(studio: Studio) -> None:
    assert all(isinstance(d, str) for d in tell(studio, "</s>", "<see> <z0_1>", "[PAD][PAD]"))


def test_what_the_prompts_own_words_say_is_told_as_it_is(studio: Studio) -> None:
    prompts = ["a cat in space", "something else"]
    z = studio.seer.see_text(prompts)
    told = studio.teller.tell(prompts, [Sight(z[0], read="a dog on the beach"), Sight(z[1])])
    assert told[0].description == "a dog on the beach"
    assert told[1] == studio.teller.tell(prompts[1:], [Sight(z[1])])[0]


def test_what_it_says_first_is_told_where_clip_finds_it_near(studio: Studio) -> None:
    prompt, asked = "a cat in space", list[list[str]]()
    z = studio.seer.see_text([prompt])[0]

    def see(texts: Sequence[str]) -> NDArray[np.float32]:
        asked.append(list(texts))
        return np.stack([z] * len(texts))

    told = studio.teller.tell([prompt], [Sight(z, see=see)])[0].description
    assert asked == [[told]]
    assert told == studio.teller.tell([prompt], [Sight(z)])[0].description


def test_where_clip_finds_it_far_clip_chooses_among_what_beams_say(studio: Studio) -> None:
    prompts = ["a cat in space", "森林里的机器人"]
    z = studio.seer.see_text(prompts)
    heard: list[str] = []

    def last_is_nearest(texts: Sequence[str]) -> NDArray[np.float32]:
        heard.extend(texts)
        return np.stack([0.1 * (k + 1) / len(texts) * z[0] for k in range(len(texts))])

    told = studio.teller.tell(prompts[:1], [Sight(z[0], see=last_is_nearest)])[0].description
    assert len(set(heard)) > 2
    assert told == heard[-1]
    alone = [studio.teller.tell([p], [Sight(row, see=studio.seen)])[0] for p, row in zip(prompts, z, strict=True)]
    assert studio.teller.tell(prompts, [Sight(row, see=studio.seen) for row in z]) == alone
