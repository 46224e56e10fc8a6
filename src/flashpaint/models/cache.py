"""Where flashpaint keeps what it can make again: compiled graphs, measured paces."""

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
