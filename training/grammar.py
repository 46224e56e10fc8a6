"""What a scene is, the one description it has, and the many prompts that mean it, in English and Chinese.

Words are in vocabulary.toml; this file holds the sentences. It knows nothing of pixels beyond boxes in 0..1.
"""

from __future__ import annotations

import hashlib
import random
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Thing:
    code: str
    en: list[str]
    zh: list[str]
    measure: str = "个"
    float: bool = False
    plural: bool = False
    unique: bool = False
    tint: bool = False


@dataclass(frozen=True)
class Place:
    key: str
    en: list[str]
    zh: list[str]
    terse: list[str]
    ground: str
    indoors: bool = False


@dataclass(frozen=True)
class Word:
    """A time of day, a colour or a style: what it is called; `key`, `rgb`, `set`, `share` where the kind has them."""

    en: list[str]
    zh: list[str]
    key: str = ""
    rgb: tuple[int, ...] = ()
    set: str = ""
    share: float = 0.0


TABLES = tomllib.loads((Path(__file__).parent / "vocabulary.toml").read_text())
THINGS = [Thing(**row) for row in TABLES["thing"]]
PLACES = [Place(**row) for row in TABLES["place"]]
TIMES = [Word(**row) for row in TABLES["time"]]
COLOURS = [Word(**row) for row in TABLES["colour"]]
STYLES = [Word(**row) for row in TABLES["style"]]
TINTS = COLOURS[:7]  # white, black and gray have no hue to turn a drawing to


@dataclass(frozen=True)
class Item:
    """One drawing in the picture: centre and size as fractions of the side."""

    thing: int
    cx: float
    cy: float
    size: float
    tint: int | None = None


@dataclass(frozen=True)
class Scene:
    """The ground truth of one picture. `relation` holds between items[0] and items[1]: left, above, and, or none."""

    items: tuple[Item, ...] = ()
    relation: str | None = None
    place: int | None = None
    time: int = 0
    ground: int | None = None
    style: int = 0


def held_out(scene: Scene) -> bool:
    """Combinations that no model trains on: a fixed twentieth, by hash, of thing x place and of pairs."""
    names = [THINGS[item.thing].en[0] for item in scene.items]
    keys = [f"{name}|{PLACES[scene.place].key}" for name in names] if scene.place is not None else []
    if scene.relation:
        keys.append(f"{names[0]}|{scene.relation}|{names[1]}")
    return any(hashlib.sha256(key.encode()).digest()[0] < 13 for key in keys)


# ---- sampling

KINDS = {"single": 0.34, "place": 0.36, "pair": 0.14, "pair_place": 0.08, "count": 0.04, "landscape": 0.04}


def sample(rng: random.Random, kind: str | None = None, keep_held_out: bool = False) -> Scene:
    """Draw a scene; `kind` one of KINDS or by their shares. Held-out combinations only when asked for."""
    while True:
        scene = _draw(rng, kind or rng.choices(list(KINDS), list(KINDS.values()))[0])
        if keep_held_out or not held_out(scene):
            return scene


def _draw(rng: random.Random, kind: str) -> Scene:
    style = 0 if kind == "landscape" else rng.choices(range(len(STYLES)), [s.share for s in STYLES])[0]
    if kind in ("place", "pair_place", "landscape"):
        place = rng.randrange(len(PLACES))
        time = (
            0
            if PLACES[place].indoors or PLACES[place].key in ("space", "underwater")
            else rng.choices(range(len(TIMES)), [0.7, 0.12, 0.18])[0]
        )
        ground = None
    else:
        place, time, ground = None, 0, rng.randrange(len(COLOURS)) if rng.random() < 0.4 else None
    number = {"single": 1, "place": 1, "landscape": 0, "count": rng.choice([2, 2, 3])}.get(kind, 2)
    things = rng.sample(range(len(THINGS)), number)
    relation = rng.choice(["left", "left", "above", "and"]) if kind.startswith("pair") else None
    if kind == "count":
        things = [rng.choice([i for i, t in enumerate(THINGS) if not t.plural and not t.unique])] * number
    if relation == "and":
        things.sort(key=lambda i: THINGS[i].en[0])
    items = arrange(rng, things, relation, None if place is None else PLACES[place].ground)
    return Scene(items, relation, place, time, ground, style)


