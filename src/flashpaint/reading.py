"""A prompt as its own words say it: read by the grammar, in the words that mini was taught, and said as its own
descriptions are. What is read whole needs no language model; what is only spotted in it is one way to tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from flashpaint.composition.scene import RELATIONS
from flashpaint.composition.sentence import divided, parsed, place_alone
from flashpaint.composition.wording import IN_WEATHER, NUMBERS, on_colour, styled, with_article
from flashpaint.composition.words import CALLED, HOLDS, LINKS, SIDES, plain, plural, single

COUNTED = 3  # at most, as the captions were
# a relation between two things, as captions write it; from the second to the first where it is turned
SAID = {"left_of": "to the left of", "above": "above", "on": "on", "inside": "inside", "holding": "holding"}
TURNED = {"right_of": "left_of", "below": "above", "under": "above"}
TIMES = {"sunset": "at sunset", "dusk": "at sunset", "night": "at night", "noon": ""}

Scene = Mapping[str, Any]  # plain data, as the grammar reads it


class Unreadable(Exception):
    """Something is said for which there is no caption."""


class Reading:
    """words, names: of a clip that was taught few words, as `flashpaint.see.taught` has them; with no names, nothing is
    read."""

    def __init__(self, words: Mapping[str, Sequence[str]], names: Mapping[str, Sequence[Sequence[str]]]) -> None:
        self.words, self.known = words, bool(names)
        self.things, self.places = numbers(names.get("things", ())), numbers(names.get("place", ()))

    def read(self, prompt: str) -> str:
        """Its description; "" where the grammar does not read all of it, or a word is not among those taught."""
        scene = scene_of(prompt) if self.known else None
        return self.said(self.settled(scene)) if scene else ""

    def spot(self, prompt: str) -> str:
        """A description of those of its words that were taught, whatever else it says: of two things at most, in their
        relation, and of the place; "" where no thing is among them."""
        if not self.known:
            return ""
        rest, background, style = divided(prompt)
        found = [(self.one(match[0]), match) for match in self.named.finditer(rest)]
        places = [name for name, _ in found if name not in self.things]
        if places and "place" not in background:
            background["place"] = places[0]
        things = {self.things[name]: (name, match) for name, match in reversed(found) if name in self.things}
        spotted = list(things.values())[::-1][:2]
        said: list[dict[str, Any]] = [{"name": name} for name, _ in spotted]
        if len(said) == 2 and (link := between(rest, spotted[0][1], spotted[1][1])):
            kind, first = link
            said[first][kind] = [said[1 - first]["name"]]
        return self.said({"things": said, "background": background, "style": style}) if said else ""

    def one(self, name: str) -> str:
        """The name of one thing or place, of one or of several."""
        return name if name in self.things or name in self.places else single(name)

    @cached_property
    def named(self) -> re.Pattern[str]:
        """All names, the longest first; English ones as whole words, of one or of several, colours before a thing left
        out."""
        names = sorted({*self.things, *self.places}, key=len, reverse=True)
        english = "|".join(re.escape(form) for name in names if name.isascii() for form in (plural(name), name))
        others = "|".join(re.escape(name) for name in names if not name.isascii())
        colours = "|".join(self.words["ground"])
        return re.compile(rf"\b(?!(?:{colours}) \w)({english})\b|({others})")

    def said(self, scene: Scene) -> str:
        try:
            subject = self.subject(scene["things"])
            return subject + self.around(scene, alone=not subject)
        except (Unreadable, KeyError):
            return ""

    def settled(self, scene: Scene) -> Scene:
        """With the place, time and weather that key words name ("cat, beach, night"; "beach cat"), and what is in
        another ("a cat in a box")."""
        things, background = list[Mapping[str, Any]](), dict(scene["background"])
        for thing in scene["things"]:
            name = thing["name"]
            if name in self.things:
                things.append(thing)
            elif name in self.places and "place" not in background:
                background["place"] = name
            elif name in TIMES and "time" not in background:
                background["time"] = name
            elif name in IN_WEATHER and "weather" not in background:
                background["weather"] = name
            elif held := re.fullmatch(r"(.+) in (?:an? |the )?(.+)", name):
                things += [{**thing, "name": held[1], "inside": [held[2]]}, {"name": held[2]}]
            else:
                ends = [place for place in self.places if re.search(rf"^{place} | {place}$", name)]
                if ends and "place" not in background:
                    background["place"] = max(ends, key=len)
                    name = re.sub(rf"^{background['place']} | {background['place']}$", "", name)
                things.append({**thing, "name": name})
        return {**scene, "things": things, "background": background}

    def subject(self, things: Sequence[Mapping[str, Any]]) -> str:
        nouns = [self.noun(thing) for thing in things]
        if len(things) < 2:
            return "".join(nouns)
        links = [(kind, k) for k, thing in enumerate(things) for kind in thing if kind in RELATIONS]
        if len(things) > 2 or len(links) > 1 or any(thing.get("count", 1) > 1 for thing in things):
            raise Unreadable
        if not links:
            names = [self.words["things"][self.things[thing["name"]]] for thing in things]
            return " and ".join(noun for _, noun in sorted(zip(names, nouns, strict=True)))
        kind, first = links[0]
        one, other = nouns[first], nouns[1 - first]
        return f"{other} {SAID[TURNED[kind]]} {one}" if kind in TURNED else f"{one} {SAID[kind]} {other}"  # or KeyError

    def noun(self, thing: Mapping[str, Any]) -> str:
        count, colour = thing.get("count", 1), thing.get("colour")
        if f"{colour} {thing['name']}" in self.things:  # "a white dove" names a dove
            number, colour = self.things[f"{colour} {thing['name']}"], None
        else:
            number = self.things[thing["name"]]
        if count > COUNTED or colour not in (None, *self.words["tints"]):
            raise Unreadable
        name = self.words["things"][number]
        coloured = f"{colour} {name}" if colour else name
        if count > 1:
            return f"{NUMBERS[count]} {plural(coloured)}"
        return with_article(coloured) if colour else self.words["nouns"][number]

    def around(self, scene: Scene, alone: bool) -> str:
        """What follows the things, or a place by itself."""
        background, said = scene["background"], ""
        if place := background.get("place"):
            number = self.places[place]
            said = self.words["alone"][number] if alone else f" {self.words['place'][number]}"
        elif {"time", "weather"} & background.keys():
            raise Unreadable
        if time := TIMES[background.get("time", "noon")]:
            said += f" {time}"
        if weather := background.get("weather"):
            said += IN_WEATHER[weather]
        colour, style = background.get("colour"), scene.get("style", "")
        if colour not in (None, *self.words["ground"]) or style not in ("", *self.words["style"]):
            raise Unreadable
        return f"{said}{on_colour(colour)}{styled(style if style != self.words['style'][0] else '')}"


def scene_of(prompt: str) -> Scene | None:
    """What the grammar reads, each noun without its praise."""
    if found := parsed(prompt):
        things = [{**thing, "name": plain(thing["name"])} for thing in found["things"]]
        for thing in things:
            if "colour" in thing:
                thing["colour"] = CALLED.get(thing["colour"], thing["colour"])
        return {**found, "things": things}
    if found_place := place_alone(prompt):
        background, style = found_place
        return {"things": (), "background": background, "style": style}
    return None


def between(text: str, one: re.Match[str], other: re.Match[str]) -> tuple[str, int] | None:
    """The relation of two things by the words between and behind them, and which of the two it is of."""
    middle, behind = text[one.end() : other.start()], text[other.end() :]
    for kind, words in LINKS.items():
        if re.search(rf"\b(?:{words})\b", middle):
            return kind, 0
    if re.search(HOLDS, middle):
        return "holding", 0
    for kind, words in SIDES.items():
        if re.match(f"的?(?:{words})", behind) and "在" in middle:
            return kind, 0
        if re.match(f"的?(?:{words})", middle):
            return kind, 1
    return None


def numbers(names: Sequence[Sequence[str]]) -> dict[str, int]:
    """The number of the row that each name stands in."""
    return {name.lower(): number for number, row in enumerate(names) for name in row}
