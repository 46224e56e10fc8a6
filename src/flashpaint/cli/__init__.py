"""The command line: parse, call the studio, show. Each command a file of its own.

Exit codes: 0 done, 1 a FlashpaintError, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from flashpaint.cli.ahead import hurry

if TYPE_CHECKING:
    from flashpaint.cli.application import app

__all__ = ["app", "main"]


def main() -> None:
    """The console entry."""
    hurry(sys.argv[1:])
    from flashpaint.cli.application import run

    run()


def __getattr__(name: str) -> Any:
    if name == "app":
        from flashpaint.cli.application import app

        return app
    raise AttributeError(f"module 'flashpaint.cli' has no attribute {name!r}")
