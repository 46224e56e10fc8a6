"""Prompts that ask for several things, on the real mini: each is painted apart, and all are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flashpaint import Painting, PaintRequest, Studio
from flashpaint.bench.judge import Judge, relation_holds
from flashpaint.clock import Clock
from flashpaint.composing import names_all
from flashpaint.composition.hues import coloured, hue, untinted
from flashpaint.composition.scene import scene_of
from flashpaint.composition.tint import TINTS
from flashpaint.composition.wording import with_article
from flashpaint.models.folder import ModelFolder
from flashpaint.painting import Finished, Preview, Progress
from flashpaint.tell.teller import Telling
from training.world import THINGS, Thing, Word
from training.world import TINTS as WORDS

PAIRS = [
    ("a cat to the left of a bus", "一只猫在一辆公交车的左边", ("cat", "bus"), "left"),
    ("a tree above a penguin", "一棵树在一只企鹅的上面", ("tree", "penguin"), "above"),
    ("on the right a car, on the left a panda", "左边是熊猫，右边是汽车", ("panda", "car"), "left"),
    ("a house to the left of a sunflower", "一座房子在一朵向日葵的左边", ("house", "sunflower"), "left"),
]


def paint(studio: Studio, prompt: str, **asked: object) -> Painting:
    return studio.paint(PaintRequest(prompt, **{"seed": 5, **asked}))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", [0, 1], ids=["en", "zh"])
def test_several_things_are_there_and_where_they_belong(studio: Studio, language: int) -> None:
    judge = Judge(ModelFolder.open("mini"))
    names = judge._facts["things"]
    made = studio.paint_many([PaintRequest(pair[language], seed=5) for pair in PAIRS])
    verdicts = judge.verdicts([painting.picture for painting in made])
    held = [
        relation_holds(verdict, [names.index(name) for name in things], relation)
        for verdict, (*_, things, relation) in zip(verdicts, PAIRS, strict=True)
    ]
    assert sum(held) >= 3
    assert all(painting.used["drafts"] == "2" for painting in made)


def test_a_description_says_the_relation_that_was_asked_for(studio: Studio) -> None:
    assert paint(studio, "猫在狗的左边").description == "a cat to the left of a dog"
    told = paint(studio, "a dog to the right of a cat on the beach").description
    assert told == "a dog to the right of a cat on the beach"
    assert paint(studio, "a horse and a cow and a sheep in a meadow").description.endswith("a sheep in the meadow")


@pytest.mark.parametrize("prompt", ["a cat in space", "一只猫", "a car on the road, cartoon"])
def test_one_thing_is_painted_as_it_was(studio: Studio, prompt: str) -> None:
    one, plain = paint(studio, prompt), paint(studio, prompt, compose=False)
    assert "drafts" not in one.used
    assert one.picture.tobytes() == plain.picture.tobytes()


def test_so_many_of_one_thing_are_as_many_drafts(studio: Studio) -> None:
    painting = paint(studio, "three balloons")
    assert painting.used["drafts"] == "3"
    assert painting.description == "three balloons"


@pytest.mark.parametrize("size", [(512, 256), (256, 384)])
def test_one_thing_on_a_large_canvas_is_there_once(studio: Studio, size: tuple[int, int]) -> None:
    judge = Judge(ModelFolder.open("mini"))
    names = judge._facts["things"]
    asked = [
        ("a house on the beach", "house"),
        ("一只熊猫在森林里", "panda"),
        ("a pumpkin", "pumpkin"),
        ("a bus", "bus"),
    ]
    made = studio.paint_many([PaintRequest(text, seed=5, width=size[0], height=size[1]) for text, _ in asked])
    assert all((one.picture.size, one.used["drafts"]) == (size, "1") for one in made)
    side, (width, height) = min(size), size
    middle = ((width - side) // 2, height - side, (width + side) // 2, height)
    beside = [(0, 96, 160, 256), (352, 96, 512, 256)] if width > height else [(48, 0, 208, 160)]
    seen = judge.verdicts([one.picture.crop(middle) for one in made])
    assert sum(names.index(name) in one.top(3) for one, (_, name) in zip(seen, asked, strict=True)) >= 3
    for box in beside:
        verdicts = judge.verdicts([one.picture.crop(box) for one in made])
        assert [one.things[names.index(name)] < 0.5 for one, (_, name) in zip(verdicts, asked, strict=True)] == 4 * [
            True
        ]


def test_a_large_collage_is_seen_in_its_size_and_told_step_by_step(studio: Studio) -> None:
    events = list(studio.stream(PaintRequest("a cat in the forest", seed=5, width=256, height=384)))
    shown = [event.picture.size for event in events if isinstance(event, Preview)]
    drafted = [event for event in events if isinstance(event, Progress) and event.stage == "draft"]
    assert set(shown) == {(256, 384)}
    assert (drafted[-1].step, drafted[-1].steps) == (len(drafted), len(drafted))


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("a globe and a cat on the ocean", "sea"),
        ("a green tractor on a highway", "road"),
        ("a red hat in the sky 3d", "sky"),
    ],
)
def test_a_place_that_is_not_told_well_alone_is_painted_as_it_is_told_with_what_is_there(
    studio: Studio, prompt: str, place: str
) -> None:
    job = studio._job(PaintRequest(prompt, seed=5))
    studio._describe([job], studio.seen([prompt]), Clock())
    assert job.plan is not None
    assert job.plan.ground == place


def test_styles_are_of_things_and_an_empty_place_is_painted_in_none(studio: Studio) -> None:
    jobs = [studio._job(PaintRequest("a cat and a bus in the meadow, sticker", seed=5))]
    studio._describe(jobs, studio.seen(["a cat and a bus in the meadow, sticker"]), Clock())
    assert jobs[0].plan is not None
    assert jobs[0].plan.ground == "meadow"
    assert jobs[0].telling.description.endswith("meadow, sticker")


def test_a_word_that_clip_does_not_know_again_in_its_telling_is_no_thing(studio: Studio) -> None:
    asked = ["a rabbit", "highly detailed", "a kitten"]
    told = {"a rabbit": "a rabbit", "highly detailed": "a city", "a kitten": "a cat"}
    assert studio.composing.agreed(asked, told) == {"a rabbit", "a kitten"}


def test_who_lays_the_picture_out_or_asks_for_none_gets_no_drafts(studio: Studio) -> None:
    for asked in ({"compose": False}, {"sigmas": (1.0, 0.7, 0.4, 0.2, 0.0)}, {"canvas": "tile"}):
        assert "drafts" not in paint(studio, "a cat and a dog", **asked).used


def test_alone_or_in_company_it_is_the_same_picture(studio: Studio) -> None:
    alone = paint(studio, "a cat and a bus").picture
    together = studio.paint_many([PaintRequest(p, seed=5) for p in ("a tree and a house", "a cat and a bus", "a cat")])
    assert np.abs(np.asarray(alone, int) - np.asarray(together[1].picture, int)).mean() < 1


def test_the_drafts_are_told_step_by_step_and_can_be_called_off(studio: Studio) -> None:
    events = studio.stream(PaintRequest("a cat and a bus", seed=5))
    drafted = next(event for event in events if isinstance(event, Progress) and event.stage == "draft")
    assert (drafted.step, drafted.steps) == (1, 2 * studio.painter.spec.steps)
    events.close()
    assert isinstance(list(studio.stream(PaintRequest("a cat", seed=5)))[-1], Finished)


def test_remembered_it_is_not_composed_again(tmp_path: Path) -> None:
    studio = Studio.open(memory=tmp_path / "memory")
    first = paint(studio, "a cat to the left of a bus", reuse="auto")
    again = paint(studio, "一只猫在一辆公交车的左边", seed=6, reuse="auto")
    assert (first.used.get("drafts"), again.used.get("drafts")) == ("2", None)
    assert again.reuse.neighbour == first.reuse.remembered
    assert again.description == first.description
    kindred = paint(studio, "a dog to the left of a bus", seed=6, reuse="auto")
    assert (kindred.reuse.kind, kindred.used.get("drafts")) == ("none", "2"), (
        "a neighbour of another layout is no start"
    )
    assert studio.memory is not None
    studio.memory.calibration = studio.memory.calibration.model_copy(update={"floor": 1.1})
    refused = paint(studio, "a cat to the left of a bus", seed=7, reuse="auto")
    assert (refused.reuse.kind, refused.used.get("drafts")) == ("refused", "2")
    assert (
        refused.picture.tobytes() == paint(studio, "a cat to the left of a bus", seed=7, reuse="off").picture.tobytes()
    )
    studio.close()


def test_what_was_told_beside_the_one_thing_that_was_asked_for_is_taken_back(studio: Studio) -> None:
    studio_teller, studio.teller = studio.teller, Doubling(studio.teller)
    try:
        painting = paint(studio, "a guitar in space")
    finally:
        studio.teller = studio_teller
    assert painting.description == "a guitar in space"
    assert "drafts" not in painting.used


class Doubling:
    """A teller that adds a thing to whole scenes, as language models do."""

    def __init__(self, teller: object) -> None:
        self.teller = teller
        self.name, self.concepts = teller.name, teller.concepts  # type: ignore[attr-defined]

    def tell(self, prompts: list[str], sights: list[object]) -> list[Telling]:
        told = self.teller.tell(prompts, sights)  # type: ignore[attr-defined]
        return [
            replace(telling, description=f"a drum and {telling.description}") if " in " in prompt else telling
            for prompt, telling in zip(prompts, told, strict=True)
        ]


def test_a_colour_that_was_asked_for_is_the_one_that_is_seen(studio: Studio) -> None:
    for prompt, (red, green, blue) in {"a blue car": (0, 0, 1), "a green apple": (0, 1, 0)}.items():
        painting = paint(studio, prompt)
        assert painting.used["drafts"] == "1"
        middle = np.asarray(painting.picture.resize((32, 32)), float)[10:22, 10:22].mean((0, 1))
        assert np.argmax(middle) == np.argmax((red, green, blue)), prompt


class Losing(Doubling):
    """A teller that tells no colour, or puts it on the ground."""

    def tell(self, prompts: list[str], sights: list[object]) -> list[Telling]:
        told = self.teller.tell(prompts, sights)  # type: ignore[attr-defined]
        return [replace(telling, description=lost(telling.description)) for telling in told]


def lost(text: str) -> str:
    for colour in TINTS:
        if text != (plain := untinted(text, colour)):
            return plain if " in " in plain else f"{plain} on a {colour} background"
    return text


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a green apple", "a green apple"),
        ("一辆蓝色的卡车", "a blue truck"),
        ("a purple house in the forest", "a purple house in the forest"),
        ("a red fish and a cat", "a red fish and a cat"),
        ("三个粉色的气球", "three pink balloons"),
        ("a big yellow star in space, cartoon", "a yellow star in space, cartoon"),
        ("绿色的小鱼", "a green fish"),
    ],
)
def test_a_colour_that_the_language_model_loses_is_painted(studio: Studio, prompt: str, said: str) -> None:
    studio_teller, studio.teller = studio.teller, Losing(studio.teller)
    try:
        painting = paint(studio, prompt, steps=1)
    finally:
        studio.teller = studio_teller
    assert painting.description == said
    assert "drafts" in painting.used


def test_every_thing_of_a_colour_is_planned_in_each_in_both_languages(studio: Studio) -> None:
    names = Judge(ModelFolder.open("mini"))._facts["things"]
    things = [thing for thing in THINGS if thing.tint and thing.en[0] in names]
    asked = [(text, word.en[0]) for thing in things for word in WORDS for text in said_of(thing, word)]
    jobs = [studio._job(PaintRequest(text, seed=5)) for text, _ in asked]
    studio._describe(jobs, studio.seen([text for text, _ in asked]), Clock())
    planned = [[hue(thing) for thing in job.plan.scene.things] if job.plan else [] for job in jobs]
    assert [text for (text, colour), found in zip(asked, planned, strict=True) if found != [colour]] == []


def said_of(thing: Thing, word: Word) -> tuple[str, str]:
    return coloured(with_article(thing.en[0]), word.en[0]), f"一{thing.measure}{word.zh[0]}的{thing.zh[0]}"


def test_a_remembered_description_is_painted_in_its_colour(tmp_path: Path) -> None:
    studio = Studio.open(memory=tmp_path / "memory")
    paint(studio, "a cat", reuse="auto", steps=1)
    first = paint(studio, "a blue car", reuse="auto", steps=1)
    assert studio.memory is not None
    studio.memory.calibration = studio.memory.calibration.model_copy(update={"floor": 1.1})
    again = paint(studio, "a blue car", seed=6, reuse="auto", steps=1)
    assert (first.used.get("drafts"), again.used.get("drafts")) == ("1", "1"), "the guard refuses all starts"
    assert again.reuse.told
    studio.close()


def test_all_steps_that_were_painted_are_counted(studio: Studio) -> None:
    assert paint(studio, "a cat", steps=4).painted_steps == 4
    assert paint(studio, "a cat and a bus", steps=4).painted_steps >= 2 * 4 + 1
    assert paint(studio, "a cat and a bus on the beach", steps=4).painted_steps >= 3 * 4 + 1


def test_requests_of_other_steps_are_composed_together(studio: Studio) -> None:
    asked = [PaintRequest("a cat and a bus", seed=5, steps=steps) for steps in (2, 4)]
    together = studio.paint_many(asked)
    assert [painting.painted_steps for painting in together] == [2 * 2 + 1, 2 * 4 + 1]


def test_the_collage_is_seen_as_it_grows(studio: Studio) -> None:
    events = list(studio.stream(PaintRequest("a cat and a bus", seed=5)))
    shown = [event for event in events if isinstance(event, Preview)]
    steps = studio.painter.spec.steps
    assert [(preview.step, preview.steps) for preview in shown[:steps]] == [(k + 1, steps + 1) for k in range(steps)]
    last = events[-1]
    assert isinstance(last, Finished)
    apart = np.abs(np.asarray(shown[steps - 1].picture, float) - np.asarray(last.painting.picture, float)).mean()
    assert apart < 25, "what was shown last is nearly the picture"


def test_a_prompt_is_described_alike_alone_and_beside_others_of_its_things(studio: Studio) -> None:
    prompts = ["a cat and a bus", "a cat in outer space"]
    together = studio.paint_many([PaintRequest(prompt, seed=5, steps=1) for prompt in prompts])
    assert [painting.description for painting in together] == [paint(studio, p, steps=1).description for p in prompts]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("沙滩", "beach"),
        ("草原", "meadow"),
        ("夜晚的树林", "forest at night"),
        ("海底世界", "underwater"),
        ("a beach at night", "beach at night"),
    ],
)
def test_a_place_alone_is_no_thing(studio: Studio, prompt: str, said: str) -> None:
    assert paint(studio, prompt, steps=1).description == said


def test_who_asks_for_a_place_alone_on_a_large_canvas_is_warned_of_no_thing(studio: Studio) -> None:
    assert paint(studio, "沙滩", steps=1, width=512).notes == ()
    assert "several times" in "".join(paint(studio, "a cat in space", steps=1, width=512, compose=False).notes)


@pytest.mark.parametrize(
    ("prompt", "things", "named"),
    [
        ("a cat in a box", ("cat", "box"), True),
        ("a Cat with a top hat", ("cat", "top hat"), True),
        ("a teddy bear", ("teddy bear", "bear"), False),
        ("a kitty in a box", ("cat", "box"), False),
        ("a cat", ("cat",), False),
    ],
)
def test_what_was_told_beside_one_thing_counts_where_the_prompt_names_it(
    prompt: str, things: tuple[str, ...], named: bool
) -> None:
    scene = scene_of({"background": {}, "things": [{"name": name} for name in things]})
    assert names_all(prompt, scene) is named
