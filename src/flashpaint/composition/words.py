"""The words of sentences that ask for pictures, in English and Chinese: places, times, styles, colours, relations,
numbers and measures; and the English nouns of one and of several. Knows no scene.
"""

from __future__ import annotations

import re

IN: tuple[str, ...] = (
    *("space", "bedroom", "city", "classroom", "desert", "factory", "forest", "garden", "harbour", "jungle", "kitchen"),
    *("library", "living room", "market", "meadow", "office", "park", "sky", "snow", "snowy mountains", "stadium"),
    *("village", "church", "temple", "cave"),
)
ON: tuple[str, ...] = ("beach", "road", "street", "bridge", "stage", "island", "grass", "farm", "moon")
BY: tuple[str, ...] = ("lake", "river")
SOMEWHERE_ELSE: tuple[str, ...] = (
    *("sea", "ocean", "deep sea", "outer space", "woods", "highway", "volcano", "room", "home", "small village"),
    *("farm field", "green field", "snowy field", "snow mountain", "lakeside", "sandy beach", "sand dunes"),
    *("rainforest", "surface of the moon", "lunar surface", "cookhouse"),
)
STYLES: tuple[str, ...] = ("", ", watercolour", ", oil painting", ", pencil sketch", ", pixel art", ", photograph")
STYLES += (", cartoon", ", neon", ", blueprint")
NUMBERS = {"a": 1, "an": 1, "one": 1, "the": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "一": 1, "两": 2}
NUMBERS |= {"二": 2, "三": 3, "四": 4, "五": 5, "六": 6}
COLOURS = "red|orange|yellow|green|blue|purple|pink|white|black|gray|grey|brown"
TIMES = r"\b(?:at|by) (night|sunset|dusk|dawn|sunrise|noon)\b|(夜晚|晚上|夜里|日落时?|黄昏)的?"
# what a style is called in English and in Chinese, by the name that the painter knows
DRAWN: dict[str, tuple[str, str]] = {
    "flat": ("flat vector|flat illustration|flat", "扁平(?:矢量|插画)?"),
    "3d render": ("3d render|rendered in 3d|3d", "(?:3d|三维)渲染|立体"),
    "sticker": ("emoji sticker|sticker", "贴纸"),
    "cartoon": ("cartoon", "卡通"),
    "pixel art": ("8-bit pixel art|pixel art|pixelated", "像素(?:画|艺术)?"),
    "pencil sketch": ("pencil sketch|pencil drawing|sketch", "铅笔素描|素描|铅笔画"),
    "watercolour": ("watercolou?r painting|watercolou?r", "水彩画?"),
    "neon": ("neon lights|neon glow|neon", "霓虹灯?"),
    "blueprint": ("technical blueprint|blueprint drawing|blueprint", "(?:设计)?蓝图"),
    "oil painting": ("oil painting", "油画"),
    "photograph": ("photograph", "摄影"),
}
DRAWN_EN = tuple(words for en, _ in DRAWN.values() for words in en.split("|"))
WEATHERS = {
    "rain": r"\bin (?:the |heavy )?rain\b|\bon a rainy day\b|(?:下雨天|雨天|雨中|雨里)的?",
    "snowfall": r"\bin (?:the )?falling snow\b|\bwhile it snows\b|\bin a snowstorm\b|(?:[下大]雪天|飘雪时|大雪中)的?",
    "fog": r"\bin (?:the |thick )?(?:fog|mist)\b|\bon a foggy day\b|(?:大雾天|雾天|雾中|雾里)的?",
}
IN_STYLE = "|".join(rf"\b(?:{en})(?: style)?\b|(?:{zh})(?:风格)?的?" for en, zh in DRAWN.values())
HUE = f"({COLOURS}|violet)"
PRAISE = "cute|beautiful|little|nice|lovely|pretty|big|small|large|tiny|huge|shiny"  # and sizes: before a colour
PRAISE_ZH = "可爱|漂亮|美丽|好看"
SHADES = "(?:light|dark|deep|pale|bright|vivid)[ -]"
HUES_ZH = "[红橙橘黄绿蓝紫粉白黑灰棕褐金银青米]"
HUE_ZH = f"[浅深淡暗亮鲜天墨草宝湖嫩]?({HUES_ZH}{{1,2}}色)"
AFTER = "(?:in|(?:(?:that|which) )?(?:is|are)|painted|colou?red)"  # a colour that follows its thing
GROUND_EN = rf"\b(?:on an? |against )?{HUE} background|\bagainst {HUE}(?=,|$)|, ?{HUE}(?=,|$)"
GROUND_ZH = rf"背景是{HUE_ZH}|在?{HUE_ZH}的?背景上?"
# as the painter calls them
CALLED = {"红色": "red", "橙色": "orange", "黄色": "yellow", "绿色": "green", "蓝色": "blue", "紫色": "purple"}
CALLED |= {"粉色": "pink", "粉红色": "pink", "白色": "white", "黑色": "black", "灰色": "gray", "棕色": "brown"}
CALLED |= {"violet": "purple", "grey": "gray"}
CALLED |= dict.fromkeys(("橘色", "橘黄色", "橘红色"), "orange")
CALLED |= dict.fromkeys(("夜晚", "晚上", "夜里"), "night") | dict.fromkeys(("日落", "日落时", "黄昏"), "sunset")
ASKED_EN = (
    "please |(?:can|could) you |(?:draw|give|make|paint|show)(?: me)? |generate |create |there (?:is|are) |i need "
)
ASKED_EN += (
    "|i want |i'd (?:like|love)(?: to see)? |something like |(?:an? )?(?:illustration|picture|photo|image|drawing)"
)
ASKED_EN += "(?: of| with| showing) "
ASKED_ZH = (
    "请|麻烦你?|帮忙|帮我|能|我想看|我想要|我要|我喜欢|我需要|想要|给我看?|来|做|画一下|画出?|生成|显示|看，|这里有|有"
)
ASKED_ZH += "|出现了|一张图：|一张|一幅|关于"
# what people say around what they want to see
AROUND = f"^(?:{ASKED_EN})+|(?:,? (?:please|thanks)| picture)$|^(?:{ASKED_ZH})+"
AROUND += "|的(?:图片?|图像|插画|海报|照片|画)$|，?谢谢$|吗[？?]?$"
LINKS = {  # longest first: what stands between two things, and the relation of the first to the second
    "left_of": r"(?:on |to )?(?:the )?left of",
    "right_of": r"(?:on |to )?(?:the )?right of",
    "in_front_of": "in front of",
    "inside": "inside(?: of)?",
    "above": "above|over",
    "below": "below|beneath",
    "under": "under|underneath",
    "behind": "behind",
    "holding": "holding|carrying",
    "on": "on top of|sitting on|standing on|on",
}
IT = {"on": "on", "in": "inside"}
NO_LINK = r"|\b(?:next to|beside|and|with)\b|,"
SIDES = {"left_of": "左边|左侧", "right_of": "右边|右侧", "above": "上方", "on": "上面|上", "below": "下方"}
SIDES |= {"under": "下面", "inside": "里面|里", "behind": "后面", "in_front_of": "前面"}
HOLDS = "(?:手里)?[拿抱举捧]着"
PLACES_EN = sorted({*IN, *ON, *BY, *SOMEWHERE_ELSE}, key=len, reverse=True)
ALONE = (
    f"^({'|'.join(set(PLACES_EN) - {'church', 'factory', 'moon'})}|the moon's surface)$"  # those that are things too
)
UNDER = r"\b(under(?: the (?:sea|ocean)|[ -]?water))(?:$|(?=,? an? ))"
AT = "in front of|near|inside|in|on|at|under|by"
PLACES = frozenset({*PLACES_EN, "underwater"})
PLACES_ZH = {
    name: place
    for place, names in {
        "space": "太空 宇宙",
        "underwater": "海底世界 海底 海里 水下",
        "sea": "大海 海上 海面",
        "beach": "海滩 沙滩 海边",
        "snowy mountains": "雪山",
        "forest": "森林 树林",
        "desert": "沙漠 沙丘",
        "city": "城市 都市",
        "meadow": "草地 草原 绿地",
        "sky": "天空 云上 云端",
        "living room": "客厅 屋里",
        "room": "房间",
        "road": "公路 马路 路上",
        "farm": "农场 农田",
        "village": "村庄 乡村 村子",
        "garden": "花园 院子",
        "park": "公园",
        "snow": "雪地 雪原",
        "lake": "湖边 湖畔 湖水",
        "jungle": "丛林 热带雨林",
        "moon": "月球表面 月球 月面",
        "volcano": "火山",
        "kitchen": "厨房",
        "bedroom": "卧室 睡房",
        "classroom": "教室 课堂",
        "stage": "舞台 戏台 台上",
        "cave": "山洞 洞穴 岩洞",
    }.items()
    for name in names.split()
}
PLACE_ZH = "|".join(sorted(PLACES_ZH, key=len, reverse=True))
IRREGULAR = {"mice": "mouse", "geese": "goose", "wolves": "wolf", "knives": "knife", "leaves": "leaf", "loaves": "loaf"}
IRREGULAR |= {"axes": "axe"}
IRREGULAR |= {"men": "man", "women": "woman", "people": "person", "children": "child", "feet": "foot", "teeth": "tooth"}
IRREGULAR |= {f"{word}s": word for word in ("cookie", "zombie", "movie", "pie", "tie")}
MEASURES = "[个串件份位列副匹双只台名块堆头封座张扇把支本朵束条杯枚架根桶棵滴片盆盏碗艘节辆道部面顶颗栋]"
ENDS = " ,，：（）()"


def plain(noun: str) -> str:
    """A noun without the praise before it, which no picture shows."""
    return re.sub(rf"^(?:(?:{PRAISE}) |(?:{PRAISE_ZH})的)+(?=.)", "", noun)


def single(noun: str) -> str:
    """The singular of an English plural; of several words, the last is one."""
    head, of, rest = noun.partition(" of ")
    if of:
        return f"{single(head)} of {rest}"
    *before, last = noun.split(" ")
    if last in IRREGULAR:
        return " ".join([*before, IRREGULAR[last]])
    for ending, instead in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("sses", "ss"), ("uses", "us")):
        if noun.endswith(ending) and not noun.endswith("ouses"):
            return noun.removesuffix(ending) + instead
    return noun.removesuffix("s")


def plural(noun: str) -> str:
    """The English plural of a singular without its article; of "a glass of milk", the glass is one of several."""
    head, of, rest = noun.partition(" of ")
    *before, last = head.split(" ")
    if last in ("sheep", "fish", "deer"):
        many = last
    elif last in IRREGULAR.values():
        many = next(several for several, one in IRREGULAR.items() if one == last)
    elif last.endswith(("s", "x", "ch", "sh")):
        many = f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}s"
    return " ".join([*before, many]) + of + rest
