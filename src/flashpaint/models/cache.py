"""Where flashpaint keeps things: what it can make again (compiled graphs, measured paces), and what it cannot."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """FLASHPAINT_CACHE or ~/.cache/flashpaint, made if need be; None where it cannot be."""
    folder = Path(os.environ.get("FLASHPAINT_CACHE") or Path.home() / ".cache" / "flashpaint")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def data_folder(variable: str, *parts: str) -> Path:
    """What the environment's variable names, else a folder of that name below ~/.local/share/flashpaint."""
    named = os.environ.get(variable)
    return Path(named).expanduser() if named else Path.home().joinpath(".local", "share", "flashpaint", *parts)
