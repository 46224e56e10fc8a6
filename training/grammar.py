"""The one description that a scene has, and the many prompts that mean it, in English and Chinese.

This file holds the sentences; the words are in vocabulary.toml, and world.py knows what a scene is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from flashpaint.composition.words import plural
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, TINTS, WEATHERS, Item, Scene, Thing

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


def describe(scene: Scene) -> str:
    """The canonical English description."""
    subject = ""
    if scene.items:
        first = english_noun(scene.items[0], len(scene.items) if scene.relation is None else 1)
        joint = " to the left of " if scene.relation == "left" else f" {scene.relation} "
        subject = first + (joint + english_noun(scene.items[1]) if scene.relation else "")
    parts = [subject]
    if scene.place is not None:
        place = PLACES[scene.place]
        parts.append(place.en[0] if subject else place.terse[0])
        parts += [TIMES[scene.time].en[0], WEATHERS[scene.weather].en[0]]
    if scene.ground is not None:
        parts.append(f"on a {COLOURS[scene.ground].en[0]} background".replace("a orange", "an orange"))
    sentence = " ".join(p for p in parts if p)
    return sentence if scene.style == 0 else f"{sentence}, {STYLES[scene.style].en[0]}"


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
        ("{a} below {b}", 1),
        ("{a} under {b}", 1),
    ],
    "on": [
        ("{a} on {b}", 0),
        ("{a} on top of {b}", 0),
        ("{a} sitting on {b}", 0),
        ("{a} standing on {b}", 0),
        ("{b} with {a} on it", 0),
    ],
    "inside": [("{a} inside {b}", 0), ("{a} inside of {b}", 0), ("{a} in {b}", 0), ("{b} with {a} in it", 0)],
    "holding": [("{a} holding {b}", 0), ("{a} carrying {b}", 0), ("{b} held by {a}", 0)],
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
    "above": [("{a}在{b}上方", 0), ("{b}上方的{a}", 0), ("{a}在{b}下面", 1), ("{a}在{b}下方", 1)],
    "on": [("{a}在{b}上面", 0), ("{a}站在{b}上", 0), ("{a}坐在{b}上面", 0), ("{b}上的{a}", 0)],
    "inside": [("{a}在{b}里面", 0), ("{b}里的{a}", 0), ("{b}里面有{a}", 0), ("{a}在{b}里", 0)],
    "holding": [("{a}拿着{b}", 0), ("{a}手里拿着{b}", 0), ("{a}抱着{b}", 0), ("拿着{b}的{a}", 0)],
    "and": [("{a}和{b}", 0), ("{a}和{b}", 1), ("{a}与{b}", 0), ("{a}旁边有{b}", 1), ("{a}跟{b}", 0)],
}


def prompts(scene: Scene, rng: random.Random, language: str, unseen: bool = False) -> str:
    """One of the sentences that mean the scene, "en" or "zh". `unseen`: a Chinese phrasing held out of training."""
    if scene.items and not unseen and rng.random() < 0.12:
        return terse(scene, rng, language)
    return (chinese if language == "zh" else english)(scene, rng, unseen)


# How people ask around what they want to see; none of the held-out phrasings is among them.
CARRIERS_EN = [
    "give me {}",
    "can you make {}",
    "show me {} please",
    "i'd love to see {}",
    "make an image with {}",
    "photo of {}",
    "generate {}",
    "{}, thanks",
    "{} picture",
    "a drawing showing {}",
    "something like {}",
]
CARRIERS_ZH = [
    "给我{}",
    "来一张{}",
    "我要{}",
    "想要一幅{}",
    "能画{}吗",
    "麻烦你画一下{}",
    "请给我看{}",
    "生成{}的图片",
    "做一张{}的海报",
    "我需要{}的照片",
    "帮忙画出{}",
    "一幅关于{}的画",
    "看，{}",
    "{}，谢谢",
    "这里有{}",
    "我喜欢{}",
    "显示{}的图像",
]


def carried(text: str, rng: random.Random, language: str) -> str:
    """The prompt inside words that add nothing, for readers that should not mind them."""
    return rng.choice(CARRIERS_ZH if language == "zh" else CARRIERS_EN).format(text)


def emoji(scene: Scene) -> str:
    """The things of the scene as emoji, side by side."""
    return " ".join(sign(THINGS[item.thing]) for item in scene.items)


def sign(thing: Thing) -> str:
    """The emoji that means it."""
    return "".join(chr(int(part, 16)) for part in thing.code.split("-"))


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
        s=subject, p=place or "", t=when(scene, rng, "en"), g=ground or ""
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
    text = template.format(s=subject, p=place or "", t=when(scene, rng, "zh"), g=ground or "").strip("，")
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
        words = emoji(scene).split()
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
    if scene.weather:
        words.append(pick(rng, WEATHERS[scene.weather].zh if zh else WEATHERS[scene.weather].en))
    if scene.ground is not None:
        words.append(COLOURS[scene.ground].zh[0] + "背景" if zh else COLOURS[scene.ground].en[0] + " background")
    if style := styled(scene, rng, language):
        words.append(style)
    rng.shuffle(words)
    return rng.choice([" ", ", " if not zh else "，", " "]).join(words)


def linked(
    scene: Scene, rng: random.Random, links: dict[str, list[tuple[str, int]]], noun: Callable[[Item, int], str]
) -> str:
    """The subject: one noun, a count, or two nouns in their relation, told from either side."""
    if not scene.items:
        return ""
    if scene.relation is None:
        return noun(scene.items[0], len(scene.items))
    template, swapped = rng.choice(links[scene.relation])
    a, b = scene.items[swapped], scene.items[1 - swapped]
    return template.format(a=noun(a, 1), b=noun(b, 1))


def when(scene: Scene, rng: random.Random, language: str) -> str:
    """The time of day and the weather, of which silence means the first; either may be said first."""
    names = [pick(rng, TIMES[scene.time].zh if language == "zh" else TIMES[scene.time].en)]
    if scene.weather:
        names.append(pick(rng, WEATHERS[scene.weather].zh if language == "zh" else WEATHERS[scene.weather].en))
        rng.shuffle(names)
    return ("" if language == "zh" else " ").join(names).strip()


def styled(scene: Scene, rng: random.Random, language: str) -> str:
    """The style's name; the first style is what silence means and is named only now and then."""
    names = STYLES[scene.style].zh if language == "zh" else STYLES[scene.style].en
    return "" if scene.style == 0 and rng.random() > 0.1 else pick(rng, names)


def pick(rng: random.Random, words: list[str]) -> str:
    """The canonical word half of the time, else any of its synonyms."""
    return words[0] if rng.random() < 0.5 else rng.choice(words)
