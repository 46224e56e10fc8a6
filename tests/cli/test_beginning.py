"""What the command line begins before it is read."""

from __future__ import annotations

import gc
import sys

import pytest
import typer

from flashpaint.cli import ahead, app
from flashpaint.cli.commands import COMMANDS


@pytest.mark.parametrize(
    ("words", "begun"),
    [
        ("paint cat", [True]),
        ("paint cat --no-memory", [False]),
        ("paint cat --seed 7 --out cat.png --json", [True]),
        ("paint --help", []),
        ("paint cat --painter sd15", []),
        ("paint cat --model=folder", []),
        ("paint cat --threads 1", []),
        ("show cat.png", []),
        ("", []),
    ],
)
def test_what_will_paint_with_mini_is_begun(words: str, begun: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    monkeypatch.setattr(ahead, "begin", lambda look: found.append(look))
    monkeypatch.setattr(ahead.os, "environ", {})
    before = sys.getswitchinterval()
    ahead.hurry(words.split())
    assert gc.isenabled() is not bool(begun)
    ahead.settle()
    assert found == begun
    assert gc.isenabled()
    assert sys.getswitchinterval() == pytest.approx(before)


def test_every_command_is_there_and_teaches() -> None:
    known = typer.main.get_command(app).commands
    assert list(known) == list(COMMANDS)
    assert all(known[name].name == name and known[name].help for name in COMMANDS)
