"""A thing's colour in words: the one that it is turned to, texts without it and with it, and the colours of a prompt on
what was told of it. Knows no pictures and no models.

Language models lose colours and move them; what is asked for in one of TINTS is told without it, and gets it back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flashpaint.composition.scene import RELATIONS, Scene, Thing
from flashpaint.composition.tint import TINTS
from flashpaint.composition.wording import phrase, with_article
from flashpaint.composition.words import CALLED, HUE

SPOKEN_ZH = {"红": "red", "橙": "orange", "橘": "orange", "黄(?!昏)": "yellow", "绿": "green", "蓝": "blue"}
SPOKEN_ZH |= {"紫": "purple", "粉": "pink"}


def hue(thing: Thing) -> str | None:
    """The colour that it is turned to, None where it keeps its own."""
    colour = CALLED.get(thing.colour or "", thing.colour)
    return colour if colour in TINTS else None


def bare(thing: Thing) -> str:
    """One such thing in words, without the colour that it is turned to."""
    return phrase(thing.model_copy(update={"colour": None}) if hue(thing) else thing)


def coloured(text: str, colour: str | None) -> str:
    """ "an apple" -> "a green apple"."""
    if colour is None:
        return text
    article, noun = apart(untinted(text, colour))
    return with_article(f"{colour} {noun}") if article in ("a", "an") else f"{article} {colour} {noun}".strip()


def untinted(text: str, colour: str | None) -> str:
    """ "a blue car" -> "a car": what is turned to a colour is drawn best in its own."""
    article, noun = apart(text)
    if colour is None or not noun.startswith(f"{colour} "):
        return text
    noun = noun.removeprefix(f"{colour} ")
    return with_article(noun) if article in ("a", "an") else f"{article} {noun}".strip()


def apart(text: str) -> tuple[str, str]:
    """An article, "" where there is none, and its noun."""
    first, _, rest = text.partition(" ")
    return (first, rest) if rest and first in ("a", "an", "the") else ("", text)


def spoken(text: str) -> set[str]:
    """The colours of TINTS that a text names, of whatever it is."""
    english = {CALLED.get(word, word) for word in re.findall(rf"\b{HUE}\b", text.lower())}
    return (english & TINTS.keys()) | {colour for word, colour in SPOKEN_ZH.items() if re.search(word, text)}


def recoloured(told: Scene, asked: Scene, names: Mapping[str, str]) -> Scene:
    """What was told of a prompt, in the colours of the prompt's own words. names: what each bare thing is told as.

    Where one thing is asked for, in a colour, it is the only one: what else was told is taken back.
    """
    wanted = {names.get(bare(thing), thing.name): colour for thing in asked.things if (colour := hue(thing))}
    if wanted and len(asked.things) == 1:
        return alone(told, asked)
    if not wanted or not wanted.keys() <= {thing.name for thing in told.things}:
        return told
    moved = {thing.name: None for thing in told.things if hue(thing) in wanted.values()}
    own = {**moved, **wanted}
    things = [
        thing.model_copy(update={"colour": own[thing.name]}) if thing.name in own else thing for thing in told.things
    ]
    return told.model_copy(update={"things": tuple(things)})


def named(scene: Scene, told: Mapping[str, str]) -> Scene:
    """The scene, each thing in the colour that its own words name and it is told in, where they were not read."""
    return scene.model_copy(update={"things": tuple(named_thing(thing, told[bare(thing)]) for thing in scene.things)})


def named_thing(thing: Thing, told: str) -> Thing:
    said = next((colour for colour in spoken(thing.name) if untinted(told, colour) != told), None)
    return thing.model_copy(update={"colour": said}) if said and not hue(thing) else thing


def alone(told: Scene, asked: Scene) -> Scene:
    """What was told, of its one thing alone; a ground of its colour that nobody asked for was the thing's."""
    (thing,), colour = asked.things, hue(asked.things[0])
    kept = next((one for one in told.things if hue(one) == colour), told.things[0])
    if kept.name == colour:
        return told  # an orange
    own = kept.model_copy(update={**dict.fromkeys(RELATIONS, ()), "colour": colour, "count": thing.count})
    background = told.background
    if background.colour == colour and asked.background.colour != colour:
        background = asked.background
    return told.model_copy(update={"things": (own,), "background": background})
