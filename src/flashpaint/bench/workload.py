"""What people ask of a service, by a seed: popular scenes in many words and two languages, small changes of the last,
prompts that grow while they are typed, and scenes that nobody asked for before. Or a log of one's own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flashpaint.bench.judge import Family, Trial
from flashpaint.errors import OutOfRange
from flashpaint.request import clean_prompt

# shares of the requests: of popular scenes, of changes of the last, of sessions of typing, of fresh scenes
MIX = {"popular": 0.6, "edit": 0.15, "typed": 0.1, "fresh": 0.15}
ZIPF = 1.0  # the popularity of the k-th scene is 1 / k to this power
FRESH = 3  # every third family is kept for scenes that come once


@dataclass(frozen=True)
class Ask:
    """A prompt, and what its picture must show, None where that is not known; kind: of MIX."""

    prompt: str
    wanted: Trial | None
    kind: str


def workload(families: Sequence[Family], number: int, seed: int = 0) -> list[Ask]:
    rng = random.Random(seed)
    popular = [family for k, family in enumerate(families) if k % FRESH]
    rng.shuffle(popular)
    fresh = iter([family for k, family in enumerate(families) if not k % FRESH])
    weights = [1 / (k + 1) ** ZIPF for k in range(len(popular))]
    asked, last = list[Ask](), popular[0]
    while len(asked) < number:
        kind = rng.choices(list(MIX), list(MIX.values()))[0]
        if kind == "popular":
            last = rng.choices(popular, weights)[0]
            asked.append(Ask(rng.choice(last.said), last.scene, kind))
        elif kind == "edit":
            edit = rng.choice(last.edits)
            asked.append(Ask(rng.choice([edit.en, edit.zh]), edit, kind))
        elif kind == "typed":
            asked += typed(rng.choice(popular), rng)
        elif (family := next(fresh, None)) is not None:
            asked.append(Ask(rng.choice(family.said), family.scene, kind))
    return asked[:number]


def typed(family: Family, rng: random.Random) -> list[Ask]:
    """The last three states of a prompt that is being typed; only the whole one says what is wanted."""
    words = family.scene.en.split()
    cuts = sorted(rng.sample(range(1, len(words)), min(2, len(words) - 1)))
    return [*(Ask(" ".join(words[:cut]), None, "typed") for cut in cuts), Ask(family.scene.en, family.scene, "typed")]


def read_log(path: Path, number: int) -> list[Ask]:
    """The first prompts of a log, one a line; what is no prompt is left out. Raises OutOfRange where there is none."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OutOfRange(
            f"{path} is no UTF-8 text ({error}): give a log of prompts, one a line", param="log"
        ) from error
    asked = [Ask(clean_prompt(line), None, "log") for line in lines if line.strip()][:number]
    if not asked:
        raise OutOfRange(f"{path} holds no prompt: give a log of prompts, one a line", param="log")
    return asked
