"""Opens seers: the one place of `see` that knows the implementations."""

from __future__ import annotations

from pathlib import Path

from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.see.mini import MiniSeer
from flashpaint.see.seer import Seer


def open_seer(seer: str | Path, folder: ModelFolder, threads: int | None = None) -> Seer:
    """ "mini" for the model folder's own clip, or one of the field: a folder, an added model or a hub's owner/name."""
    if str(seer) == "mini":
        return MiniSeer(folder, threads)
    try:
        from flashpaint.see.transformers import TransformersSeer
    except ImportError as missing:
        raise ModelNotFound(
            f"{seer} needs PyTorch and transformers ({missing}): pip install 'flashpaint[torch]'", param="seer"
        ) from missing
    return TransformersSeer(seer)
