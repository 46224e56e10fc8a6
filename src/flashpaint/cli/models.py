"""`flashpaint models`: what is here, adding and removing models, and whether every file is still what it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flashpaint.errors import ModelDamaged, ModelNotFound, RequestInvalid
from flashpaint.models import adding, registry
from flashpaint.models.folder import EMBEDDED, ModelFolder
from flashpaint.models.manifest import FileEntry
from flashpaint.models.progress import TransferBar
from flashpaint.models.registry import Added

HELP = """The models that are here: those that came with flashpaint and those that you add.

[bold]Examples[/bold]

  flashpaint models                                    what is here

  flashpaint models add stabilityai/sd-turbo           fetch a model from the hub, at its newest commit

  flashpaint models add OWNER/NAME --revision 1a2b3c4  at one commit, for good

  flashpaint models add ./my-model --name mine         copy a folder of this machine

  flashpaint paint "a cat" --painter sd-turbo          paint with it

  flashpaint models verify                             hash every file again

  flashpaint models remove sd-turbo                    delete it

Added models lie in FLASHPAINT_MODELS, or in ~/.local/share/flashpaint/models.
"""

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

models = typer.Typer(help=HELP, rich_markup_mode="rich")


@models.callback(invoke_without_command=True)
def bare(context: typer.Context, as_json: Json = False) -> None:
    if context.invoked_subcommand is None:
        list_models(as_json)


@models.command("list")
def list_models(as_json: Json = False) -> None:
    """List embedded and added models, and what was begun and not ended.

    flashpaint models list --json
    """
    rows = [*map(_embedded_row, EMBEDDED), *map(_added_row, registry.added())]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = Table("name", "kind", "variant", "revision", "MB", "from")
    for row in rows:
        table.add_row(*(str(row[k]) for k in ("name", "kind", "variant", "revision")), _mb(row["bytes"]), row["source"])
    out = Console(highlight=False, soft_wrap=True)
    out.print(table)
    for name, folder in registry.unfinished().items():
        out.print(
            f"unfinished: {escape(name)}, {_mb(registry.size_of(folder))} MB: add it again to go on, or remove it"
        )
    for damage in registry.torn():
        out.print(f"[red]damaged[/]: {escape(damage.message)}")


@models.command()
def add(
    model: Annotated[str, typer.Argument(help="owner/name on the hub, or a folder with a diffusers model.")],
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit; its commit is recorded. [default: the newest]")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Of the weights: fp16, full, … [default: fp16 where there is one]")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call a folder's model. [default: the folder's name]")
    ] = None,
) -> None:
    """Fetch a model: safetensors, configurations and tokenizers, never pickled weights. Interrupted, it goes on later.

    A folder is copied, so that later changes to it touch nothing here.

    flashpaint models add stabilityai/sd-turbo
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if revision or variant:
            raise RequestInvalid("a folder has no revision and no variant: leave them out", param="revision")
        found = adding.add_folder(folder, name or folder.resolve().name)
    elif name:
        raise RequestInvalid("--name is for folders: a hub's model keeps its own", param="name")
    else:
        found = _fetch(model, revision, variant)
    Console(highlight=False, soft_wrap=True).print(
        f"[bold]{escape(found.name)}[/] is here: {len(found.record.files)} files, {_mb(found.bytes)} MB, verified\n"
        f'  flashpaint paint "a cat in space" --painter {escape(found.record.id)}'
    )


