"""`flashpaint models`: what is installed, and whether every file is the one its manifest names."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flashpaint.errors import ModelDamaged
from flashpaint.models.folder import EMBEDDED, ModelFolder


def models(
    model: Annotated[str | None, typer.Argument(help="One model or model folder. [default: all embedded ones]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The manifests as JSON.")] = False,
) -> None:
    """List the models and verify the sha256 of their files; exit code 1 when one is damaged."""
    folders = [ModelFolder.open(name, verify=False) for name in ([model] if model else EMBEDDED)]
    if as_json:
        for folder in folders:
            folder.verify()
        print(json.dumps([folder.manifest.model_dump() for folder in folders], indent=1))
        return
    damaged: ModelDamaged | None = None
    for folder in folders:
        table = Table("file", "MB", "sha256", "state", title=f"{folder.manifest.name} {folder.manifest.version}")
        for name, entry in folder.manifest.files.items():
            try:
                folder.check(name)
                state = "[green]whole[/]"
            except ModelDamaged as error:
                damaged, state = error, "[red]damaged[/]"
            table.add_row(name, f"{entry.bytes / 1e6:.2f}", entry.sha256[:12], state)
        console = Console()
        console.print(table)
        shape = folder.manifest.denoiser
        console.print(
            f"licence: {folder.manifest.licence}\npaints sides of {', '.join(map(str, shape.sides))} pixels in "
            f"{shape.steps} steps at guidance {shape.guidance_scale:g}",
            highlight=False,
        )
    if damaged:
        raise damaged
