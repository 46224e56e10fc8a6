"""Painting while a prompt is typed: how many pictures a second arrive, and how far each is from the one before it, by
clip's features of both and by their pixels, with one seed for all, and with another seed for each picture beside it.

python bench/growing.py --prompts 40 --plot docs/growing.webp

English grows by words, Chinese by characters. Distances are of 0 (the same) to 1 (the median of two pictures of
different prompts). Other work on the machine changes the rate, never the distances.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge, both_languages
from flashpaint.models.folder import ModelFolder

SHOWN = 4  # prompts in the plot


def grown(prompt: str) -> list[str]:
    """The prompt's states while it is typed."""
    if prompt.isascii():
        words = prompt.split()
        return [" ".join(words[:k]) for k in range(1, len(words) + 1)]
    return [prompt[:k] for k in range(1, len(prompt) + 1)]


def painted(studio: Studio, states: Sequence[str], seeds: Sequence[int]) -> tuple[list[Image.Image], list[float]]:
    """One picture a state, one after the other, and the seconds that each took."""
    pictures, seconds = [], []
    for text, seed in zip(states, seeds, strict=True):
        began = time.perf_counter()
        pictures.append(studio.paint(PaintRequest(text, seed=seed)).picture)
        seconds.append(time.perf_counter() - began)
    return pictures, seconds


def steps_between(studio: Studio, pictures: Sequence[Image.Image]) -> list[tuple[float, float]]:
    """Of each picture from the one before: 1 - cosine of clip's features, and the mean difference of pixels."""
    small = np.stack([np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.float32) for picture in pictures])
    looks = [1 - float(a @ b) for a, b in pairwise(studio.seer.see_images(pictures))]
    return list(zip(looks, np.abs(np.diff(small, axis=0)).mean((1, 2, 3)).tolist(), strict=True))


def strip(rows: Sequence[Sequence[Image.Image]], path: Path) -> None:
    side = 96
    sheet = Image.new("RGB", (side * max(map(len, rows)), side * len(rows)), "white")
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (x * side, y * side))
    sheet.save(path, quality=88, method=6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=40)
    parser.add_argument("--plot", type=Path, help="a contact sheet of the first prompts, a row each")
    args = parser.parse_args()
    studio, trials = Studio.open(), Judge(ModelFolder.open("mini")).trials
    trials = trials[:: max(1, len(trials) // args.prompts)][: args.prompts]
    prompts = both_languages(trials)
    held, fresh = list[tuple[float, float]](), list[tuple[float, float]]()
    seconds, rows, whole = list[float](), list[list[Image.Image]](), list[Image.Image]()
    for k, prompt in enumerate(track(prompts, "typing")):
        states = grown(prompt)
        pictures, spent = painted(studio, states, [k] * len(states))
        others, _ = painted(studio, states, range(1000 * k, 1000 * k + len(states)))
        held += steps_between(studio, pictures)
        fresh += steps_between(studio, others)
        seconds += spent
        whole.append(pictures[-1])
        if len(rows) < SHOWN:
            rows.append(pictures)
    units = [statistics.median(column) for column in zip(*steps_between(studio, whole), strict=True)]
    print(f"{len(prompts)} prompts, {len(seconds)} pictures")
    print(f"pictures a second: {len(seconds) / sum(seconds):.1f}; p50 {statistics.median(seconds) * 1e3:.0f} ms")
    for name, found in (("one seed", held), ("another each", fresh)):
        looks, pixels = (statistics.median(c) / unit for c, unit in zip(zip(*found, strict=True), units, strict=True))
        print(f"{name}: median distance {looks:.2f} by clip, {pixels:.2f} by pixels")
    if args.plot:
        strip(rows, args.plot)


if __name__ == "__main__":
    main()
