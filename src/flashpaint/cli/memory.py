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
    from flashpaint.memory.postgres import PostgresStore
    from flashpaint.memory.sqlite import SqliteStore

HELP = """What was painted and indexed here: with it, flashpaint paints only what is left to paint.

[bold]Examples[/bold]

  flashpaint memory                        how much there is, and what it has saved

  flashpaint memory list                   the newest pictures

  flashpaint memory budget 4GB             how much disk it may take; what pays least is forgotten first

  flashpaint memory verify --repair        check every row and picture, and mend what can be mended

  flashpaint memory export backup.zip      all of it in one file; flashpaint memory import backup.zip

  flashpaint memory forget 1a2b3c4d5e6f7a8b   one picture; --all for all

  flashpaint memory copy FROM TO           between folders and databases that machines share (docs/scale.md)

It lies in FLASHPAINT_MEMORY, or in ~/.local/share/flashpaint/memory.
"""

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]

memory = typer.Typer(help=HELP, rich_markup_mode="rich")


@memory.callback(invoke_without_command=True)
def bare(context: typer.Context, place: Folder = None, as_json: Json = False) -> None:
    context.obj = place
    if context.invoked_subcommand is None:
        show_statistics(where(context), as_json)


def where(context: typer.Context) -> str | Path:
    from flashpaint.memory.address import is_address
    from flashpaint.memory.opening import memory_address

    place = context.obj or memory_address()
    return str(place) if is_address(place) else Path(place)


def folder_of(context: typer.Context) -> Path:
    """Raises OutOfRange for a shared memory, which is not looked after so."""
    place = where(context)
    if isinstance(place, Path):
        return place
    raise OutOfRange(
        "this is for memories in folders: a shared one is backed up with pg_dump, or `flashpaint memory copy` it to a "
        "folder first",
        param="memory",
    )


def opened(place: str | Path) -> SqliteStore | PostgresStore:
    from flashpaint.memory.opening import open_store
    from flashpaint.memory.sqlite import NAME

    if isinstance(place, Path) and not (place / NAME).exists():
        raise OutOfRange(f"nothing is remembered in {place} yet: paint something, or run flashpaint index DIR")
    return open_store(place)


def shown(place: str | Path) -> str:
    from flashpaint.memory.address import address_of

    return str(place) if isinstance(place, Path) else address_of(place).shown


def show_statistics(place: str | Path, as_json: bool) -> None:
    from flashpaint.memory.opening import calibration_of, memory_folder
    from flashpaint.models.folder import ModelFolder

    found = opened(place).statistics()
    if as_json:
        print(json.dumps({"folder": shown(place), **asdict(found)}))
        return
    mini = ModelFolder.open("mini", verify=False)
    table = calibration_of(place if isinstance(place, Path) else memory_folder(), mini.title, mini.title, mini)
    print(shown(place))
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
        found = check(folder_of(context), repair)
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
    folder = folder_of(context)
    opened(folder).close()
    with Console(stderr=True).status("writing"):
        number = export_memory(folder, out)
    print(f"{number} pictures in {out}")


@memory.command("import")
def import_all(
    context: typer.Context, archive: Annotated[Path, typer.Argument(help="What `memory export` wrote.")]
) -> None:
    """Add the pictures of an export to this memory; those that are here already stay as they are."""
    from flashpaint.memory.archive import import_memory
    from flashpaint.memory.sqlite import SqliteStore

    with Console(stderr=True).status("reading"):
        found = import_memory(archive, SqliteStore(folder_of(context)))
    print(f"{found.added} added, {found.skipped} here already, {found.damaged} damaged and left out")


@memory.command("copy")
def copy_all(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A folder, or postgresql://…?pictures=…")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same; a folder is made if need be.")],
) -> None:
    """Copy a memory to another place, with what its uses have earned; what is there already stays as it is.

    One that was stopped goes on when it is called again.
    """
    from rich.progress import Progress

    from flashpaint.memory.address import is_address
    from flashpaint.memory.copying import copy_memory, refuse_same
    from flashpaint.memory.opening import open_end

    ends = [place if is_address(place) else Path(place).absolute() for place in (source, target)]
    refuse_same(*map(str, ends))
    opened(ends[0]).close()
    whence, whither = map(open_end, ends)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("copying", total=whence.store.statistics().entries)
        done = copy_memory(whence, whither, lambda number: bar.advance(task, number))
    print(f"{done.added} copied, {done.skipped} there already, {done.left} damaged and left out")
    if done.forgotten:
        print(f"{done.forgotten} were forgotten again: {shown(ends[1])} has no room; see flashpaint memory budget")
