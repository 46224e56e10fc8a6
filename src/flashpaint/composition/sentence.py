"""A sentence becomes a scene: counts, colours, relations, place, time and style in English and Chinese; and the
canonical descriptions that mini's language model writes, which are such sentences. Knows no models.
"""

from __future__ import annotations

import re
from typing import Any

from flashpaint.composition.words import (
    AFTER,
    ALONE,
    AROUND,
    AT,
    CALLED,
    DRAWN,
    ENDS,
    GROUND_EN,
    GROUND_ZH,
    HOLDS,
    HUE,
    HUE_ZH,
    HUES_ZH,
    IN_STYLE,
    IT,
    LINKS,
    MEASURES,
    NO_LINK,
    NUMBERS,
    PLACE_ZH,
    PLACES_EN,
    PLACES_ZH,
    PRAISE,
    SHADES,
    SIDES,
    TIMES,
    UNDER,
    WEATHERS,
    single,
)


def parsed(text: str) -> dict[str, Any] | None:
    """The scene as plain data, None where no thing is found."""
    rest, background, style = divided(text)
    things = (chinese if re.search("[一-鿿]", rest) else english)(rest)
    if not things:
        return None
    return {"background": background, "things": things} | ({"style": style} if style else {})


def place_alone(text: str) -> tuple[dict[str, str], str] | None:
    """Background and style, where the words name a place and no thing: "夜晚的沙滩"."""
    rest, background, style = divided(text)
    return (background, style) if not rest and "place" in background else None


def divided(text: str) -> tuple[str, dict[str, str], str]:
    """What is said of things, the background, and the style, "" for none."""
    rest, background = text.strip(" .。").lower(), dict[str, str]()
    rest, style = taken(f"({IN_STYLE})", rest)
    rest, time = taken(TIMES, rest)
    weather = next((name for name, words in WEATHERS.items() if re.search(words, rest)), "")
    rest, _ = taken(WEATHERS[weather], rest) if weather else (rest, "")
    rest, ground = taken(rf"{GROUND_EN}|{GROUND_ZH}", rest)
    rest = re.sub(AROUND, "", rest.strip(ENDS)).strip(ENDS)
    if ground:
        background["colour"] = CALLED.get(ground, ground)
    else:
        somewhere = rf"(?:{AT}) (?:the |an? |my )?({'|'.join(PLACES_EN)})"
        rest, place = taken(rf"{UNDER}|\b{somewhere}$|^{somewhere}(?:, ?| (?=an? |the |two |three ))|{ALONE}", rest)
        place = "underwater" if place.startswith("under") else place
        rest, local = (rest, place) if place else taken(rf"在?({PLACE_ZH})[上里中前下旁内]?的?，?", rest)
        rest = re.sub(f"{AROUND}|在的?$", "", rest)
        background |= {"place": PLACES_ZH.get(local, local)} if local else {}
    background |= {"time": CALLED.get(time, time)} if time else {}
    background |= {"weather": weather} if weather else {}
    style = re.sub("(风格)?的?$| style$", "", style)
    style = next((name for name, words in DRAWN.items() if style and re.fullmatch("|".join(words), style)), "")
    return rest.strip(ENDS), background, style


def taken(pattern: str, text: str) -> tuple[str, str]:
    """The text without the first match, and what its groups hold."""
    found = re.search(pattern, text)
    if not found:
        return text, ""
    joint = re.sub(r"\s+", " ", f"{text[: found.start()]} {text[found.end() :]}")
    return re.sub(r"\s*([，,])[\s，,]*", r"\1 ", joint).strip(ENDS), next(filter(None, found.groups()), "")


def english(text: str) -> list[dict[str, Any]]:
    if sides := re.fullmatch(r"(.+?),? on the left,? (?:and )?(.+?),? on the right", text):
        text = f"{sides[1]} left of {sides[2]}"
    elif sides := re.fullmatch(r"on the (left|right),? (.+?),? (?:and )?on the (?:left|right),? (.+)", text):
        text = f"{sides[2]} {sides[1]} of {sides[3]}"
    text = re.sub(r"(.+?) (?:held|carried) by (.+)", r"\2 holding \1", text)
    text = re.sub(r"(.+?) with (.+?) (on|in)(?:side)? it\b", lambda it: f"{it[2]} {IT[it[3]]} {it[1]}", text)
    words = "|".join(f"(?P<{name}>\\b(?:{pattern})\\b)" for name, pattern in LINKS.items() if name) + NO_LINK
    things, at, link = list[dict[str, Any]](), 0, ""
    for found in [*re.finditer(words, text), None]:
        noun = text[at : found.start() if found else len(text)].strip(" ,")
        if noun:
            add(things, noun, link)
            link = ""
        if found:
            link, at = found.lastgroup or link, found.end()
    return things


