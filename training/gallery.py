"""gallery: what mini paints, to look at: 64 prompts in each language under one seed each, and held-out prompts that it
fails, spread evenly over all failures. Writes docs/gallery.webp, gallery-zh.webp and failures.webp.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from flashpaint import Painting, PaintRequest, Studio
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
    ("a unicorn in a meadow", "草地上的一只独角兽"),
    ("a penguin on a blue background", "一只企鹅，蓝色背景"),
    ("a dinosaur in the forest", "森林里的一只恐龙"),
    ("a sailboat on the sea at sunset", "日落时海上的一艘帆船"),
    ("a fox", "一只狐狸"),
    ("a tiger", "一只老虎"),
    ("an elephant", "一头大象"),
    ("a pizza", "一块披萨"),
    ("a hamburger, 3d render", "一个汉堡，三维渲染"),
    ("an apple", "一个苹果"),
    ("a strawberry on a white background", "一颗草莓，白色背景"),
    ("a guitar", "一把吉他"),
    ("a cat to the left of a dog", "一只猫在一只狗的左边"),
    ("a tree above a house", "一棵树在一座房子的上面"),
    ("a rabbit and a carrot", "一只兔子和一根胡萝卜"),
    ("a flying saucer above a cow", "一个飞碟在一头牛的上面"),
    ("two balloons", "两个气球"),
    ("three stars", "三颗星星"),
    ("two penguins", "两只企鹅"),
    ("a blue car", "一辆蓝色的汽车"),
    ("a green apple", "一个绿色的苹果"),
    ("a purple heart", "一颗紫色的爱心"),
    ("a yellow umbrella", "一把黄色的雨伞"),
    ("a ghost in the forest at night", "夜晚森林里的一个幽灵"),
    ("a snowman in the snowy mountains", "雪山里的一个雪人"),
    ("a camel in the desert", "沙漠里的一头骆驼"),
    ("an octopus underwater", "海底的一只章鱼"),
    ("a shark under the sea", "海底的一条鲨鱼"),
    ("a whale on the sea", "海上的一头鲸鱼"),
    ("a train in a meadow", "草地上的一列火车"),
    ("a helicopter in the sky at sunset", "日落时天空中的一架直升机"),
    ("a bus in the city at night", "夜晚城市里的一辆公交车"),
    ("a truck on a highway", "公路上的一辆卡车"),
    ("a tractor in a green field", "草地上的一辆拖拉机"),
    ("a crown", "一顶皇冠"),
    ("a diamond", "一颗钻石"),
    ("a trophy on a red background", "一个奖杯，红色背景"),
    ("an alarm clock", "一个闹钟"),
    ("a camera", "一台相机"),
    ("a teddy bear in a living room", "客厅里的一只泰迪熊"),
    ("a chair in a room", "客厅里的一把椅子"),
    ("a christmas tree in a living room", "客厅里的一棵圣诞树"),
    ("a pumpkin at night in the forest", "夜晚森林里的一个南瓜"),
    ("a dragon in the sky", "天空中的一条龙"),
    ("an owl in the forest at night", "夜晚森林里的一只猫头鹰"),
    ("a butterfly in a meadow", "草地上的一只蝴蝶"),
    ("a ladybug", "一只瓢虫"),
    ("a snail on the grass", "草地上的一只蜗牛"),
    ("a sunflower in a meadow", "草地上的一朵向日葵"),
    ("a cactus in the desert", "沙漠里的一棵仙人掌"),
    ("a cake in a living room, cartoon", "客厅里的一个蛋糕，卡通"),
    ("a donut, 3d render", "一个甜甜圈，三维渲染"),
    ("a monkey, cartoon", "一只猴子，卡通"),
    ("a frog, sticker", "一只青蛙，贴纸"),
    ("space", "太空"),
    ("beach at sunset", "日落时的沙滩"),
]


def sheet(pictures: list[Image.Image], captions: list[str], path: Path) -> None:
    """Eight a row, as one WebP."""
    small = [picture.resize((160, 160), Image.Resampling.LANCZOS) for picture in pictures]
    drawn = path.with_suffix(".png")
    contact_sheet([captioned(p, text) for p, text in zip(small, captions, strict=True)], 8, drawn)
    Image.open(drawn).save(path, quality=88, method=6)
    drawn.unlink()


def painted(studio: Studio, texts: list[str]) -> list[Painting]:
    return studio.paint_many([PaintRequest(text, seed=k) for k, text in enumerate(texts)])


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
    pictures, texts = failures(stage, studio)
    if pictures:
        sheet(pictures, texts, target / "failures.webp")


if __name__ == "__main__":
    main()
