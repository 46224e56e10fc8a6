"""What a model folder says of itself in manifest.json. Knows the file's shape, not how its parts are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashpaint.errors import ModelDamaged


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Strict):
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ClipShape(_Strict):
    """dim: width of z. context: tokens read. picture_side: pixels that the picture tower takes."""

    dim: int
    context: int
    picture_side: int


class LatentShape(_Strict):
    """channels, and how many times smaller than the picture a side is."""

    channels: int
    downscale: int


class DenoiserShape(_Strict):
    """sides: the widths and heights it paints. guidance_interval: the sigmas between which guidance pays. int8: whether
    its graph, and the decoder's, multiply whole numbers where that changes little."""

    noise: Literal["flow"]
    shift: float = Field(gt=0)
    steps: int = Field(ge=1)
    guidance_scale: float
    guidance_interval: tuple[float, float]
    sides: list[int] = Field(min_length=1)
    int8: bool = False


class TellerShape(_Strict):
    max_tokens: int


class Manifest(_Strict):
    format: Literal[1]
    name: str
    version: str
    licence: str
    training: dict[str, Any]
    scores: dict[str, Any]
    files: dict[str, FileEntry]
    clip: ClipShape
    latents: LatentShape
    denoiser: DenoiserShape
    teller: TellerShape


def read_manifest(path: Path) -> Manifest:
    """Raises ModelDamaged when the file is no manifest of this format."""
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ModelDamaged(
            f"{path} is not a manifest of format 1 ({where}: {first['msg']}): install the model again", param="model"
        ) from error
