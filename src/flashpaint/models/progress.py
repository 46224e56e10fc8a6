"""How far a transfer is: a bar on stderr where that is a terminal, nothing elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class TransferBar:
    """Counts files and bytes. with TransferBar("fetching", files=3, total=2**20) as bar: ..."""

    def __init__(self, verb: str, files: int, total: int) -> None:
        console = Console(stderr=True, highlight=False)
        columns = (
            TextColumn("[bold]{task.description}[/] {task.fields[files]}"),
            BarColumn(28),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[name]}"),
        )
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._files, self._begun, self._done = files, 0, 0
        self._task = self._bar.add_task(verb, total=total, files=f"0/{files}", name="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def begin(self, name: str) -> None:
        """The next file."""
        self._begun += 1
        self._bar.update(self._task, files=f"{self._begun}/{self._files}", name=escape(name[-40:]))

    def at(self, bytes_: int) -> None:
        """Of the file begun last, so much is here."""
        self._bar.update(self._task, completed=self._done + bytes_)

    def end(self, bytes_: int) -> None:
        """The file begun last is here, with so many bytes."""
        self._done += bytes_
        self.at(0)
