"""The table by which memory starts mini of many steps, for `flashpaint bench trace` and bench/loss.py: written to
training/weights/denoiser.calibration.json.

python bench/calibrate_many.py --scenes 40 --kept training/runs/bench/many.jsonl

Goes on where it was cut off, a scene a line in the file. Needs PyTorch and a checkout.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import track

from flashpaint import Studio
from flashpaint.bench.answering import MANY_CALIBRATION
from flashpaint.bench.calibrate import JudgeScorer, fitted, measure
from flashpaint.bench.judge import Judge
from flashpaint.bench.recipe import ManySteps
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--kept", type=Path, help="what is measured already, and what will be")
    args = parser.parse_args()
    folder = ModelFolder.open("mini")
    mini, judge = Studio.open(), Judge(folder)
    studio = Studio(mini.seer, mini.teller, LoopPainter(ManySteps(folder)))
    families = judge.families("calibrate")[: args.scenes]
    measured = measure(studio, JudgeScorer(judge), track(families, "scenes"), args.steps, args.kept)
    how = f"bench/calibrate_many.py --scenes {args.scenes}, judge, {args.steps} steps"
    table = fitted(studio, measured, args.loss, how)
    # the studio that benches open calls its painter mini
    table = table.model_copy(update={"painter": mini.painter.spec.title})
    MANY_CALIBRATION.write_text(table.model_dump_json(indent=1) + "\n")
    for rung in table.rungs:
        print(f"from noise {rung.noise:.2f} at similarities of {rung.similarity:.4f} and more")


if __name__ == "__main__":
    main()
