"""The commands by name. Each is imported when it is asked for: what paints does not wait for what serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

# in the order of the help: the module of cli that has it, and whether it shows its help when it is given nothing
COMMANDS = {
    "paint": ("paint", True),
    "batch": ("batch", True),
    "show": ("show", False),
    "edit": ("edit", True),
    "vary": ("edit", True),
    "outpaint": ("edit", True),
    "panorama": ("panorama", True),
    "compose": ("compose", True),
    "driving": ("driving", True),
    "describe": ("edit", True),
    "index": ("index", True),
    "search": ("search", True),
    "serve": ("serve", False),
    "keys": ("keys", True),
    "memory": ("memory", False),
    "models": ("models", False),
    "bench": ("bench", False),
    "calibrate": ("calibrate", False),
    "plan": ("plan", True),
}


class OnDemand(Mapping[str, Any]):
    """Commands by name, each made at its first use."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = made(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = OnDemand()  # type: ignore[assignment]  # nobody adds to it


def made(name: str) -> Any:
    """A function or a group of such, as typer makes it a command. Raises KeyError."""
    module, needs_more = COMMANDS[name]
    found = getattr(import_module(f"flashpaint.cli.{module}"), name)
    holder = typer.Typer(rich_markup_mode="rich")
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name, no_args_is_help=needs_more)(found)
    return get_group(holder).commands[name]
