"""Opens painters: the one place of `paint` that knows the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.painter import Painter


def open_mini(folder: ModelFolder, threads: int | None = None, precision: str | None = None) -> LoopPainter:
    from flashpaint.paint.mini import MiniDenoiser

    return LoopPainter(MiniDenoiser(folder, threads, precision))


def open_painter(
    painter: str | Path,
    revision: str | None = None,
    loras: Mapping[str, str | Path] | None = None,
    fast: str = "balanced",
) -> Painter:
    """A diffusers model (a folder, one of `flashpaint models`, or a hub's owner/name).

    loras: by the name that requests will use. Raises ModelNotFound or ModelDamaged.
    """
    try:
        from flashpaint.paint.diffusers.opening import open_diffusers
    except ImportError as missing:
        raise ModelNotFound(
            f"{painter} needs PyTorch and diffusers ({missing}): pip install 'flashpaint[torch]'", param="painter"
        ) from missing
    return LoopPainter(open_diffusers(painter, revision))
