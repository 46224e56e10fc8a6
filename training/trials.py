"""The prompts that pictures are judged on: held-out scenes, always the same ones. Knows words and scenes, no model."""

from __future__ import annotations

import hashlib
import json
import random
from itertools import chain

from training.grammar import describe, prompts
from training.world import Scene, sample

COUNTS = {"single": 200, "place": 180, "pair": 120}
LISTS_SHA256 = (
    "0167455678458ba6a334c4b0de62d7c406190c6011f142393a9e816ec9713a90"  # the lists are fixed: a test holds this
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
        {
            "kind": kind,
            "en": en,
            "zh": zh,
            "things": [item.thing for item in scene.items],
            "relation": scene.relation,
            "place": scene.place,
        }
        for kind, scene, en, zh in chain(*zip(*rows, strict=True))
    ]
