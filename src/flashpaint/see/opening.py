"""Opens seers: the one place of `see` that knows the implementations."""

from __future__ import annotations

from pathlib import Path

from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.see.mini import MiniSeer
from flashpaint.see.seer import Seer
from flashpaint.see.taught import TaughtSeer, teaches


def open_seer(seer: str | Path, folder: ModelFolder, threads: int | None = None) -> Seer:
    """ "mini" for the model folder's own clip, another folder of mini's type, or a clip of the field: a transformers
    folder, an added model or a hub's owner/name, both with @revision if need be."""
    if str(seer) == "mini":
        return of_folder(folder, threads)
    if (Path(seer) / "manifest.json").is_file():
        return of_folder(ModelFolder.open(seer), threads)
    try:
        from flashpaint.see.transformers import TransformersSeer
    except ImportError as missing:
        raise ModelNotFound(
            f"{seer} needs PyTorch and transformers ({missing}): pip install 'flashpaint[torch]'", param="seer"
        ) from missing
    return TransformersSeer(seer)


def of_folder(folder: ModelFolder, threads: int | None) -> Seer:
    return TaughtSeer(folder, threads) if teaches(folder) else MiniSeer(folder, threads)
