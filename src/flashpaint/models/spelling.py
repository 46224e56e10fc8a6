"""Slips of the fingers: a word that nobody knows is read as the one of the model's own that it is a slip of.

Knows words, no models. Only runs of plain Latin letters are looked at: nothing in Chinese, no numbers, no accents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase

from flashpaint.models.folder import ModelFolder
from flashpaint.request import PROMPT_LIMIT

WORDS = "words.txt"  # in a model folder
ENGLISH = Path(__file__).parent / "english.txt"  # written by training.words
READ = 64  # words of a prompt: the language model reads as many tokens
LETTERS = "0-9A-Za-z_\u00c0-\u024f"
# neither a part of such a word as "3d" or "café", nor of "don't"; an owner's 's is left behind
WORD = re.compile(rf"(?<![{LETTERS}])(?<![{LETTERS}]['’])[A-Za-z]+(?!['’](?!s(?![{LETTERS}]))[A-Za-z]|[{LETTERS}])")


@dataclass(frozen=True)
class Mended:
    """text: as it is read; slips: each once, as typed and as read."""

    text: str
    slips: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """For whoever typed it."""
        said = ", ".join(f"“{typed}” as “{read}”" for typed, read in self.slips)
        return (f"read {said}",) if said else ()


class Spelling:
    """words: the model's own, in lower case. What is everyday English besides is no slip of them."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = dict.fromkeys(sorted(words))

    def mend(self, text: str) -> Mended:
        """The text with its slips mended, and nothing else changed; as it is, where it would become too long."""
        slips = dict[str, str]()
        lower = any(word.islower() for word in WORD.findall(text))

        def read(found: re.Match[str]) -> str:
            typed = found[0]
            if lower and found.start() and typed.istitle():  # a name
                return typed
            meant = self.meant(typed.lower())
            if meant == typed.lower():
                return typed
            slips[typed] = meant.upper() if typed.isupper() else meant.title() if typed.istitle() else meant
            return slips[typed]

        mended = WORD.sub(read, text, count=READ)
        return Mended(mended, tuple(slips.items())) if len(mended) <= PROMPT_LIMIT else Mended(text)

    def meant(self, typed: str) -> str:
        """The nearest of our words by Damerau's distance, where swapped neighbours are one edit; the word itself where
        it is known or none is near: one edit in 4 or 5 letters, two in more if the first of them is right."""
        most = 0 if len(typed) < 4 else 1 if len(typed) < 6 else 2
        if not most or typed in self.words or typed in everyday():
            return typed
        from jellyfish import damerau_levenshtein_distance as distance

        found = {word: distance(typed, word) for word in self.words if abs(len(word) - len(typed)) <= most}
        edits = {word: n for word, n in found.items() if n <= most and (n < 2 or word[0] == typed[0])}
        least = min(edits.values(), default=0)
        # of a word that is not ours, such as "donkee", it is a slip all the same
        if least == 2 and not everyday().isdisjoint(one_edit(typed)):
            return typed
        nearest = [word for word, number in edits.items() if number == least]
        return min(nearest, key=lambda word: unlike(typed, word), default=typed)


def unlike(typed: str, word: str) -> tuple[bool, int, int, str]:
    """Of two words that are as near, the likelier one has the same first letter, then all letters that were typed, then
    no others; then the alphabet decides."""
    a, b = Counter(typed), Counter(word)
    return typed[0] != word[0], (a - b).total(), (b - a).total(), word


def one_edit(word: str) -> Iterator[str]:
    """All that is one edit away: of a list of many words it is sooner asked for than compared with."""
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        yield head + tail[1:]
        yield head + tail[1:2] + tail[:1] + tail[2:]
        for letter in ascii_lowercase:
            yield head + letter + tail
            yield head + letter + tail[1:]


@lru_cache
def everyday() -> frozenset[str]:
    """Everyday English of 4 letters and more."""
    return frozenset(ENGLISH.read_text("ascii").split())


def open_spelling(folder: ModelFolder, painter: object = None, *readers: object) -> Spelling | None:
    """None where the folder names no words, as older ones do, and where its painter (None) or a reader, seer or teller,
    is not its own: others know more words."""
    if WORDS not in folder.manifest.files or painter is not None or any(str(reader) != "mini" for reader in readers):
        return None
    return Spelling(folder.file(WORDS).read_text("utf-8").split())