def add(things: list[dict[str, Any]], noun: str, link: str) -> None:
    """One more thing; link: the relation of the last to it."""
    after = re.fullmatch(rf"(.+?),? {AFTER} (?:{SHADES})?{HUE}(?: colou?r)?", noun)
    noun = after[1] if after else noun
    found = re.fullmatch(rf"(?:({'|'.join(NUMBERS)}|\d+) )?((?:(?:{PRAISE}) )*)(?:(?:{SHADES})?{HUE} )?(.+)", noun)
    if not found:
        return
    count = NUMBERS.get(found[1]) or int(found[1] or 1)
    colour = found[3] or (after and after[2])
    name = found[2] + (single(found[4]) if count > 1 else found[4])
    thing = {"name": name, "count": count, "colour": CALLED.get(colour or "", colour)}
    known = [thing.get("id") or thing["name"] for thing in things]
    if thing["name"] in known:
        thing["id"] = f"{thing['name']} {len(things) + 1}"
    if link and things:
        things[-1].setdefault(link, []).append(thing.get("id") or thing["name"])
    things.append({key: value for key, value in thing.items() if value and (key, value) != ("count", 1)})


def chinese(text: str) -> list[dict[str, Any]]:
    text = re.sub(f"^{HOLDS}(.+)的(.+)$", r"\2拿着\1", text)
    if held := re.fullmatch(f"(.+?){HOLDS}(.+)", text):
        return two(held[1], held[2], "holding")
    for relation, words in SIDES.items():
        both = SIDES["right_of"] if relation == "left_of" else SIDES["left_of"]
        forms = (
            (rf"(?:{words})(?:是|有)?(.+?)[，, ]+(?:{both})(?:是|有)?(.+)", (1, 2)) if "边" in words else None,
            (rf"(.+?)[站坐趴]?在(.+?)的?(?:{words})", (1, 2)),
            (rf"(.+?)的?(?:{words})(?:的|是|有)(.+)", (2, 1)),
        )
        for pattern, (one, other) in filter(None, forms):
            if found := re.fullmatch(pattern, text):
                return two(found[one], found[other], relation)
    things: list[dict[str, Any]] = []
    for noun in re.split("[，,、和与跟 ]+|旁边有", text):
        if noun:
            add_chinese(things, noun)
    return things


def two(one: str, other: str, relation: str) -> list[dict[str, Any]]:
    """Two things in a relation, as far as both are there."""
    things: list[dict[str, Any]] = []
    add_chinese(things, one)
    add_chinese(things, other)
    if len(things) == 2:
        things[0][relation] = [things[1].get("id") or things[1]["name"]]
    return things


def add_chinese(things: list[dict[str, Any]], noun: str) -> None:
    noun = re.sub("^有(?=.)", "", noun.strip(" ，"))
    after = re.fullmatch(rf"(.+?)[是为]{HUE_ZH}的?", noun)
    noun = after[1] if after else noun
    hued = f"(?:{HUE_ZH}的?|(粉红|{HUES_ZH})的)"
    counted = f"(?:([一两二三四五六]){MEASURES}|([一两])(?=.))?"  # 三明治 is no three of anything, 头骨 no head
    found = re.fullmatch(rf"{counted}(?:((?:.{{1,4}}的)?){hued})?(.+)", noun)
    if found:
        number, short, before, hue, hue_alone, name = found.groups()
        colour = hue or (f"{hue_alone}色" if hue_alone else after and after[2])
        thing = {"name": (before or "") + name, "count": NUMBERS.get(number or short, 1), "colour": colour}
        if thing["name"] in [other["name"] for other in things]:
            thing["id"] = f"{thing['name']} {len(things) + 1}"
        things.append({key: value for key, value in thing.items() if value and (key, value) != ("count", 1)})
