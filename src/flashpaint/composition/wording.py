"""A scene's things and background in words, and how the studio's language model says them. Knows no pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import permutations

from flashpaint.composition.scene import Background, Scene, Thing
from flashpaint.composition.words import BY, IN, ON, plural

LINKS = {"left_of": "to the left of", "right_of": "to the right of", "in_front_of": "in front of"}
NUMBERS = ("", "one", "two", "three", "four", "five", "six")
IN_WEATHER = {"rain": " in the rain", "snowfall": " in falling snow", "fog": " in the fog"}
SOMEWHERE = "meadow"  # where a time or a weather is told of, and no place


def kept(text: str, told: str) -> str:
    """The telling, less what it adds to one thing."""
    return (told if " and " in text else told.split(" and ")[0]) or text


def phrase(thing: Thing) -> str:
    """One such thing, in words."""
    if thing.description:
        return thing.description
    if not thing.name.isascii():
        return f"{thing.colour or ''}{'的' if thing.colour else ''}{thing.name}"
    return with_article(f"{thing.colour} {thing.name}" if thing.colour else thing.name)


def with_article(noun: str) -> str:
    if noun.split()[0].lower() in ("a", "an", "the"):
        return noun
    vowel = noun[0].lower() in "aeiou" and not noun.lower().startswith("uni")
    return f"{'an' if vowel else 'a'} {noun}"


def sentence(scene: Scene) -> str:
    """The whole: things, then where, when and how."""
    things = " and ".join(dict.fromkeys(phrase(thing) for thing in scene.things))
    ground = ground_words(scene.background, None)
    return f"{things}{on_colour(scene.background.colour)}{f', {ground}' if ground else ''}{styled(scene.style)}"


def on_colour(colour: str | None) -> str:
    """A plain ground, as it follows what is there."""
    return f" on {with_article(colour)} background" if colour else ""


def retold(scene: Scene, phrases: Mapping[int, str], told: str, ground: str) -> str:
    """The whole with its counts and relations. phrases: things by number, as they are told; told: the whole, told of
    its things and ground alone; ground: that alone, "" where it is plain."""
    things = [counted(phrases[k], thing.count) for k, thing in enumerate(scene.things)]
    names = [phrases[k] for k in range(len(things))]
    link = next((kind for thing in scene.things for kind, _ in thing.relations()), "and")
    said = f" {LINKS.get(link, link)} ".join(things) if len(things) == 2 else " and ".join(things)
    for order in permutations(names) if ground and told != sentence(scene) else ():
        if told.startswith(joined := " and ".join(order)):
            return said + told.removeprefix(joined)
    if ground:
        return said + where(ground)
    return said + sentence(scene).removeprefix(" and ".join(dict.fromkeys(map(phrase, scene.things))))


def where(ground: str) -> str:
    """A place as it follows what is there: "beach at sunset" -> " on the beach at sunset"."""
    place = at_time(ground.removeprefix("the "))
    if place.startswith((*ON, "sea")):
        return f" on the {place}"
    if place.startswith(BY):
        return f" by the {place}"
    if place.startswith("volcano"):
        return f" in front of a {place}"
    if place.startswith("underwater"):
        return f" under the sea{place.removeprefix('underwater')}"
    return f" in {place}" if place.startswith("space") else f" in the {place}" if place.startswith(IN) else f", {place}"


def at_time(ground: str) -> str:
    """ "beach, rain, sunset" -> "beach at sunset in the rain"."""
    timed = re.sub(f"((?:, (?:{'|'.join(IN_WEATHER)}))?), (night|sunset|dusk|dawn|sunrise|noon)", r" at \2\1", ground)
    return re.sub(f", ({'|'.join(IN_WEATHER)})", lambda found: IN_WEATHER[found[1]], timed)


def counted(noun: str, count: int) -> str:
    """A noun with its article -> so many of them."""
    if count == 1:
        return noun
    name = noun.partition(" ")[2] or noun
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {plural(name)}"


def ground_words(background: Background, style: str | None) -> str:
    """Place, weather, time and what else is said; "" for a plain ground."""
    words = [background.place, background.weather, background.time, background.words]
    if any(words) and not (background.place or background.words):
        words[0] = SOMEWHERE
    said = ", ".join(filter(None, words))
    return f"{said}{styled(style)}" if said else ""


def styled(style: str | None) -> str:
    return f", {style}" if style else ""
