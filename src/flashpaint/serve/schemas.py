"""The fields of a request as they travel: OpenAI's, and ours beside them; and how they become PaintRequests."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from flashpaint.errors import SizeUnsupported
from flashpaint.request import STEPS_LIMIT, PaintRequest
from flashpaint.serve.problems import Problem, refused
from flashpaint.serve.settings import Settings
from flashpaint.studio import Studio

# of the painter's own number of steps
QUALITY = {"low": 0.5, "medium": 1.0, "standard": 1.0, "high": 2.0, "hd": 2.0, "xhigh": 3.0, "max": 4.0}
SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def unpacked(value: Any) -> Any:
    """What multipart carries as JSON in one field."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def to_size(value: str | None) -> tuple[int | None, int | None]:
    """ "256x256" -> (256, 256); None and "auto" -> (None, None), the painter's own."""
    if value in (None, "auto"):
        return None, None
    found = SIZE.fullmatch(value.strip().lower())
    if not found or "0" in (found[1].lstrip("0") or "0", found[2].lstrip("0") or "0"):
        raise SizeUnsupported(f"size is {value!r}: give WIDTHxHEIGHT in pixels, or auto", param="size")
    return int(found[1]), int(found[2])


class Brush(BaseModel):
    """How a picture is painted: what every way to ask has in common."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    size: str | None = None
    quality: Literal["low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"] | None = None
    seed: int | None = Field(None, description="the same seed paints the same picture; of n pictures, the first's")
    steps: int | None = Field(None, description="denoising steps, instead of quality")
    guidance_scale: float | None = None
    negative: str = Field("", description="what to steer away from")
    sampler: str | None = None
    schedule: str | None = None
    sigmas: Annotated[list[float] | None, BeforeValidator(unpacked)] = None
    loras: Annotated[dict[str, float], BeforeValidator(unpacked)] = Field(default_factory=dict)
    describe: bool = Field(True, description="whether the language model rewrites the prompt")
    compose: bool = Field(True, description="whether several things are painted apart and laid together")
    reuse: str | None = Field(None, description="auto, exact or off: of what is remembered")
    canvas: Literal["flat", "tile", "panorama"] = Field(
        "flat", description="tile: opposite borders meet; panorama: all around, twice as wide as high"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _null_is_default(cls, value: Any, info: Any) -> Any:
        """Clients send null for what they leave open."""
        field = cls.model_fields[info.field_name]
        return field.get_default(call_default_factory=True) if value is None and not field.is_required() else value

    def check_model(self, studio: Studio, settings: Settings) -> None:
        own = studio.painter.spec.name
        if self.model not in (None, "", own, "flashpaint", *settings.aliases):
            raise Problem(
                404,
                "not_found_error",
                f"there is no model {self.model!r} here: leave it out, or name {own}",
                param="model",
                code="model_not_found",
            )

    def steps_for(self, studio: Studio) -> int | None:
        """What was asked for, else what the quality means; None for the painter's own."""
        spec = studio.painter.spec
        if self.steps is not None or self.sigmas is not None or self.quality in (None, "auto", "medium", "standard"):
            return self.steps
        if "steps" not in spec.heeds:
            raise refused(f"{spec.name} paints in one quality: leave it out", "quality")
        return min(STEPS_LIMIT, max(1, round(spec.steps * QUALITY[self.quality])))

    def fields(self, studio: Studio) -> dict[str, Any]:
        """PaintRequest's own, but for prompt, owner and source."""
        width, height = to_size(self.size)
        same = ("seed", "guidance_scale", "describe", "compose", "negative", "sampler", "schedule", "reuse", "canvas")
        return {
            **{name: getattr(self, name) for name in same},
            "width": width,
            "height": height,
            "steps": self.steps_for(studio),
            "sigmas": None if self.sigmas is None else tuple(self.sigmas),
            "loras": tuple(self.loras.items()),
        }


class Answered(Brush):
    """Beside the brush, how the answer comes."""

    n: int = Field(1, ge=1, le=10)
    background: Literal["opaque", "auto", "transparent"] | None = None
    output_format: Literal["png", "webp", "jpeg"] = "png"
    output_compression: int = Field(100, ge=0, le=100)
    response_format: Literal["b64_json", "url"] = "b64_json"
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=3)
    user: str | None = None
    safety_identifier: str | None = None

    @model_validator(mode="after")
    def _together(self) -> Answered:
        if self.background == "transparent":
            raise refused("pictures are painted without transparency: leave background out", "background")
        if self.output_format == "png" and self.output_compression != 100:
            raise refused("png is not compressed further: ask for webp or jpeg", "output_compression")
        if self.partial_images and not self.stream:
            raise refused("partial_images come in a stream: set stream to true", "partial_images")
        if self.stream and self.response_format == "url":
            raise refused("a stream carries pictures as b64_json", "response_format")
        return self


class Generation(Answered):
    """POST /v1/images/generations."""

    prompt: str = ""
    scene: Annotated[dict[str, Any] | str | None, BeforeValidator(unpacked)] = Field(
        None, description="in the prompt's stead: a scene as docs/scene.schema.json says, or a sentence to make one of"
    )
    moderation: Literal["low", "auto"] | None = None
    style: Literal["vivid", "natural"] | None = Field(None, description="accepted, for clients that send it")


class Edit(Answered):
    """POST /v1/images/edits, beside its pictures."""

    prompt: str
    input_fidelity: Literal["high", "low"] | None = None
    strength: float | None = Field(None, gt=0, le=1, description="the share of the steps that are painted anew")
    instruct: bool = Field(False, description='the prompt says what to change ("make it night"), not the whole picture')
    extend: Annotated[dict[str, int], BeforeValidator(unpacked)] = Field(
        default_factory=dict, description="outpaint: pixels that are added left, right, top, bottom"
    )


class Variation(Answered):
    """POST /v1/images/variations, beside its picture."""

    strength: float | None = Field(None, gt=0, le=1)


def several(first: PaintRequest, n: int) -> list[PaintRequest]:
    """n of one request: seeds count up, and who asks for several wants them different."""
    return [
        replace(
            first,
            seed=None if first.seed is None else first.seed + k,
            reuse=first.reuse or ("exact" if k else None),
        )
        for k in range(n)
    ]