@models.command()
def remove(
    name: Annotated[str, typer.Argument(help="As `models list` writes it, or the last part of its id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete an added model, or what was begun of one.

    flashpaint models remove sd-turbo --yes
    """
    if name in EMBEDDED:
        raise RequestInvalid(f"{name} is part of flashpaint: pip uninstall flashpaint removes it", param="name")
    called, folder = _meant(name)
    size = _mb(registry.size_of(folder))
    if not yes and not typer.confirm(f"Delete {called} ({size} MB)?"):
        raise typer.Exit(1)
    registry.remove(folder)
    print(f"{called} is removed, {size} MB are free again")


@models.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="One model, or a folder of one. [default: all]")] = None,
    as_json: Json = False,
) -> None:
    """Hash every file and compare it with what was recorded; exit code 1 when one is damaged.

    flashpaint models verify mini
    """
    damages = list[ModelDamaged]()
    chosen = list(_chosen(name))
    sizes = [entry.bytes for model in chosen for entry in _entries(model).values()]
    with TransferBar("hashing", len(sizes), sum(sizes)) as bar:
        found = [[_state(model, file, damages, bar) for file in _entries(model)] for model in chosen]
    if not as_json:
        for model, rows in zip(chosen, found, strict=True):
            _show(model, rows)
    damages += registry.torn() if name is None else []
    if as_json:
        print(json.dumps([row for rows in found for row in rows], indent=1))
    if damages:
        raise damages[0]


def _fetch(model: str, revision: str | None, variant: str | None) -> Added:
    try:
        return adding.add(model, revision, variant)
    except KeyboardInterrupt:
        again = " ".join(["flashpaint models add", model, *(["--revision", revision] if revision else [])])
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"interrupted: what has come of {escape(model)} is kept; go on with: {escape(again)}"
        )
        raise typer.Exit(130) from None


def _meant(name: str) -> tuple[str, Path]:
    """The model, or the begun one, and its folder."""
    if not registry.matching(name):
        for begun, folder in registry.unfinished().items():
            id = begun.split("@")[0]
            if name in (begun, id, id.rsplit("/", 1)[-1]):
                return begun, folder
    model = registry.the_one(name)
    return model.name, model.path


def _chosen(name: str | None) -> Iterator[ModelFolder | Added]:
    if name is None:
        yield from (ModelFolder.open(embedded, verify=False) for embedded in EMBEDDED)
        yield from registry.added()
    elif name in EMBEDDED or (Path(name) / "manifest.json").is_file():
        yield ModelFolder.open(name, verify=False)
    elif record := registry.record_of(Path(name)):
        yield Added(Path(name), record)
    elif found := registry.matching(name):
        yield from found
    else:
        raise ModelNotFound(f"there is no model {name!r}: {registry.what_there_is()}", param="model")


def _called(model: ModelFolder | Added) -> str:
    return model.name if isinstance(model, Added) else model.title


def _entries(model: ModelFolder | Added) -> dict[str, FileEntry]:
    return model.record.files if isinstance(model, Added) else model.manifest.files


def _state(model: ModelFolder | Added, file: str, damages: list[ModelDamaged], bar: TransferBar) -> dict[str, Any]:
    entry = _entries(model)[file]
    row = {"model": _called(model), "file": file, "bytes": entry.bytes, "sha256": entry.sha256}
    bar.begin(file)
    try:
        model.check(file)
    except ModelDamaged as damage:
        damages.append(damage)
        return {**row, "state": "damaged"}
    finally:
        bar.end(entry.bytes)
    return {**row, "state": "whole"}


def _show(model: ModelFolder | Added, rows: list[dict[str, Any]]) -> None:
    table = Table("file", "MB", "sha256", "state", title=escape(_called(model)))
    for row in rows:
        state = "[green]whole[/]" if row["state"] == "whole" else "[red]damaged[/]"
        table.add_row(escape(row["file"]), _mb(row["bytes"]), row["sha256"][:12], state)
    out = Console(highlight=False)
    out.print(table)
    if isinstance(model, ModelFolder):
        shape = model.manifest.denoiser
        out.print(
            f"licence: {model.manifest.licence}\npaints sides of {', '.join(map(str, shape.sides))} pixels in "
            f"{shape.steps} steps at guidance {shape.guidance_scale:g}"
        )


def _embedded_row(name: str) -> dict[str, Any]:
    manifest = ModelFolder.open(name, verify=False).manifest
    size = sum(entry.bytes for entry in manifest.files.values())
    return {
        "name": name,
        "kind": "embedded",
        "variant": "full",
        "revision": manifest.version,
        "bytes": size,
        "source": "flashpaint",
        "path": str(EMBEDDED[name]),
    }


def _added_row(model: Added) -> dict[str, Any]:
    record = model.record
    return {
        "name": record.id,
        "kind": record.kind,
        "variant": record.variant,
        "revision": record.revision,
        "bytes": model.bytes,
        "source": record.source,
        "path": str(model.path),
    }


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f}"
