"""`flashpaint calibrate`: how much of a remembered picture may be taken over, measured for one painter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from flashpaint import marks
from flashpaint.cli.options import Model, Painter, Revision, Seer, Teller, check_plot
from flashpaint.errors import OutputUnwritable


def calibrate(
    scenes: Annotated[
        int, typer.Option(help="Scenes to measure, each with small edits and a stranger.", min=4, max=120)
    ] = 120,
    loss: Annotated[float, typer.Option(help="The share of the score that reuse may cost.", min=0.001, max=0.2)] = 0.01,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. [default: the model's]")] = None,
    judge: Annotated[
        bool | None, typer.Option(help="mini's own judge instead of clip. [default: where mini paints]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table here. [default: into the memory]")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves as a PNG (needs flashpaint[bench]).")] = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Forget what an earlier run has measured.")] = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint scenes from one another at many similarities and start levels, judge them, and fit the table that memory
    goes by. A run that was interrupted goes on where it was.

    flashpaint calibrate --painter my-model --plot curves.png
    """
    for path in (out, plot):
        if path is not None and not path.parent.is_dir():
            raise OutputUnwritable(f"there is no folder {path.parent}: make it first", param="out")
    check_plot(plot)
    from flashpaint.bench import calibrate as measuring
    from flashpaint.bench.judge import Judge
    from flashpaint.memory.calibration import calibration_file
    from flashpaint.memory.opening import memory_folder
    from flashpaint.models.folder import ModelFolder
    from flashpaint.studio import Studio

    studio = Studio.open(model, painter=painter, revision=revision, seer=seer, teller=teller)
    named = studio.painter.spec.title, studio.seer.name
    reader = Judge(ModelFolder.open("mini"))
    judged = (painter is None) if judge is None else judge
    scorer = measuring.JudgeScorer(reader) if judged else measuring.ClipScorer(studio)
    table = out or calibration_file(memory_folder(), *named)
    table.parent.mkdir(parents=True, exist_ok=True)
    kept = table.with_suffix(f".{scorer.name}.{steps or studio.painter.spec.steps}.jsonl")
    if afresh:
        kept.unlink(missing_ok=True)
    families = track(
        reader.families("calibrate")[:scenes], description="scenes", console=Console(stderr=True), transient=True
    )
    measured = measuring.measure(studio, scorer, families, steps, kept)
    how = f"flashpaint calibrate --scenes {scenes}, {scorer.name}, {steps or studio.painter.spec.steps} steps"
    found = measuring.fitted(studio, measured, loss, how)
    marks.write(f"{found.model_dump_json(indent=1)}\n".encode(), table)
    print(measuring.said(measured, found))
    print(f"the table: {table}")
    if plot is not None:
        measuring.draw(measured, found, plot)
        print(f"the curves: {plot}")
