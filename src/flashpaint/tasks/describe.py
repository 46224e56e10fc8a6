"""A picture's description, from what clip sees: the phrase of known words that lies nearest to it.

Clip hears a phrase better than its words: the nearest single words are refined in phrases, one part after another.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.sentence import IN, ON, STYLES
from flashpaint.request import clean_picture
from flashpaint.studio import Studio

THINGS, SHORT = 24, 8  # things that are tried in phrases; of them, those that are told
PLACES: tuple[str, ...] = (
    *("", " underwater", " at the sea", " by the lake", " by the river"),
    *(f" in {'' if word == 'space' else 'the '}{word}" for word in IN),
    *(f" on the {word}" for word in ON),
)
TIMES = ("", " at night", " at sunset", " in winter", " in autumn")
COLOURS = (
    "",
    "red ",
    "yellow ",
    "green ",
    "blue ",
    "purple ",
    "pink ",
    "brown ",
    "white ",
    "black ",
    "gray ",
    "orange ",
)
NO_THINGS = {*IN, *ON, *(word.strip(" ,") for word in COLOURS + STYLES), "night", "sunset", "sunrise", "day", "winter"}
NO_THINGS |= {"autumn", "spring", "summer", "underwater", "close-up", "aerial view", "portrait", "still life"}

_features: weakref.WeakKeyDictionary[Studio, tuple[list[str], NDArray[np.float32]]] = weakref.WeakKeyDictionary()
_filling = threading.Lock()


@dataclass(frozen=True)
class Described:
    """text: one phrase; scene: the same without its thing, "" where no place was seen; words: the nearest of the known
    things, with their cosine, falling."""

    text: str
    scene: str
    words: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Phrase:
    """The parts in the order in which they are read."""

    colour: str
    thing: str
    place: str
    time: str
    style: str

    def __str__(self) -> str:
        text = "".join(astuple(self))
        return f"{'an' if text[0] in 'aeiou' else 'a'} {text}"

    @property
    def scene(self) -> str:
        place = re.sub(r"^(in|on|at|by) ", "", self.place.strip())
        return f"{place}{self.time}{self.style}" if place else ""


def describe(studio: Studio, picture: Image.Image) -> Described:
    """What the studio's clip sees in a picture."""
    with studio.reading:
        z = studio.seer.see_images([clean_picture(picture)])[0]
        things, features = known_things(studio)
        shares = features @ z
        best = np.argsort(-shares, kind="stable")
        words = tuple((things[int(k)], float(shares[k])) for k in best[:SHORT])
        phrase = refined(studio, z, [things[int(k)] for k in best[:THINGS]])
        return Described(str(phrase), phrase.scene, words)


def known_things(studio: Studio) -> tuple[list[str], NDArray[np.float32]]:
    """The concepts that are things, and the features of each as a phrase (things, dim); seen once a studio."""
    with _filling:
        if studio not in _features:
            things = [word for word in studio.concepts.words if word not in NO_THINGS]
            phrases = [str(Phrase("", thing, "", "", "")) for thing in things]
            _features[studio] = things, studio.seer.see_text(phrases)
        return _features[studio]


def refined(studio: Studio, z: NDArray[np.float32], things: Sequence[str]) -> Phrase:
    """The nearest phrase, one part at a time while the others stay: the place first, as clip sees it best."""
    phrase = Phrase("", things[0], "", "", "")
    rounds = (("place", PLACES), ("thing", things), ("place", PLACES), ("time", TIMES), ("colour", COLOURS))
    for part, choices in (*rounds, ("thing", things), ("style", STYLES)):
        tried = [replace(phrase, **{part: choice}) for choice in choices]
        phrase = tried[int((studio.seer.see_text([str(one) for one in tried]) @ z).argmax())]
    return phrase
