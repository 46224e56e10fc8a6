"""`flashpaint memory`: what is remembered, how much it has saved, and keeping it whole."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flashpaint.cli.options import Folder
from flashpaint.errors import OutOfRange, OutputExists

if TYPE_CHECKING:
    from flashpaint.memory.sqlite import SqliteStore

HELP = """What was painted and indexed here: with it, flashpaint paints only what is left to paint.

[bold]Examples[/bold]

  flashpaint memory                        how much there is, and what it has saved

  flashpaint memory list                   the newest pictures

  flashpaint memory budget 4GB             how much disk it may take; what pays least is forgotten first

  flashpaint memory verify --repair        check every row and picture, and mend what can be mended

  flashpaint memory export backup.zip      all of it in one file; flashpaint memory import backup.zip

  flashpaint memory forget 1a2b3c4d5e6f7a8b   one picture; --all for all

It lies in FLASHPAINT_MEMORY, or in ~/.local/share/flashpaint/memory.
"""

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

memory = typer.Typer(help=HELP, rich_markup_mode="rich")


@memory.callback(invoke_without_command=True)
def bare(context: typer.Context, folder: Folder = None, as_json: Json = False) -> None:
    context.obj = folder
    if context.invoked_subcommand is None:
        show_statistics(where(context), as_json)


def where(context: typer.Context) -> Path:
    from flashpaint.memory.opening import memory_folder

    folder: Path | None = context.obj if isinstance(context.obj, Path) else None
    return folder or memory_folder()


def opened(folder: Path) -> SqliteStore:
    from flashpaint.memory.sqlite import NAME, SqliteStore

    if not (folder / NAME).exists():
        raise OutOfRange(f"nothing is remembered in {folder} yet: paint something, or run flashpaint index DIR")
    return SqliteStore(folder)


def show_statistics(folder: Path, as_json: bool) -> None:
    from flashpaint.memory.opening import calibration_of
    from flashpaint.models.folder import ModelFolder

    store = opened(folder)
    found = store.statistics()
    if as_json:
        print(json.dumps({"folder": str(folder), **asdict(found)}))
        return
    mini = ModelFolder.open("mini", verify=False)
    table = calibration_of(folder, mini.title, mini.title, mini)
    print(f"{folder}")
    print(f"  {found.entries:,} pictures, {found.bytes / 1e6:,.1f} MB of {found.budget / 1e9:,.1f} GB")
    print(f"  used again {found.hits:,} times, {found.steps_saved:,} denoising steps saved; {found.evicted:,} evicted")
    rungs = ", ".join(f"from {rung.similarity:.2f} on at noise {rung.noise:.2f}" for rung in table.rungs)
    whence = table.how or "the careful default: run flashpaint calibrate"
    print(f"  mini starts from neighbours {rungs or 'never'} ({whence})")


@memory.command("list")
def list_entries(
    context: typer.Context,
    number: Annotated[int, typer.Option("--number", "-n", help="How many.", min=1, max=10_000)] = 20,
    as_json: Json = False,
) -> None:
    """List the newest pictures."""
    for entry in opened(where(context)).entries("", number=number):
        row = {"id": entry.id, "prompt": entry.prompt, "description": entry.description, "hits": entry.hits}
        row |= {"painter": entry.scope.painter, "size": f"{entry.scope.width}x{entry.scope.height}"}
        if as_json:
            print(json.dumps(row, ensure_ascii=False))
        else:
            print(f"{entry.id}  {entry.prompt}  →  {entry.description}  ({entry.scope.painter}, {entry.hits} hits)")


@memory.command()
def forget(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(help="As `memory list` and `search` show them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All pictures.")] = False,
) -> None:
    """Forget pictures, for good."""
    if bool(ids) == everything:
        raise OutOfRange("say which pictures to forget, by their ids, or --all", param="ids")
    store = opened(where(context))
    gone = store.remove("", None if everything else ids)
    print(
        f"{gone} forgotten" + (f"; {len(set(ids)) - gone} of the ids are not here" if ids and gone < len(ids) else "")
    )


@memory.command()
def budget(context: typer.Context, size: Annotated[str, typer.Argument(help="Such as 500MB or 4GB.")]) -> None:
    """Set how much disk the memory may take; what pays least is forgotten until it holds."""
    found = re.fullmatch(r"([\d.]+)\s*([MG])i?B?", size.strip(), re.IGNORECASE)
    if not found or float(found[1]) <= 0:
        raise OutOfRange(f"{size!r} is no size: give one such as 500MB or 4GB", param="size")
    store = opened(where(context))
    store.set_budget(int(float(found[1]) * {"m": 10**6, "g": 10**9}[found[2].lower()]))
    after = store.statistics()
    print(f"{after.entries:,} pictures, {after.bytes / 1e6:,.1f} MB of {after.budget / 1e9:,.2f} GB")


@memory.command()
def verify(
    context: typer.Context,
    repair: Annotated[
        bool, typer.Option("--repair", help="Remove what is damaged, keep all that can be read.")
    ] = False,
) -> None:
    """Check the database, every row by its checksum and every picture by its hash."""
    from flashpaint.memory.verify import verify as check

    with Console(stderr=True).status("reading every row and picture"):
        found = check(where(context), repair)
    for line in found.lines():
        print(line)
    if not found.sound:
        raise typer.Exit(1)


@memory.command("export")
def export_all(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="A .zip file.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Write everything that is remembered into one file."""
    from flashpaint.memory.archive import export_memory

    if out.exists() and not overwrite:
        raise OutputExists(f"{out} exists: choose another name, or pass --overwrite", param="out")
    opened(where(context)).close()
    with Console(stderr=True).status("writing"):
        number = export_memory(where(context), out)
    print(f"{number} pictures in {out}")


@memory.command("import")
def import_all(
    context: typer.Context, archive: Annotated[Path, typer.Argument(help="What `memory export` wrote.")]
) -> None:
    """Add the pictures of an export to this memory; those that are here already stay as they are."""
    from flashpaint.memory.archive import import_memory
    from flashpaint.memory.sqlite import SqliteStore

    with Console(stderr=True).status("reading"):
        found = import_memory(archive, SqliteStore(where(context)))
    print(f"{found.added} added, {found.skipped} here already, {found.damaged} damaged and left out")
