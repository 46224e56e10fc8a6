"""What memory costs in quality: several days of requests (those of `flashpaint bench trace`, each of another seed),
answered by a sampler of many steps from noise and from memory, and judged. One day is too short to see one per cent.

python bench/loss.py --days 8 --kept training/runs/bench/loss.jsonl

Goes on where it was cut off, a day a line in the file. Needs PyTorch and a checkout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from flashpaint import PaintRequest, Studio
from flashpaint.bench.answering import Models, calibrated
from flashpaint.bench.judge import Judge, Trial
from flashpaint.bench.recipe import ManySteps
from flashpaint.bench.workload import workload
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter

HISTORY = 4  # times as many requests came before, and filled the memory

Row = tuple[str, float, float, float]  # kind of request, score from noise, score from memory, share of steps skipped


def day(models: Models, judge: Judge, seed: int, requests: int, steps: int, few: bool) -> list[Row]:
    """The requests whose wish is known."""
    families = judge.families("trace")
    asked = workload(families, (1 + HISTORY) * requests, seed)
    wanted: list[tuple[str, Trial]] = []
    pictures, skipped = [], []
    with tempfile.TemporaryDirectory(prefix="flashpaint-loss-") as folder, models.opened(not few, Path(folder)) as warm:
        for k, ask in enumerate(track(asked, f"day {seed}")):
            request = PaintRequest(ask.prompt, seed=seed * 10**6 + k, steps=steps, reuse="auto")
            painting = warm.paint(request)
            if k >= HISTORY * requests and ask.wanted:
                cold = warm.paint(PaintRequest(ask.prompt, seed=request.seed, steps=steps, reuse="off"))
                wanted.append((ask.kind, ask.wanted))
                pictures += [cold.picture, painting.picture]
                skipped.append(painting.reuse.skipped / painting.steps)
    found = judge.verdicts(pictures)
    scores = [(trial.score(found[2 * k]), trial.score(found[2 * k + 1])) for k, (_, trial) in enumerate(wanted)]
    return [(kind, *pair, share) for (kind, _), pair, share in zip(wanted, scores, skipped, strict=True)]


def said(name: str, rows: Sequence[Row], mean: float) -> str:
    lost = [(cold - warm) / mean for _, cold, warm, _ in rows]
    error = statistics.stdev(lost) / len(lost) ** 0.5
    skipped = statistics.fmean(share for *_, share in rows)
    return f"{name:10} {len(rows):5}   {statistics.fmean(lost):+.3f}  {error:.3f}   {skipped:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=8)
    parser.add_argument("--requests", type=int, default=80, help="of a day, after a history of four times as many")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--few", action="store_true", help="mini as it ships, in place of the sampler of many steps")
    parser.add_argument("--kept", type=Path, help="what is measured already, and what will be")
    args = parser.parse_args()
    folder = ModelFolder.open("mini")
    models = Models(Studio.open(), LoopPainter(ManySteps(folder)), calibrated(folder))
    judge = Judge(folder)
    done = args.kept.read_text().splitlines() if args.kept and args.kept.exists() else []
    for seed in range(len(done), args.days):
        done.append(json.dumps(day(models, judge, seed, args.requests, args.steps, args.few)))
        if args.kept:
            args.kept.write_text("\n".join(done) + "\n")
    rows: list[Row] = [tuple(row) for line in done[: args.days] for row in json.loads(line)]
    mean = statistics.fmean(cold for _, cold, _, _ in rows)
    print(f"mean score from noise {mean:.3f}; share of it lost\nkind         number   lost  error  skipped")
    for kind in sorted({row[0] for row in rows}):
        print(said(kind, [row for row in rows if row[0] == kind], mean))
    print(said("started", [row for row in rows if row[3] > 0], mean))
    print(said("all", rows, mean))


if __name__ == "__main__":
    main()