def arrange(rng: random.Random, things: list[int], relation: str | None, ground: str | None) -> tuple[Item, ...]:
    """Where each thing goes: in a row, or one above the other; feet on the ground where there is one."""
    n = len(things)
    size = rng.uniform(
        *{0: (0, 0), 1: (0.64, 0.76) if ground is None else (0.52, 0.62), 2: (0.40, 0.46), 3: (0.28, 0.31)}[n]
    )
    items = []
    for k, thing in enumerate(things):
        jitter_x, jitter_y = rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)
        cx, cy = (k + 0.5) / n if n else 0.5, 0.5
        if n == 2:
            cx = (0.27, 0.73)[k]
        if relation == "above":
            cx, cy = 0.5, (0.26, 0.74)[k]
        elif ground == "stand" and not THINGS[thing].float:
            cy = 0.88 - size / 2
        elif ground is not None:
            cy = 0.46
        tint = rng.randrange(len(TINTS)) if THINGS[thing].tint and rng.random() < 0.35 else None
        items.append(Item(thing, cx + jitter_x, cy + jitter_y, size, tint))
    if n > 1 and things[0] == things[1]:
        items = [Item(i.thing, i.cx, i.cy, i.size, None) for i in items]
    return tuple(items)


# ---- descriptions: one scene, one sentence

NUMBERS_EN, NUMBERS_ZH = {2: "two", 3: "three"}, {2: "两", 3: "三"}


def english_noun(item: Item, count: int = 1, name: str | None = None, article: bool = True) -> str:
    thing = THINGS[item.thing]
    noun = name or thing.en[0]
    if item.tint is not None:
        noun = f"{TINTS[item.tint].en[0]} {noun}"
    if count > 1:
        return f"{NUMBERS_EN[count]} {plural(noun)}"
    if not article or thing.plural:
        return noun
    return (
        f"the {noun}"
        if thing.unique
        else f"{'an' if noun[0] in 'aeiou' and not noun.startswith('uni') else 'a'} {noun}"
    )


def plural(noun: str) -> str:
    if noun in ("sheep", "fish") or noun.endswith((" sheep", " fish")):
        return noun
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def describe(scene: Scene) -> str:
    """The canonical English description."""
    subject = ""
    if scene.items:
        first = english_noun(scene.items[0], len(scene.items) if scene.relation is None else 1)
        joint = {"left": " to the left of ", "above": " above ", "and": " and "}
        subject = first + (joint[scene.relation] + english_noun(scene.items[1]) if scene.relation else "")
    parts = [subject]
    if scene.place is not None:
        place = PLACES[scene.place]
        parts.append(place.en[0] if subject else place.terse[0])
        parts.append(TIMES[scene.time].en[0])
    if scene.ground is not None:
        parts.append(f"on a {COLOURS[scene.ground].en[0]} background".replace("a orange", "an orange"))
    sentence = " ".join(p for p in parts if p)
    return sentence if scene.style == 0 else f"{sentence}, {STYLES[scene.style].en[0]}"


# ---- prompts: one scene, many sentences

