"""The application: its help, the options of all commands, and how errors are told."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flashpaint import __version__
from flashpaint.cli.commands import Commands
from flashpaint.errors import FlashpaintError
from flashpaint.models.beside import drop

HELP = """From a sentence, in English or Chinese, to a picture in real time.

[bold]Examples[/bold]

  flashpaint paint "a cat in space"                   one picture, into the current folder

  flashpaint paint 太空中的一只猫 --seed 7 --out cat.png   the same picture each time

  flashpaint paint "a dog" "a panda" --n 3            three pictures of each prompt

  flashpaint paint --file prompts.txt --json          one prompt a line; one JSON object a picture

  flashpaint edit cat.png "a dog in space"            paint over a picture; vary, outpaint and describe too

  flashpaint batch wishes.jsonl --out pictures        thousands, from a file of requests; goes on where it was cut off

  flashpaint panorama "a beach at sunset"             all around, for 360° viewers and headsets

  flashpaint compose "two cats left of a red car"     several things where they belong; driving paints datasets

  flashpaint show cat.png                             how a picture was made

  flashpaint index ~/Pictures                         your own pictures into memory, to start from and to find

  flashpaint search "a cat in space" --out cats.png   what is remembered, as a contact sheet

  flashpaint memory                                   what is remembered, and what that has saved

  flashpaint serve                                    the OpenAI-compatible API, and pictures as one types

  flashpaint keys add ann                             who else may use that server

  flashpaint models                                   what is here; add, verify and remove models

  flashpaint bench stages                             how fast this machine is

  flashpaint plan mini.json --rate 100000 --target 1  how many machines some traffic needs, and what they cost
"""

app = typer.Typer(
    cls=Commands,
    help=HELP,
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"flashpaint {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = debug


def run() -> None:
    """Errors on stderr, one line, what to do next; --debug shows the traceback."""
    try:
        app()
    except FlashpaintError as error:
        if "--debug" in sys.argv:
            raise
        _say(error)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: nothing half-written is left", file=sys.stderr)
        sys.exit(130)
    finally:
        drop()


def _say(error: FlashpaintError) -> None:
    from rich.console import Console
    from rich.markup import escape

    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"[bold red]error[/] ({error.code}): {escape(error.message)}"
    )
