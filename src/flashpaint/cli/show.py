"""`flashpaint show`: how a picture was made, from the marks in its file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from flashpaint.marks import read_marks


def show(
    file: Annotated[Path, typer.Argument(help="A PNG.")],
    as_json: Annotated[bool, typer.Option("--json", help="All marks as one JSON object.")] = False,
) -> None:
    """Print what a PNG says of itself: the request, how it was painted, and that a machine made it."""
    marks = read_marks(file)
    if as_json:
        print(json.dumps(marks, ensure_ascii=False, indent=1))
        return
    if sys.stdout.isatty():
        from PIL import Image

        from flashpaint.cli.terminal import draw

        draw(Image.open(file))
    if not marks:
        print("no marks: this picture does not say how it was made")
    for key, value in marks.get("flashpaint", {}).items():
        print(f"{key:16} {value if not isinstance(value, dict) else '  '.join(f'{k} {v}' for k, v in value.items())}")
    if "flashpaint" not in marks and "parameters" in marks:
        print(marks["parameters"])
    if "digital_source_type" in marks:
        print(f"{'made by':16} a trained model ({marks['digital_source_type'].rsplit('/', 1)[-1]})")