ENGLISH = [
    "{s} {p} {t} {g}",
    "{s} {p} {t} {g}",
    "{s} {p} {t} {g}",
    "{p} {t} {s} {g}",
    "a picture of {s} {p} {t} {g}",
    "draw {s} {p} {t} {g}",
    "there is {s} {p} {t} {g}",
    "{s}, {p} {t} {g}",
    "{t} {p}, {s} {g}",
    "please paint {s} {p} {t} {g}",
    "an illustration of {s} {g} {p} {t}",
    "i want {s} {p} {t} {g}",
]
CHINESE = [
    "{t}{p}的{s}{g}",
    "{t}{p}的{s}{g}",
    "{s}在{t}的{p}{g}",
    "{g}{t}{p}有{s}",
    "画{s}，{t}{p}{g}",
    "{t}{p}，{s}{g}",
    "一张图：{t}{p}的{s}{g}",
    "{s}，{p}，{t}{g}",
    "请画{t}{p}的{s}{g}",
]
CHINESE_HELD_OUT = ["我想看{t}{p}的{s}{g}", "帮我生成一幅{t}{p}的{s}的插画{g}", "{t}{p}出现了{s}{g}"]
PRAISE_EN, PRAISE_ZH = ["cute", "beautiful", "little", "nice", "lovely"], ["可爱的", "漂亮的", "美丽的", "好看的"]
LINKS_EN = {
    "left": [
        ("{a} to the left of {b}", 0),
        ("{a} left of {b}", 0),
        ("{a} on the left, {b} on the right", 0),
        ("{a} to the right of {b}", 1),
        ("{a} right of {b}", 1),
        ("on the right {a}, on the left {b}", 1),
    ],
    "above": [
        ("{a} above {b}", 0),
        ("{a} over {b}", 0),
        ("{a} on top of {b}", 0),
        ("{a} below {b}", 1),
        ("{a} under {b}", 1),
    ],
    "and": [
        ("{a} and {b}", 0),
        ("{a} with {b}", 0),
        ("{a} and {b}", 1),
        ("{a} next to {b}", 1),
        ("{a}, {b}", 0),
        ("{a} beside {b}", 0),
    ],
}
LINKS_ZH = {
    "left": [
        ("{a}在{b}左边", 0),
        ("{b}左边的{a}", 0),
        ("左边是{a}，右边是{b}", 0),
        ("{a}在{b}右边", 1),
        ("{a}在{b}的右侧", 1),
    ],
    "above": [("{a}在{b}上面", 0), ("{b}上方的{a}", 0), ("{a}在{b}下面", 1), ("{a}在{b}下方", 1)],
    "and": [("{a}和{b}", 0), ("{a}和{b}", 1), ("{a}与{b}", 0), ("{a}旁边有{b}", 1), ("{a}跟{b}", 0)],
}


def prompts(scene: Scene, rng: random.Random, language: str, unseen: bool = False) -> str:
    """One of the sentences that mean the scene, "en" or "zh". `unseen`: a Chinese phrasing held out of training."""
    if scene.items and not unseen and rng.random() < 0.12:
        return terse(scene, rng, language)
    return (chinese if language == "zh" else english)(scene, rng, unseen)


def english(scene: Scene, rng: random.Random, unseen: bool = False) -> str:
    def noun(item: Item, count: int = 1) -> str:
        words = english_noun(item, count, pick(rng, THINGS[item.thing].en), article=count > 1 or rng.random() < 0.85)
        if rng.random() < 0.06 and words.startswith(("a ", "an ")):
            words = f"a {rng.choice(PRAISE_EN)} {words.split(' ', 1)[1]}"
        return words

    subject = linked(scene, rng, LINKS_EN, noun)
    place = scene.place is not None and (pick(rng, PLACES[scene.place].en) if subject else PLACES[scene.place].terse[0])
    ground = scene.ground is not None and rng.choice(["on a {} background", "against {}", "{} background"]).format(
        pick(rng, COLOURS[scene.ground].en)
    )
    text = rng.choice(ENGLISH if subject else ENGLISH[:1]).format(
        s=subject, p=place or "", t=pick(rng, TIMES[scene.time].en), g=ground or ""
    )
    if style := styled(scene, rng, "en"):
        text = rng.choice([f"{text}, {style}", f"{style} {text}", f"{text} {style}"])
    return re.sub(r"\s*,[\s,]*", ", ", " ".join(text.split())).strip(" ,")


