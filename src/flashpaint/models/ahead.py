"""Begins what painting with mini takes before anything else is imported: its files are checked, its graphs compiled and
run once, beside what Python does until they are asked for. Knows no manifest's meaning, and reports nothing: what is
wrong is found again, and told, by whoever opens the folder.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from flashpaint.models.files import Checks

MINI = Path(__file__).parent.parent / "mini"

_begun: dict[Path, Checks] = {}


@dataclass(frozen=True)
class Entry:
    bytes: int
    sha256: str


def begin(look: bool) -> None:
    """look: at the picture too, as memory does."""
    with contextlib.suppress(Exception):
        said = json.loads((MINI / "manifest.json").read_bytes())
        files = {name: Entry(entry["bytes"], entry["sha256"]) for name, entry in said["files"].items()}
        _begun[MINI] = checks = Checks(MINI, said["name"], files)
        from flashpaint.models.embedded import begin_graphs  # with NumPy and OpenVINO, while the files are hashed

        begin_graphs(checks, look)


def taken(folder: Path) -> Checks | None:
    """The checks that were begun of this folder, for the first who asks: those who open it later check anew."""
    return _begun.pop(folder, None)
