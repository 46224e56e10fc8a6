"""gallery: what mini paints, to look at: 64 prompts in each language under one seed each, and held-out prompts that it
fails, spread evenly over all failures; and what the README shows. Writes docs/gallery.webp, gallery-zh.webp,
failures.webp, things.webp and cat.png.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from flashpaint import Painting, PaintRequest, Studio, marks
from training.evaluate import RIGHT, judged, painter_of
from training.export import MINI
from training.judge import open_judge
from training.run import Stage, contact_sheet
from training.scenes import captioned
from training.trials import COUNTS, held_out_prompts

DOCS = Path(__file__).parent.parent / "docs"
FAILED = 32  # pictures that are shown of those that fail
PROMPTS = [
    ("a cat in space", "太空中的一只猫"),
    ("a dog on the beach", "沙滩上的一只狗"),
    ("a panda in the forest", "森林里的一只熊猫"),
    ("a red car on the road", "路上一辆红色的汽车"),
    ("a rocket in the sky", "天空中的一枚火箭"),
    ("a castle in the snowy mountains at night", "夜晚雪山里的一座城堡"),
    ("a fish under the sea", "海底的一条鱼"),
    ("a robot in the city", "城市里的一个机器人"),
    ("an astronaut on the moon", "月球上的一名宇航员"),
    ("a chef in the kitchen", "厨房里的一名厨师"),
    ("a wizard in the cave", "山洞里的一名巫师"),
    ("a farmer on the farm", "农场里的一名农民"),
    ("a princess in the garden", "花园里的一位公主"),
    ("santa claus in the snow", "雪地里的圣诞老人"),
    ("a dancer on the stage", "舞台上的一位舞者"),
    ("a zebra in a meadow", "草地上的一匹斑马"),
    ("a bear in the forest in falling snow", "下雪天森林里的一只熊"),
    ("a taxi in the city in the rain", "下雨天城市里的一辆出租车"),
    ("a ship on the sea in the fog", "大雾天海上的一艘船"),
    ("a tent by the lake at night", "夜晚湖边的一顶帐篷"),
    ("a parrot in the jungle", "丛林里的一只鹦鹉"),
    ("a t-rex in front of a volcano", "火山前的一只霸王龙"),
    ("a boy in the classroom", "教室里的一个男孩"),
    ("a bed in the bedroom", "卧室里的一张床"),
    ("a girl in the park", "公园里的一个女孩"),
    ("a church in the village", "村庄里的一座教堂"),
    ("a sailboat on the sea at sunset", "日落时海上的一艘帆船"),
    ("a ghost in the forest at night", "夜晚森林里的一个幽灵"),
    ("a fox", "一只狐狸"),
    ("a wolf", "一只狼"),
    ("an elephant", "一头大象"),
    ("a pizza", "一块披萨"),
    ("a flamingo", "一只火烈鸟"),
    ("a lobster", "一只龙虾"),
    ("a bowl of noodles", "一碗面条"),
    ("a violin", "一把小提琴"),
    ("a motorcycle", "一辆摩托车"),
    ("a sword", "一把剑"),
    ("a pair of glasses", "一副眼镜"),
    ("a dress", "一条裙子"),
    ("a hamburger, 3d render", "一个汉堡，三维渲染"),
    ("a donut, 3d render", "一个甜甜圈，三维渲染"),
    ("a superhero, cartoon", "一个超级英雄，卡通"),
    ("a frog, sticker", "一只青蛙，贴纸"),
    ("a penguin in the snow, pixel art", "雪地里的一只企鹅，像素画"),
    ("a house in a meadow, watercolour", "草地上的一座房子，水彩画"),
    ("a cat, pencil sketch", "一只猫，素描"),
    ("a guitar, neon", "一把吉他，霓虹"),
    ("a race car, blueprint", "一辆赛车，蓝图"),
    ("an apple on a white background", "一个苹果，白色背景"),
    ("a penguin on a blue background", "一只企鹅，蓝色背景"),
    ("a trophy on a red background", "一个奖杯，红色背景"),
    ("a cat to the left of a dog", "一只猫在一只狗的左边"),
    ("a monkey on an elephant", "一只猴子在一头大象上面"),
    ("a rabbit inside a basket", "篮子里的一只兔子"),
    ("a robot holding an umbrella", "一个机器人拿着一把雨伞"),
    ("a flying saucer above a cow", "一个飞碟在一头牛的上方"),
    ("a fire truck and a firefighter", "一辆消防车和一名消防员"),
    ("two penguins", "两只企鹅"),
    ("three stars", "三颗星星"),
    ("a blue car", "一辆蓝色的汽车"),
    ("a purple heart", "一颗紫色的爱心"),
    ("space", "太空"),
    ("beach at sunset", "日落时的沙滩"),
]

CAT = ("太空中的一只猫", 9)  # as `make demo` paints it
THINGS = [
    ("a robot to the right of a rocket in space", 13),
    ("a monkey on an elephant in the jungle", 3),
    ("a rabbit inside a basket", 17),
    ("a blue car to the left of a bus in the city", 10),
    ("a pumpkin and a ghost in the forest at night", 21),
]
GAP = 8  # pixels


def sheet(pictures: list[Image.Image], captions: list[str], path: Path) -> None:
    """Eight a row, as one WebP."""
    small = [picture.resize((160, 160), Image.Resampling.LANCZOS) for picture in pictures]
    drawn = path.with_suffix(".png")
    contact_sheet([captioned(p, text) for p, text in zip(small, captions, strict=True)], 8, drawn)
    Image.open(drawn).save(path, quality=88, method=6)
    drawn.unlink()


def painted(studio: Studio, texts: list[str]) -> list[Painting]:
    return studio.paint_many([PaintRequest(text, seed=k) for k, text in enumerate(texts)])


def shown_first(studio: Studio, folder: Path) -> None:
    """The README's first picture, and its row of several things."""
    prompt, seed = CAT
    marks.save(studio.paint(PaintRequest(prompt, seed=seed)), folder / "cat.png", overwrite=True)
    pictures = [studio.paint(PaintRequest(text, seed=seed)).picture for text, seed in THINGS]
    side = pictures[0].width
    row = Image.new("RGB", (len(pictures) * (side + GAP) - GAP, side), "white")
    for k, picture in enumerate(pictures):
        row.paste(picture, (k * (side + GAP), 0))
    row.save(folder / "things.webp", quality=88, method=6)


