"""How often mini's composed pictures show what a scene asks for, and what a sweep of driving scenes costs.

scenes: held-out pairs in their relation (left of, above), some on a ground of a colour or in a style: painted from
their description alone, as regions of one picture, and from drafts. The judge, which shares no weights with clip, tells
whether it sees each thing and their relation; score is how likely it holds all that was asked for.
sentences: the same scenes as said in English and in Chinese: whether the scene that is read from a sentence names
both things, as the language model then says them, and their relation; "telling" reads mini's own description instead.
found: crops of pictures in which the judge sees the thing, and the same with the other thing's name: the share that
clip finds in each.
sweep: twenty pictures, one layout under many roads and times, warm and as twenty scenes of their own; labels: the share
of boxes in which the judge sees the thing among its three best guesses.

python bench/compose.py --scenes 200 --json compose.json
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge, Trial, all_present
from flashpaint.composition.scene import Scene, Thing
from flashpaint.composition.sentence import parsed
from flashpaint.composition.wording import phrase
from flashpaint.models.folder import ModelFolder
from flashpaint.sheet import contact_sheet
from flashpaint.tasks.compose import Composed, compose_many
from flashpaint.tasks.driving import Sweep, drives, painted
from flashpaint.tasks.truth import FOUND, crop, scores

WORDS = re.compile(r"(.+?) (?:to the )?(left of|above) (.+?)(?: on an? (\w+) background)?(?:, (.+))?")


@dataclass(frozen=True)
class Bench:
    studio: Studio
    judge: Judge
    trials: Sequence[Trial]


def held_out(judge: Judge, number: int) -> list[Trial]:
    """Pairs of different descriptions, of the series that no setting was chosen on."""
    rows = [trial for family in judge.families("trace") for trial in (family.scene, *family.edits)]
    pairs = {trial.description: trial for trial in rows if trial.relation in ("left", "above")}
    return list(pairs.values())[:number]


def scene_of(trial: Trial, seed: int) -> Scene:
    """The canonical description as a scene."""
    found = WORDS.fullmatch(trial.description)
    assert found, trial.description
    one, relation, other, ground, style = found.groups()
    link = "left_of" if relation == "left of" else "above"
    things = (Thing.model_validate({"name": one, "id": "one", link: "other"}), Thing(name=other, id="other"))
    return Scene.model_validate({"background": {"colour": ground}, "things": things, "style": style, "seed": seed})


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def judged(bench: Bench, pictures: Sequence[Any], seconds: float) -> dict[str, float]:
    verdicts = bench.judge.verdicts(pictures)
    both = list(zip(bench.trials, verdicts, strict=True))
    return {
        "things": statistics.mean(thing in verdict.top(4) for trial, verdict in both for thing in trial.things),
        "both": statistics.mean(all_present(verdict, trial.things) for trial, verdict in both),
        "relation": statistics.mean(trial.met(verdict) for trial, verdict in both),
        "score": statistics.mean(trial.score(verdict) for trial, verdict in both),
        "seconds": seconds / len(pictures),
    }


def scenes(bench: Bench, sheet: Path | None) -> tuple[dict[str, Any], list[Composed]]:
    """The three ways, and what was composed from drafts."""
    asked = [scene_of(trial, 1000 * k) for k, trial in enumerate(bench.trials)]
    alone = [
        PaintRequest(t.description, seed=1000 * k, describe=False, compose=False) for k, t in enumerate(bench.trials)
    ]
    ways: dict[str, Callable[[], list[Any]]] = {
        "description": lambda: [one.picture for one in bench.studio.paint_many(alone)],
        "regions": lambda: compose_many(bench.studio, asked, drafts=False),
        "drafts": lambda: compose_many(bench.studio, asked),
    }
    figures, rows, composed = {}, list[tuple[Any, str, str]](), list[Composed]()
    for name, way in ways.items():
        made, seconds = timed(way)
        pictures = [one.painting.picture if isinstance(one, Composed) else one for one in made]
        figures[name] = judged(bench, pictures, seconds)
        composed = made
        rows += [(p, t.description, name) for p, t in list(zip(pictures, bench.trials, strict=True))[:24:3]]
    if sheet:
        contact_sheet(rows, 8).save(sheet)
    return figures, composed


def sentences(bench: Bench) -> dict[str, float]:
    figures = {}
    for language in ("en", "zh"):
        said = [getattr(trial, language) for trial in bench.trials]
        told = bench.studio.told(said)
        for name, texts in (("sentence", said), ("telling", [told[text] for text in said])):
            found = [read(bench.studio, text) for text in texts]
            right = [each == meant(bench.judge, trial) for each, trial in zip(found, bench.trials, strict=True)]
            figures[f"{name} {language}"] = statistics.mean(right)
    return figures


def read(studio: Studio, text: str) -> tuple[str, ...]:
    """(first, relation, second) of a sentence, the things in the language model's words; what is said from the other
    side is turned."""
    found = parsed(text)
    if not found or len(found["things"]) != 2:
        return ()
    things = [Thing.model_validate(thing) for thing in found["things"]]
    told = studio.told([phrase(thing) for thing in things])
    names = [told[phrase(thing)].split(" background")[0] for thing in things]
    relations = [(k, kind) for k, thing in enumerate(things) for kind, _ in thing.relations()]
    if len(relations) != 1:
        return ()
    at, kind = relations[0]
    first = at if kind in ("left_of", "above", "on") else 1 - at
    return names[first], "left" if kind in ("left_of", "right_of") else "above", names[1 - first]


def meant(judge: Judge, trial: Trial) -> tuple[str, ...]:
    found = WORDS.fullmatch(trial.description)
    assert found
    return found[1], str(trial.relation), found[3]


def found_rates(bench: Bench, composed: Sequence[Composed]) -> dict[str, float]:
    right, wrong = list[bool](), list[bool]()
    verdicts = bench.judge.verdicts([one.painting.picture for one in composed])
    for one, trial, verdict in zip(composed, bench.trials, verdicts, strict=True):
        if all_present(verdict, trial.things) and all(part.box for part in one.parts):
            swapped = [replace(a, phrase=b.phrase) for a, b in zip(one.parts, one.parts[::-1], strict=True)]
            right += [score >= FOUND for score in scores(bench.studio, one)]
            wrong += [score >= FOUND for score in scores(bench.studio, replace(one, parts=tuple(swapped)))]
    return {"found": statistics.mean(right), "found under the other's name": statistics.mean(wrong)}


def sweep(bench: Bench, sheet: Path | None) -> dict[str, Any]:
    asked = Sweep.model_validate(
        {
            "road": ["road", "city", "desert", "forest", "meadow", "beach", "snowy mountains"],
            "time": ["day", "sunset", "night"],
            "vehicles": [
                {"kind": "car", "colour": "red", "lane": 2, "distance": 7},
                {"kind": "bus", "lane": 1, "distance": 11},
            ],
        }
    )
    figures, rows = dict[str, Any](), list[tuple[Any, str, str]]()
    sought = drives(asked)[:20]
    for name, way in {
        "cold": lambda: [painted(bench.studio, [drive], warm=False)[0] for drive in sought],
        "warm": lambda: painted(bench.studio, sought),
    }.items():
        made, seconds = timed(way)
        figures[name] = {
            "seconds": seconds,
            "rows": sum(one.rows for one in made),
            "labels": agreement(bench, made),
            "place": placed(bench, made, [drive.road for drive in sought]),
        }
        rows += [(one.painting.picture, one.painting.description, name) for one in made]
    many = drives(Sweep.model_validate({"layouts": 40, "lanes": 2, "road": "road", "time": "day", "seed": 3}))
    drawn = [painted(bench.studio, [drive])[0] for drive in many]
    figures["by lot"] = {"labels": agreement(bench, drawn), "labels found": agreement(bench, drawn, found=True)}
    rows += [(one.painting.picture, one.painting.description, "by lot") for one in drawn[:20]]
    if sheet:
        contact_sheet(rows, 10).save(sheet)
    return figures


def agreement(bench: Bench, made: Sequence[Composed], found: bool = False) -> float:
    """The share of boxes (that clip finds) whose thing the judge has among three guesses at the crop."""
    names = bench.judge._facts["things"]
    pairs = [
        (one, part, score) for one in made for part, score in zip(one.parts, scores(bench.studio, one), strict=True)
    ]
    shown = [(one, part) for one, part, score in pairs if part.box and (score >= FOUND or not found)]
    verdicts = bench.judge.verdicts([crop(one.painting.picture, part) for one, part in shown])
    return statistics.mean(
        names.index(part.name) in verdict.top(3) for (_, part), verdict in zip(shown, verdicts, strict=True)
    )


def placed(bench: Bench, made: Sequence[Composed], roads: Sequence[str]) -> float:
    """The share of pictures whose place the judge reads as asked."""
    places = bench.judge._facts["place"]
    verdicts = bench.judge.verdicts([one.painting.picture for one in made])
    return statistics.mean(places[v.place].endswith(road) for v, road in zip(verdicts, roads, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=200, help="held-out scenes, at most 225")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--sheets", type=Path, help="a folder for contact sheets")
    asked = parser.parse_args()
    judge = Judge(ModelFolder.open("mini"))
    bench = Bench(Studio.open(), judge, held_out(judge, asked.scenes))
    bench.studio.paint(PaintRequest("a cat", seed=0))
    figures: dict[str, Any]
    figures, composed = scenes(bench, asked.sheets and asked.sheets / "compose.png")
    figures = {"number": len(bench.trials), "scenes": figures, "sentences": sentences(bench)}
    figures["found"] = found_rates(bench, composed)
    figures["sweep"] = sweep(bench, asked.sheets and asked.sheets / "driving.png")
    print(json.dumps(figures, indent=1, default=lambda number: round(number, 4)))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
