"""The prompts that pictures are judged on: held-out scenes, always the same ones. Knows words and scenes, no model."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import replace
from itertools import chain

from training.grammar import describe, prompts
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, Scene, sample

COUNTS = {"single": 200, "place": 180, "pair": 120}
LISTS_SHA256 = (
    "8f595fca91a7e09f48a1fcd91692ea417fbedb41b7cbb77ad230251a9b565a36"  # the lists are fixed: a test holds this
)


def held_out_prompts(kind: str, number: int, series: str = "evaluate") -> list[tuple[Scene, str, str]]:
    """(scene, English prompt, Chinese prompt), always the same ones; half of the Chinese phrasings are held out too."""
    rng = random.Random(f"{series} {kind}")
    found = []
    while len(found) < number:
        scene = sample(rng, kind, keep_held_out=True)
        if kind == "pair" and scene.relation == "and":
            continue
        found.append((scene, prompts(scene, rng, "en"), prompts(scene, rng, "zh", unseen=len(found) % 2 == 0)))
    return found


def lists_sha256() -> str:
    lists = [[(describe(s), en, zh) for s, en, zh in held_out_prompts(kind, n)] for kind, n in COUNTS.items()]
    return hashlib.sha256(json.dumps(lists, ensure_ascii=False).encode()).hexdigest()


def shipped(number: int) -> list[dict[str, object]]:
    """`number` of each kind, by turns, in the form of `flashpaint.bench.judge.Trial`."""
    rows = [[(kind, *row) for row in held_out_prompts(kind, number)] for kind in COUNTS]
    return [
        {key: row[key] for key in ("kind", "en", "zh", "things", "relation", "place")}
        for row in (told(kind, scene, en, zh) for kind, scene, en, zh in chain(*zip(*rows, strict=True)))
    ]


def told(kind: str, scene: Scene, en: str, zh: str) -> dict[str, object]:
    """What a picture of the scene must show, in numbers of the judge's classes, and its canonical description."""
    return {
        "kind": kind,
        "en": en,
        "zh": zh,
        "description": describe(scene),
        "things": [item.thing for item in scene.items],
        "relation": scene.relation,
        "place": scene.place,
        "time": scene.time if scene.place is not None else None,
        "ground": scene.ground,
        "style": scene.style,
        "weather": scene.weather if scene.place is not None else None,
    }


def families(series: str, number: int, phrasings: int = 3, edits: int = 3) -> list[dict[str, object]]:
    """`number` scenes of each kind, by turns, each said in several ways in both languages, and with small changes: what
    people ask of a memory. In the form of `flashpaint.bench.judge.Family`."""
    rng = random.Random(f"{series} families")
    found = []
    for kind in list(COUNTS) * number:
        scene = sample(rng, kind, keep_held_out=True)
        said = [(prompts(scene, rng, "en"), prompts(scene, rng, "zh", unseen=k == 0)) for k in range(phrasings)]
        changed = [edited(scene, rng) for _ in range(edits)]
        found.append(
            {
                "scene": told(kind, scene, *said[0]),
                "said": [text for pair in said for text in pair],
                "edits": [told(kind, one, prompts(one, rng, "en"), prompts(one, rng, "zh")) for one in changed],
            }
        )
    return found


def edited(scene: Scene, rng: random.Random) -> Scene:
    """The scene with one thing about it changed: the first thing, the place, the time, the background or the style."""
    changes = ["thing", "style", *(["place", "time"] if scene.place is not None else ["ground"])]
    match rng.choice(changes):
        case "thing":
            first = replace(scene.items[0], thing=rng.randrange(len(THINGS)), tint=None)
            return replace(scene, items=(first, *scene.items[1:]))
        case "place":
            return replace(scene, place=rng.randrange(len(PLACES)), time=0)
        case "time":
            return replace(scene, time=rng.randrange(len(TIMES)))
        case "ground":
            return replace(scene, ground=rng.randrange(len(COLOURS)))
        case _:
            return replace(scene, style=rng.randrange(len(STYLES)))