def chinese(scene: Scene, rng: random.Random, unseen: bool = False) -> str:
    def noun(item: Item, count: int = 1) -> str:
        thing = THINGS[item.thing]
        name = pick(rng, thing.zh)
        if item.tint is not None:
            name = pick(rng, TINTS[item.tint].zh) + "的" + name
        elif rng.random() < 0.06:
            name = rng.choice(PRAISE_ZH) + name
        if count == 1 and rng.random() < 0.2:
            return name
        return ("一" if count == 1 else NUMBERS_ZH[count]) + rng.choice([thing.measure, thing.measure, "个"]) + name

    subject = linked(scene, rng, LINKS_ZH, noun)
    place = scene.place is not None and (pick(rng, PLACES[scene.place].zh) if subject else PLACES[scene.place].terse[1])
    ground = scene.ground is not None and rng.choice(["，{}背景", "，背景是{}", "，{}的背景上"]).format(
        pick(rng, COLOURS[scene.ground].zh)
    )
    template = rng.choice(CHINESE_HELD_OUT if unseen else CHINESE) if subject else "{t}{p}"
    if subject and not place:
        template = rng.choice(["{s}{g}", "{s}{g}", "画{s}{g}", "{g}{s}", "请画{s}{g}", "一张{s}的图{g}"])
        template = "我想看{s}{g}" if unseen else template
    text = template.format(s=subject, p=place or "", t=pick(rng, TIMES[scene.time].zh), g=ground or "").strip("，")
    if style := styled(scene, rng, "zh"):
        if unseen or text[0] in "画请一":
            return f"{text}，{style}"
        text = rng.choice([f"{text}，{style}", f"{style}的{text}", f"{text}（{style}）"])
    return text.replace("在的", "在")


def terse(scene: Scene, rng: random.Random, language: str) -> str:
    """Key words only: 'cat space', '猫 太空'."""
    zh = language == "zh"
    words = [pick(rng, THINGS[item.thing].zh if zh else THINGS[item.thing].en) for item in scene.items]
    if rng.random() < 0.08:
        words = [chr(int(THINGS[item.thing].code, 16)) for item in scene.items]
    if len(words) > 1 and scene.relation != "and":
        return (chinese if zh else english)(scene, rng)
    words = [
        (TINTS[i.tint].zh[0] if zh else TINTS[i.tint].en[0] + " ") + w if i.tint is not None else w
        for i, w in zip(scene.items, words, strict=True)
    ]
    if scene.place is not None:
        words.append(PLACES[scene.place].terse[zh])
    if scene.time:
        words.append(pick(rng, TIMES[scene.time].zh if zh else TIMES[scene.time].en))
    if scene.ground is not None:
        words.append(COLOURS[scene.ground].zh[0] + "背景" if zh else COLOURS[scene.ground].en[0] + " background")
    if style := styled(scene, rng, language):
        words.append(style)
    rng.shuffle(words)
    return rng.choice([" ", ", " if not zh else "，", " "]).join(words)


def linked(scene: Scene, rng: random.Random, links: dict[str, list[tuple[str, int]]], noun) -> str:  # type: ignore[no-untyped-def]
    """The subject: one noun, a count, or two nouns in their relation, told from either side."""
    if not scene.items:
        return ""
    if scene.relation is None:
        return str(noun(scene.items[0], len(scene.items)))
    template, swapped = rng.choice(links[scene.relation])
    a, b = scene.items[swapped], scene.items[1 - swapped]
    return template.format(a=noun(a), b=noun(b))


def styled(scene: Scene, rng: random.Random, language: str) -> str:
    """The style's name; the first style is what silence means and is named only now and then."""
    names = STYLES[scene.style].zh if language == "zh" else STYLES[scene.style].en
    return "" if scene.style == 0 and rng.random() > 0.1 else pick(rng, names)


def pick(rng: random.Random, words: list[str]) -> str:
    """The canonical word half of the time, else any of its synonyms."""
    return words[0] if rng.random() < 0.5 else rng.choice(words)
