from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint import FlashpaintError, PaintRequest
from flashpaint.errors import OutOfRange, PromptEmpty, PromptTooLong, PromptUnreadable


@given(st.text(max_size=400))
def test_every_text_is_a_request_or_a_clear_error(text: str) -> None:
    try:
        request = PaintRequest(text)
    except FlashpaintError as error:
        assert error.param == "prompt"
        assert error.code.startswith("prompt_")
        assert ":" in error.message  # what is wrong: what to do
    else:
        assert request.prompt == PaintRequest(request.prompt).prompt, "cleaning twice changes nothing"


@pytest.mark.parametrize("text", ["", "   ", "\t\n ", "\u200b\u200d", "\u3000", "\ufe0f"])
def test_a_prompt_with_nothing_to_see_is_empty(text: str) -> None:
    with pytest.raises(PromptEmpty, match="say what to paint"):
        PaintRequest(text)


@pytest.mark.parametrize("text", ["a\x00cat", "\x1b[31mcat", "cat \ud800"])
def test_control_characters_are_refused_by_name_and_place(text: str) -> None:
    with pytest.raises(PromptUnreadable, match=r"character \d+ .* U\+"):
        PaintRequest(text)


def test_ten_thousand_characters_are_too_many() -> None:
    with pytest.raises(PromptTooLong, match="10000 characters: shorten"):
        PaintRequest("x" * 10_000)


def test_line_breaks_and_tabs_are_spaces_and_emoji_are_words() -> None:
    assert PaintRequest("a cat\n\tin  space ").prompt == "a cat in space"
    assert PaintRequest("🐱🚀").prompt == "🐱🚀"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.5),
        ("seed", True),
        ("width", 0),
        ("height", -16),
        ("steps", 0),
        ("steps", 201),
        ("guidance_scale", -1),
        ("guidance_scale", float("nan")),
        ("guidance_scale", 51),
        ("steps", "8"),
    ],
)
def test_numbers_out_of_range_name_their_parameter(field: str, value: object) -> None:
    with pytest.raises(OutOfRange) as caught:
        PaintRequest("a cat", **{field: value})  # type: ignore[arg-type]
    assert caught.value.param == field
