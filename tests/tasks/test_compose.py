"""Composing on the real mini, on tiny painters of the field, and scenes that sentences ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge
from flashpaint.composition.matte import cut_out
from flashpaint.composition.scene import Scene, read_scene
from flashpaint.composition.sentence import parsed
from flashpaint.composition.wording import sentence
from flashpaint.errors import OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.tasks.compose import Drawer, as_request, compose, compose_many
from flashpaint.tasks.sentence import scene_from

PAIRS = (("cat", "car"), ("bus", "tree"), ("panda", "house"), ("sunflower", "penguin"), ("apple", "robot"))


def pair(one: str, other: str) -> Scene:
    return read_scene(
        f"seed: 5\nbackground: {{place: beach}}\nthings: [{{name: {one}, left_of: {other}}}, {{name: {other}}}]"
    )


def test_things_are_present_and_where_they_belong(studio: Studio) -> None:
    judge = Judge(ModelFolder.open("mini"))
    names = judge._facts["things"]
    made = compose_many(studio, [pair(*each) for each in PAIRS])
    held = 0
    for (one, other), verdict in zip(PAIRS, judge.verdicts([c.painting.picture for c in made]), strict=True):
        x = verdict.where[[names.index(one), names.index(other)], 0]
        held += {names.index(one), names.index(other)} <= set(verdict.top(4)) and x[1] - x[0] > 1 / 8
    assert held >= 4


def test_one_scene_is_one_picture_alone_or_in_company(studio: Studio) -> None:
    alone = compose(studio, pair(*PAIRS[0]))
    shared = compose_many(studio, [pair(*PAIRS[1]), pair(*PAIRS[0])])[1]
    a, b = (np.asarray(one.painting.picture, int) for one in (alone, shared))
    assert np.abs(a - b).mean() < 1
    assert [part.box for part in alone.parts] == [part.box for part in shared.parts]


@pytest.mark.parametrize("drafts", [True, False])
def test_a_scene_as_one_request_is_the_same_picture(studio: Studio, drafts: bool) -> None:
    scene = pair(*PAIRS[0])
    request, composed = as_request(studio, scene, drafts), compose(studio, scene, drafts)
    assert studio.paint(request).picture.tobytes() == composed.painting.picture.tobytes()


def test_what_scenes_share_is_painted_once(studio: Studio) -> None:
    night = pair(*PAIRS[0])
    day = night.model_copy(update={"background": night.background.model_copy(update={"time": "night"})})
    first, second = compose_many(studio, [night, day])
    assert second.rows == 1, "only the last step is its own"
    assert first.rows < 2 * compose(studio, night).rows
    assert [part.box for part in first.parts] == [part.box for part in second.parts]


def test_regions_take_less_and_show_the_asked_boxes(studio: Studio) -> None:
    scene = pair(*PAIRS[0])
    regions, drafts = compose(studio, scene, drafts=False), compose(studio, scene)
    assert regions.rows < drafts.rows
    for part in regions.parts:
        assert part.box == tuple(round(256 * side) for side in part.asked)


def test_another_language_names_the_same_things(studio: Studio) -> None:
    scene = read_scene(
        "background: {place: 海滩}\nthings: [{name: 猫, left_of: 汽车}, {name: 汽车, colour: 红色}]\nseed: 1"
    )
    assert [part.phrase for part in compose(studio, scene).parts] == ["a cat", "a red car"]


@pytest.mark.parametrize("ground", ["gray", "white", "purple"])
def test_a_thing_is_cut_off_its_ground_with_its_holes_filled(ground: str) -> None:
    picture = Image.new("RGB", (64, 64), ground)
    ImageDraw.Draw(picture).ellipse((16, 20, 48, 52), fill="red", outline="red")
    ImageDraw.Draw(picture).ellipse((28, 32, 36, 40), fill=ground)
    cut = cut_out(picture)
    assert cut.picture.size == (33, 33)
    assert cut.covered == pytest.approx(np.pi * 16.5**2 / 64**2, rel=0.05)
    assert cut.likely


def test_a_picture_of_ground_alone_is_told(studio: Studio) -> None:
    assert not cut_out(Image.new("RGB", (64, 64), "gray")).likely


@pytest.mark.parametrize("family", ["sd", "flux"])
@pytest.mark.parametrize("drafts", [True, False])
def test_tiny_painters_of_the_field_compose(studio: Studio, family: str, drafts: bool) -> None:
    pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")
    from flashpaint.paint.diffusers.flux import Flux
    from flashpaint.paint.diffusers.sd import StableDiffusion
    from flashpaint.paint.loop_painter import LoopPainter
    from tests.paint.diffusers import tiny

    denoiser: Any = (
        StableDiffusion(tiny.sd(), "sd", "tiny") if family == "sd" else Flux(tiny.flux(dev=True), "flux", "tiny")
    )
    painter = LoopPainter(denoiser)
    other = Studio(studio.seer, studio.teller, painter)
    made = compose(other, pair(*PAIRS[0]), drafts, steps=2)
    assert made.painting.picture.size == (painter.spec.side, painter.spec.side)
    assert len(made.parts) == 2
    painter.close()


def test_a_painter_of_words_alone_composes_no_drafts(studio: Studio) -> None:
    class Whole:
        spec, engine = studio.painter.spec, "none"

    with pytest.raises(OutOfRange, match="words alone"):
        compose(Studio(studio.seer, studio.teller, Whole()), pair(*PAIRS[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "things", "background"),
    [
        (
            "two cats left of a red car at night",
            [{"name": "cat", "count": 2, "left_of": ["car"]}, {"name": "car", "colour": "red"}],
            {"time": "night"},
        ),
        ("左边一只猫，右边一辆红色的车", [{"name": "猫", "left_of": ["车"]}, {"name": "车", "colour": "红色"}], {}),
        (
            "红色的汽车左边的两只猫",
            [{"name": "猫", "count": 2, "left_of": ["汽车"]}, {"name": "汽车", "colour": "红色"}],
            {},
        ),
        (
            "a cat on a chair in the living room",
            [{"name": "cat", "on": ["chair"]}, {"name": "chair"}],
            {"place": "living room"},
        ),
        (
            "on the right a heart, on the left an alarm clock",
            [{"name": "heart", "right_of": ["alarm clock"]}, {"name": "alarm clock"}],
            {},
        ),
        (
            "a train above a drum on a purple background",
            [{"name": "train", "above": ["drum"]}, {"name": "drum"}],
            {"colour": "purple"},
        ),
        ("a lion to the right of an orange", [{"name": "lion", "right_of": ["orange"]}, {"name": "orange"}], {}),
        (
            "一只老虎在一条龙左边，紫色的背景上",
            [{"name": "老虎", "left_of": ["龙"]}, {"name": "龙"}],
            {"colour": "purple"},
        ),
        ("a dog and a tree against grey", [{"name": "dog"}, {"name": "tree"}], {"colour": "gray"}),
        ("a cat next to a cat", [{"name": "cat"}, {"name": "cat", "id": "cat 2"}], {}),
    ],
)
def test_a_sentence_is_a_scene(text: str, things: Any, background: Any) -> None:
    assert parsed(text) == {"background": background, "things": things}


def test_mini_reads_a_sentence_or_refuses_it(studio: Studio) -> None:
    scene = scene_from(studio, "a dog and three cows in a meadow, cartoon", seed=4)
    assert [(thing.name, thing.count) for thing in scene.things] == [("dog", 1), ("cow", 3)]
    assert (scene.background.place, scene.style, scene.seed) == ("meadow", "cartoon", 4)
    assert sentence(scene) == "a dog and a cow, meadow, cartoon"
    with pytest.raises(OutOfRange):
        scene_from(studio, "a cat left of " * 40)


class Writing:
    """A language model that answers in the form asked for, with words around it."""

    name, concepts = "writing", 0

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, ""

    def tell(self, prompts: Any, sights: Any) -> Any:
        raise AssertionError("not asked")

    def write(self, messages: list[dict[str, str]], tokens: int) -> str:
        self.asked = "".join(message["content"] for message in messages)
        return f"Here it is: {self.answer} Enjoy!"


def test_a_language_model_that_can_writes_the_scene_itself(studio: Studio) -> None:
    teller = Writing(json.dumps({"things": [{"name": "cat", "left_of": "car"}, {"name": "car"}]}))
    scene = scene_from(Studio(studio.seer, teller, studio.painter), "a cat beside a car")
    assert scene.things[0].left_of == ("car",)
    assert '"in_front_of"' in teller.asked, "it was shown the schema"


def test_where_it_writes_no_scene_the_words_themselves_tell(studio: Studio) -> None:
    scene = scene_from(Studio(studio.seer, Writing("no"), studio.painter), "a cat left of a car")
    assert scene.things[0].left_of == ("car",)


def test_the_example_of_the_docs_is_a_scene() -> None:
    text = (Path(__file__).parents[2] / "docs" / "compose.md").read_text("utf-8")
    assert len(read_scene(text.split("```yaml\n")[1].split("```")[0]).things) == 3


@pytest.mark.parametrize("words", ["a beach and a volcano", "meadow, rain"])
def test_drafts_and_backgrounds_are_painted_at_once_whatever_their_words(studio: Studio, words: str) -> None:
    """A draft that tells of several things, or of a colour, is no scene in a scene."""
    drawer = Drawer(studio, {})
    drawer.draw([(words, 3), ("a blue bird on a gray background", 4)])
    at_once = studio.paint_many(
        [
            PaintRequest(text, seed=seed, describe=False, compose=False)
            for text, seed in ((words, 3), ("a blue bird on a gray background", 4))
        ]
    )
    assert [picture.tobytes() for picture in drawer.pictures.values()] == [p.picture.tobytes() for p in at_once]
