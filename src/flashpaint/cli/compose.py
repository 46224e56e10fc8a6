"""`flashpaint compose`: a scene, from a file or a sentence, as one picture, with its ground truth if wanted."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from flashpaint import marks
from flashpaint.cli.options import Model, Overwrite, Painter, Revision, Seed, Seer, Size, Teller
from flashpaint.cli.paint import numbered, output_paths, parse_size, tell
from flashpaint.errors import OutOfRange, OutputUnwritable
from flashpaint.request import PaintRequest, check_number

if TYPE_CHECKING:
    from flashpaint.composition.scene import Scene
    from flashpaint.tasks.compose import Composed
    from flashpaint.tasks.truth import Label

FILES = (".yaml", ".yml", ".json")


def compose(
    scene: Annotated[str, typer.Argument(help="A scene file (.yaml, .json; see docs/compose.md), or a sentence.")],
    plan: Annotated[bool, typer.Option("--plan", help="Print the scene and its boxes, and paint nothing.")] = False,
    truth: Annotated[
        Path | None, typer.Option(help="A folder for COCO annotations and a label map of the picture.")
    ] = None,
    drafts: Annotated[
        bool, typer.Option("--drafts/--regions", help="Paint each thing alone first, or all at once in half the time.")
    ] = True,
    seed: Seed = None,
    size: Size = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps. [default: the model's]")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A .png file, or a folder. [default: here]")] = None,
    overwrite: Overwrite = False,
    model: Model = "mini",
    painter: Painter = None,
    revision: Revision = None,
    seer: Seer = "mini",
    teller: Teller = "mini",
) -> None:
    """Paint several things where they belong.

    flashpaint compose scene.yaml --out scene.png --truth labels

    flashpaint compose "two cats left of a red car at night" --plan
    """
    from flashpaint.composition.layout import layout
    from flashpaint.composition.scene import as_yaml, read_scene

    written = Path(scene).suffix.lower() in FILES
    asked: Scene | None = read_scene(text_of(Path(scene))) if written else None
    if asked is not None:
        layout(asked)  # what is wrong is told before the models are opened
    check_number("seed", seed, 0, 2**62)
    width, height = parse_size(size)
    if not plan and out is not None and out.suffix:
        marks.check_output(out, overwrite)
    if plan and asked is not None:
        show(with_seed(asked, seed))
        return
    from flashpaint.studio import Studio
    from flashpaint.tasks.compose import compose as task
    from flashpaint.tasks.sentence import scene_from

    studio = Studio.open(model, painter=painter, revision=revision, seer=seer, teller=teller)
    ready = with_seed(asked if asked is not None else scene_from(studio, scene), seed)
    if plan:
        show(ready)
        return
    console = Console(stderr=True, highlight=False)
    if asked is None:
        console.print(escape(as_yaml(ready)), end="")
    path = output_paths([PaintRequest(Path(scene).stem if written else scene)], out, overwrite)[0]
    composed = task(studio, ready, drafts, steps=steps, width=width, height=height)
    saved = marks.save(composed.painting, numbered(path, overwrite), overwrite)
    tell(composed.painting, saved, console, False, False)
    if truth is not None:
        from flashpaint.tasks.truth import labels

        found = labels(studio, composed)
        write_truth(truth, saved, composed, found)
        for label in found:
            if not label.found:
                console.print(f"  note: {escape(label.phrase)} was not found in its place (score {label.score:.2f})")


def with_seed(scene: Scene, seed: int | None) -> Scene:
    return scene if seed is None else scene.model_copy(update={"seed": seed})


def show(scene: Scene) -> None:
    """The scene as YAML, and its boxes as comments, so that the whole is a scene file again."""
    from flashpaint.composition.layout import layout
    from flashpaint.composition.scene import as_yaml

    print(as_yaml(scene), end="")
    print("# boxes (left, top, right, bottom), farthest first:")
    for placed in layout(scene):
        print(f"#   {scene.things[placed.number].called}: {', '.join(f'{side:.3f}' for side in placed.box)}")


def text_of(file: Path) -> str:
    """A file's text. Raises OutOfRange where it is none."""
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OutOfRange(
            f"{file} cannot be read as UTF-8 text ({error}): give a file that is there", param="file"
        ) from error


def write_truth(folder: Path, saved: Path, composed: Composed, found: list[Label]) -> None:
    """STEM.json in COCO's format, and STEM.labels.png, beside each other."""
    from flashpaint.tasks.truth import coco, label_map

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be made ({error.strerror}): choose another", param="truth") from error
    names = tuple(dict.fromkeys(label.name for label in found))
    content = coco([(saved.name, composed.painting.picture.size, found)], names)
    marks.write(json.dumps(content, ensure_ascii=False).encode(), folder / f"{saved.stem}.json")
    picture = io.BytesIO()
    label_map(composed).save(picture, "PNG")
    marks.write(picture.getvalue(), folder / f"{saved.stem}.labels.png")