def failures(stage: Stage, studio: Studio) -> tuple[list[Image.Image], list[str]]:
    judge, found = open_judge(stage), list[tuple[Image.Image, str]]()
    for kind, number in COUNTS.items():
        rows = held_out_prompts(kind, 8 if stage.small else number)
        pictures = painter_of(studio)([en for _, en, _ in rows])
        for (scene, prompt, _), picture, verdict in zip(rows, pictures, judged(judge, pictures), strict=True):
            if not RIGHT[kind](verdict, scene):
                found.append((picture, prompt))
    stage.log(f"{len(found)} of {sum(COUNTS.values())} held-out prompts fail")
    shown = [found[round(k * (len(found) - 1) / (FAILED - 1))] for k in range(min(FAILED, len(found)))]
    return [picture for picture, _ in shown], [prompt for _, prompt in shown]


def main() -> None:
    stage = Stage.from_arguments("gallery", __doc__, minutes=5)
    studio = Studio.open(stage.of("export") / "mini" if stage.small else MINI, stage.threads)
    target = stage.folder if stage.small else DOCS
    prompts = PROMPTS[: 8 if stage.small else None]
    english = [en for en, _ in prompts]
    sheet([p.picture for p in painted(studio, english)], english, target / "gallery.webp")
    chinese = painted(studio, [zh for _, zh in prompts])
    # the font of captions has no Chinese: what the language model made of each prompt
    sheet([p.picture for p in chinese], [p.description for p in chinese], target / "gallery-zh.webp")
    shown_first(studio, target)
    pictures, texts = failures(stage, studio)
    if pictures:
        sheet(pictures, texts, target / "failures.webp")


if __name__ == "__main__":
    main()
