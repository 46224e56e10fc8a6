"""Opens painters: the one place of `paint` that knows the implementations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flashpaint.errors import ModelNotFound, OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.painter import Painter


def open_mini(folder: ModelFolder, threads: int | None = None, precision: str | None = None) -> LoopPainter:
    from flashpaint.paint.mini import MiniDenoiser

    return LoopPainter(MiniDenoiser(folder, threads, precision))


def open_painter(
    painter: str | Path,
    revision: str | None = None,
    loras: Mapping[str, Path] | None = None,
    fast: str = "off",
) -> Painter:
    """A diffusers model (a folder, one of `flashpaint models`, or a hub's owner/name), or https://host/v1#model, an
    endpoint elsewhere.

    loras: files by the name that requests will use; fast: "off", "balanced" or "max", as `paint.diffusers.fast` says
    what each does. Raises ModelNotFound or ModelDamaged.
    """
    if str(painter).startswith(("http://", "https://")):
        from flashpaint.paint.remote import open_remote

        if revision or loras or fast != "off":
            raise OutOfRange("revision, LoRAs and fast are an endpoint's own to choose: omit them", param="painter")
        return open_remote(str(painter))
    try:
        from flashpaint.paint.diffusers.fast import check_level, speed_up
        from flashpaint.paint.diffusers.opening import open_diffusers
        from flashpaint.paint.diffusers.whole import WholePipeline
    except ImportError as missing:
        raise ModelNotFound(
            f"{painter} needs PyTorch and diffusers ({missing}): pip install 'flashpaint[torch]'", param="painter"
        ) from missing
    check_level(fast)
    denoiser = open_diffusers(painter, revision, loras=loras)
    if isinstance(denoiser, WholePipeline):
        if fast != "off":
            raise OutOfRange(f"{denoiser.spec.name} is painted by its own pipeline: fast is not for it", param="fast")
        return denoiser
    return LoopPainter(denoiser, batch=speed_up(denoiser, fast))
