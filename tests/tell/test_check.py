"""What a describer's answer has to be before it is painted from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.tell.check import bare, checked, latin


@pytest.mark.parametrize(
    "said",
    [
        "a cat in space",
        "  A cat in space.\n",
        '"a cat in space"',
        "Description: a cat in space",
        "Sure! Here is the description:\na cat in space",
        "Here's the canonical description: “a cat in space”",
        "<think>The user wants a cat.\nLet me think.</think>\n\na cat in space",
        "**a cat in space**",
        "a cat in space\n\nNote: I kept it short.",
    ],
)
def test_wrapping_is_taken_off(said: str) -> None:
    assert checked(said, "a cat in space").description.lower() == "a cat in space"


@pytest.mark.parametrize(
    ("said", "prompt", "why"),
    [
        ("", "a cat", "says nothing"),
        ("<think>I wonder whether", "a cat", "says nothing"),
        ("太空中的一只猫", "a cat in space", "is not English"),
        ("кот в космосе", "a cat in space", "is not English"),
        ("cat " * 51, "a cat", "51 words"),
        ("a dog on a beach", "a cat in space", "lost what was asked for"),
        ("cats in space", "two cats in space", "lost the number 2"),
        ("cats in space", "太空中的三只猫", "lost the number 3"),
        ("a cat called tom", "a cat called Wilhelmina and Tom", "lost the name wilhelmina"),
        ("I cannot help with that request", "a castle at night", "talks instead"),
        ("I'm sorry, I can't help with that", "太空中的一只猫", "talks instead"),
        ("it is a lovely day", "a castle at night", "lost what was asked for"),
    ],
)
def test_what_may_not_be_painted_from_is_left_out_and_why_is_said(said: str, prompt: str, why: str) -> None:
    telling = checked(said, prompt)
    assert telling.description == ""
    assert why in telling.note


@pytest.mark.parametrize(
    ("said", "prompt"),
    [
        ("two cats in space", "draw me 2 cats in space please"),
        ("3 red cars", "three red cars"),
        ("a cat in space", "太空中的一只猫"),
        ("two balloons in the sky", "天空中的两个气球"),
        ("a knight with strawberries", "Knight with strawberry"),
        ("a portrait of Ada Lovelace", "portrait of Ada Lovelace"),
        ("a cat", "🐱"),
    ],
)
def test_what_says_the_same_is_kept(said: str, prompt: str) -> None:
    assert checked(said, prompt).description == said


def test_other_words_are_kept_where_clip_says_that_they_mean_the_same() -> None:
    said, prompt = "a cat in space", "kitty floating in outer space"
    assert checked(said, prompt).description == ""
    assert checked(said, prompt, lambda _: 0.99).description == said
    assert checked(said, prompt, lambda _: 0.5).description == ""


def test_a_translation_that_clip_finds_far_from_its_prompt_is_left_out() -> None:
    assert checked("a bus in the city", "太空中的一只猫").description
    assert "something else" in checked("a bus in the city", "太空中的一只猫", lambda _: 0.5).note
    assert checked("a cat in space", "太空中的一只猫", lambda _: 0.99).description


def test_what_clip_says_buys_no_lost_number_or_name() -> None:
    assert "number 3" in checked("cats in space", "太空中的三只猫", lambda _: 1.0).note
    assert "name" in checked("a portrait of a woman", "portrait of Ada Lovelace", lambda _: 1.0).note


@given(st.text(max_size=300), st.text(max_size=80), st.none() | st.floats(0, 1))
def test_it_never_raises_and_what_it_keeps_is_one_short_line_that_it_keeps_again(
    said: str, prompt: str, near: float | None
) -> None:
    nearness = None if near is None else lambda _: near
    kept = checked(said, prompt, nearness)
    if not kept.description:
        assert kept.note
        return
    assert len(kept.description.splitlines()) == 1
    assert len(kept.description.split()) <= 50
    assert latin(kept.description) >= 0.9
    assert checked(kept.description, prompt, nearness) == kept


@given(st.text(max_size=200))
def test_taking_wrapping_off_twice_is_taking_it_off_once(said: str) -> None:
    assert bare(bare(said)) == bare(said)
