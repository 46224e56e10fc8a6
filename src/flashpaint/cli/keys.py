"""`flashpaint keys`: who may use a server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from flashpaint.cli.options import served_folder

HELP = """API keys of `flashpaint serve`. A running server sees a change at its next request.

[bold]Examples[/bold]

  flashpaint keys add ann --scope generate,read    a key that may paint, and see its own history

  flashpaint keys list

  flashpaint keys revoke ann

A key is an owner: what is painted with it is remembered for it alone.
"""

Data = Annotated[Path | None, typer.Option(help="The server's folder, as for flashpaint serve.")]

keys = typer.Typer(help=HELP, rich_markup_mode="rich", no_args_is_help=True)


@keys.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    scope: Annotated[
        str, typer.Option(help="generate (paint), read (history and search), admin (statistics and metrics).")
    ] = "generate,read",
    data: Data = None,
) -> None:
    """Make a key and show it, once."""
    from flashpaint.serve.keys import Keys

    secret = Keys(served_folder(data)).add(name, [word.strip() for word in scope.split(",") if word.strip()])
    typer.echo(secret)
    typer.echo("this is shown once: keep it where the client reads it, such as OPENAI_API_KEY", err=True)


@keys.command("list")
def list_all(data: Data = None) -> None:
    """Names and scopes; the keys themselves are not kept."""
    from flashpaint.serve.keys import Keys

    for key in Keys(served_folder(data)).all():
        made = time.strftime("%Y-%m-%d", time.localtime(key.created))
        typer.echo(f"{key.name}  {','.join(key.scopes)}  since {made}")


@keys.command()
def revoke(name: Annotated[str, typer.Argument(help="As `keys list` shows it.")], data: Data = None) -> None:
    """The key opens nothing any more; what was painted with it stays in memory."""
    from flashpaint.serve.keys import Keys

    Keys(served_folder(data)).revoke(name)
    typer.echo(f"{name} is revoked")
