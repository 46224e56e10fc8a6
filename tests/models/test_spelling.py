"""Slips of the fingers are mended, and nothing else of a prompt is touched."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jellyfish import damerau_levenshtein_distance as distance

from flashpaint.models.folder import ModelFolder
from flashpaint.models.spelling import READ, Spelling, everyday, one_edit, open_spelling
from flashpaint.request import PROMPT_LIMIT
from flashpaint.see.concepts import LIST

WORDS = [*ModelFolder.open("mini").file("words.txt").read_text("utf-8").split()]
SPELLING = Spelling(WORDS)
LONG = [word for word in WORDS if len(word) >= 6]


@st.composite
def slipped(draw: st.DrawFn) -> tuple[str, str]:
    """A long known word, and the same after one edit."""
    word = draw(st.sampled_from(LONG))
    at, letter = draw(st.integers(0, len(word) - 2)), draw(st.sampled_from(string.ascii_lowercase))
    edits = {
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "drop": word[:at] + word[at + 1 :],
        "double": word[: at + 1] + word[at:],
        "other": word[:at] + letter + word[at + 1 :],
        "more": word[:at] + letter + word[at:],
    }
    return word, draw(st.sampled_from(sorted(edits.values())))


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), st.sampled_from([" ", ", ", "  ", "，"]))
def test_a_known_word_is_never_changed(words: list[str], between: str) -> None:
    for text in (between.join(words), between.join(words).title(), between.join(words).upper()):
        assert SPELLING.mend(text).text == text
        assert not SPELLING.mend(text).slips


@given(slipped())
def test_one_edit_of_a_long_word_is_read_as_that_word_or_one_as_near(pair: tuple[str, str]) -> None:
    word, typed = pair
    read = SPELLING.meant(typed)
    if typed in everyday() or typed in WORDS:
        assert read == typed
    else:
        assert read in WORDS
        assert distance(typed, read) <= distance(typed, word) <= 1


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=string.ascii_letters), max_size=60))
def test_a_text_without_latin_letters_is_unchanged(text: str) -> None:
    assert SPELLING.mend(text).text == text


@given(st.text(st.sampled_from("abdeghinpu \t,.!猫一只在'’éÉ3-_🐧"), max_size=80))
def test_what_is_mended_once_is_mended_and_only_runs_of_letters_change(text: str) -> None:
    mended = SPELLING.mend(text)
    assert SPELLING.mend(mended.text).text == mended.text
    others = str.maketrans("", "", string.ascii_letters)
    assert mended.text.translate(others) == text.translate(others)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("a peguin on the baech", "a penguin on the beach"),
        ("Peguin on the BAECH!", "Penguin on the BEACH!"),
        ("A Peguin On The Baech", "A Penguin On The Beach"),
        ("画一只peguin在baech上", "画一只penguin在beach上"),
        ("the peguin's hat", "the penguin's hat"),
        ("a castl at nihgt, 3d rendre", "a castle at night, 3d render"),
        ("two elepahnts", "two elephants"),
        ("a watermeln  and a strawbery", "a watermelon  and a strawberry"),
    ],
)
def test_slips_are_mended_where_they_stand(typed: str, read: str) -> None:
    assert SPELLING.mend(typed).text == read


@pytest.mark.parametrize(
    "text",
    [
        "a goat and a bear with a pear",  # words that lie next to boat, bee and bear
        "lamps from some caves, come and see the poppies",
        "theatre, fibre, colour and color",
        "a cta and a dgo",  # too short to tell
        "a donkee",  # of donkey, not of monkey
        "a portrait of Alice in the forest",
        "a café with 3dd, x1horsee and foo_hores",
        "it doesn't matter, they’re hers",
        "qwrtzpsdf",
    ],
)
def test_what_is_no_slip_of_ours_is_left_alone(text: str) -> None:
    assert SPELLING.mend(text).text == text


def test_words_of_four_and_five_letters_may_have_one_edit_and_longer_ones_two_behind_their_first_letter() -> None:
    assert SPELLING.meant("tigre") == "tiger"
    assert SPELLING.meant("tigrre") == "tiger"
    assert SPELLING.meant("balon") == "balon"
    assert SPELLING.meant("pengiunn") == "penguin"
    assert SPELLING.meant("oenguin") == "penguin"
    assert SPELLING.meant("oenguni") == "oenguni"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("camea", "camera"),
        ("appe", "apple"),
        ("starr", "star"),
        ("gree", "green"),
        ("caks", "cakes"),
        ("cown", "clown"),
    ],
)
def test_of_words_that_are_as_near_the_likeliest_is_chosen(typed: str, read: str) -> None:
    assert SPELLING.meant(typed) == read


def test_the_choice_does_not_hang_on_the_order_of_the_words() -> None:
    for words in (["ball", "bell", "bowl"], ["bowl", "bell", "ball"]):
        assert Spelling(words).meant("balll") == "ball"
        assert Spelling(words).meant("bxll") == "ball", "the first in the alphabet"


def test_the_slips_are_told_once_each() -> None:
    mended = SPELLING.mend("a peguin, a peguin on the baech")
    assert mended.slips == (("peguin", "penguin"), ("baech", "beach"))
    assert mended.notes == ("read “peguin” as “penguin”, “baech” as “beach”",)
    assert SPELLING.mend("a penguin").notes == ()


def test_a_prompt_never_becomes_longer_than_a_prompt_may_be() -> None:
    text = ("pengin " * 400)[: PROMPT_LIMIT - 1]
    assert len(SPELLING.mend(text).text) <= PROMPT_LIMIT
    long = "peguin " + "x " * ((PROMPT_LIMIT - 8) // 2) + "x"
    assert len(long) == PROMPT_LIMIT
    assert SPELLING.mend(long).text == long


@given(slipped())
def test_all_that_is_one_edit_away_is_listed(pair: tuple[str, str]) -> None:
    word, typed = pair
    assert typed in one_edit(word)
    assert all(distance(word, other) <= 1 for other in one_edit(word))


def test_what_no_model_reads_is_not_looked_at() -> None:
    assert SPELLING.mend("a " * READ + "peguin").slips == ()


def test_every_concept_is_a_word_and_no_slip() -> None:
    known = everyday() | set(WORDS)
    words = {word for line in LIST.read_text("utf-8").splitlines() for word in line.replace("-", " ").split()}
    assert all(word in known for word in words if len(word) >= 4 and word.isascii() and word.isalpha())


def test_the_folder_has_the_words_that_its_models_were_trained_on() -> None:
    spelling = open_spelling(ModelFolder.open("mini"))
    assert spelling is not None
    assert [*spelling.words] == sorted(WORDS)
    assert {"penguin", "penguins", "kitty", "beach", "sunset", "purple", "sticker", "please", "left", "lovely"} <= {
        *spelling.words
    }
