"""A picture's description, from what clip sees: the phrase of known words that lies nearest to it.

Clip hears a phrase better than its words: the nearest single words are refined in phrases, one part after another.
A clip that was taught few words is asked for those, and its reader says which things are likely.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import product
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.composition.wording import with_article
from flashpaint.composition.words import BY, IN, ON, STYLES
from flashpaint.request import clean_picture
from flashpaint.studio import Studio

THINGS, SHORT = 24, 8  # things that are tried in phrases; of them, those that are told
READ = 5  # things that are tried where a reader tells them apart
SURE = 0.2  # of a cosine: what a thing e times as likely is worth
SAID = 0.05  # of a cosine: what a colour or a style that was taught must add to be said
PLACES: tuple[str, ...] = (
    *("", " underwater", " at the sea", " by the lake", " by the river", " in the rain", " in the fog"),
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
ROUNDS = ("place", "thing", "place", "time", "colour", "thing", "style")
NO_THINGS = {
    *IN,
    *ON,
    *BY,
    *(word.strip(" ,") for word in COLOURS + STYLES),
    "night",
    "sunset",
    "sunrise",
    "day",
    "winter",
}
NO_THINGS |= {
    "autumn",
    "spring",
    "summer",
    "rain",
    "fog",
    "underwater",
    "close-up",
    "aerial view",
    "portrait",
    "still life",
}

ONE = {"earth", "sun", "moon"}  # of which there is one; of fire there is no number
_features: weakref.WeakKeyDictionary[Studio, tuple[list[str], NDArray[np.float32]]] = weakref.WeakKeyDictionary()
_filling = threading.Lock()


@dataclass(frozen=True)
class Described:
    """text: one phrase; scene: the same without its thing, "" where no place was seen; words: the nearest of the known
    things, alone or in the phrase, with their cosine, falling."""

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
        text, several = "".join(astuple(self)), re.search("(?<![us])s$", self.thing)
        if self.thing == "fire" or several:
            return text
        return f"the {text}" if self.thing in ONE else with_article(text)

    @property
    def scene(self) -> str:
        if self.place.endswith(" background"):
            return ""
        place = re.sub("^(in|on|at|by) (the |a )?", "", self.place.strip())
        return f"{place}{self.time}{self.style}" if place else ""


@dataclass(frozen=True)
class Words:
    """What each part of a phrase may be, "" for nothing said. rounds: the parts that are tried, one after another;
    said: what a colour or a style must add to a cosine."""

    place: Sequence[str] = PLACES
    time: Sequence[str] = TIMES
    colour: Sequence[str] = COLOURS
    style: Sequence[str] = STYLES
    rounds: Sequence[str] = ROUNDS
    said: float = 0.0

    @classmethod
    def taught(cls, known: Mapping[str, Sequence[str]]) -> Words:
        """Those that a clip was taught, as its captions write them."""
        grounds = [f" on {with_article(colour)} background" for colour in known["ground"]]
        whens = product(known["time"], known.get("weather", [""]))
        return cls(
            ("", *(f" {place}" for place in known["place"]), *grounds),
            ["".join(f" {word}" for word in when if word) for when in whens],
            ("", *(f"{tint} " for tint in known["tints"])),
            ("", *(f", {style}" for style in known["style"][1:])),
            2 * ("place", "time", "colour", "style", "thing"),
            SAID,
        )


@runtime_checkable
class Taught(Protocol):
    """A seer that knows the words that it was taught, as `flashpaint.see.seer` says."""

    @property
    def taught(self) -> Mapping[str, Sequence[str]]: ...

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]: ...


def describe(studio: Studio, picture: Image.Image) -> Described:
    """What the studio's clip sees in a picture."""
    phrase, words = seen(studio, clean_picture(picture))
    return Described(str(phrase), phrase.scene, words)


def seen(studio: Studio, picture: Image.Image) -> tuple[Phrase, tuple[tuple[str, float], ...]]:
    """The nearest phrase, and the nearest things with their cosines: each alone, or in the phrase where clip was
    taught few."""
    with studio.reading:
        z = studio.seer.see_images([picture])[0]
        names, features = known_things(studio)
        near = nearest(names, features @ z, THINGS)
        if not isinstance(studio.seer, Taught):
            return refined(studio, z, dict.fromkeys(near, 0.0), Words()), tuple(near.items())[:SHORT]
        likely = nearest(names, studio.seer.likely_things([picture])[0], READ)
        worth = {name: SURE * float(np.log(share + 1e-3)) for name, share in likely.items()}
        phrase = refined(studio, z, worth, Words.taught(studio.seer.taught))
        others = list({**likely, **near})
        cosines = studio.seer.see_text([str(replace(phrase, thing=name)) for name in others]) @ z
        return phrase, tuple(nearest(others, cosines, SHORT).items())


def nearest(names: Sequence[str], shares: NDArray[np.float32], number: int) -> dict[str, float]:
    """So many of them and their shares, falling."""
    return {names[int(k)]: float(shares[k]) for k in np.argsort(-shares, kind="stable")[:number]}


def known_things(studio: Studio) -> tuple[list[str], NDArray[np.float32]]:
    """The things that clip was taught, or else those of the concepts, and the features of each as a phrase
    (things, dim); seen once a studio."""
    with _filling:
        if studio not in _features:
            if isinstance(studio.seer, Taught):
                things = list(studio.seer.taught["things"])
            else:
                things = [word for word in studio.concepts.words if word not in NO_THINGS]
            phrases = [str(Phrase("", thing, "", "", "")) for thing in things]
            _features[studio] = things, studio.seer.see_text(phrases)
        return _features[studio]


def refined(studio: Studio, z: NDArray[np.float32], things: Mapping[str, float], words: Words) -> Phrase:
    """The nearest phrase, one part at a time while the others stay. things: the likeliest first, and what each is worth
    in cosine."""
    phrase = Phrase("", next(iter(things)), "", "", "")
    for part in words.rounds:
        choices = list(things) if part == "thing" else getattr(words, part)
        tried = [replace(phrase, **{part: choice}) for choice in choices]
        near = studio.seer.see_text([str(one) for one in tried]) @ z
        worth = [things[one.thing] - words.said * (bool(one.colour) + bool(one.style)) for one in tried]
        phrase = tried[int((near + worth).argmax())]
    return phrase
