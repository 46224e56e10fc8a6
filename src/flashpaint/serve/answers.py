"""Paintings as OpenAI's JSON, with what we know of them beside it."""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from starlette.requests import HTTPConnection

from flashpaint.painting import Painting
from flashpaint.request import PaintRequest
from flashpaint.serve.pictures import encode
from flashpaint.serve.problems import without_paths
from flashpaint.serve.schemas import Answered
from flashpaint.serve.service import Service


class Formed(Protocol):
    """In which format a picture is asked for."""

    @property
    def output_format(self) -> str: ...

    @property
    def output_compression(self) -> int: ...


async def encoded(service: Service, painting: Painting, asked: Formed) -> bytes:
    """As it was asked for. Raises Problem where the policy will not have it."""
    await service.review("picture", service.policy.picture, painting.picture)
    return await service.aside(encode, painting, asked.output_format, asked.output_compression)


def extras(painting: Painting) -> dict[str, Any]:
    """What every picture of ours tells of itself."""
    return {
        "revised_prompt": painting.description,
        "seed": painting.seed,
        "steps": painting.steps,
        "guidance_scale": painting.guidance_scale,
        "reuse": asdict(painting.reuse),
        "timings": {stage: round(seconds, 4) for stage, seconds in painting.timings.items()},
        "notes": [without_paths(note) for note in painting.notes],
    }


def size_of(painting: Painting) -> str:
    return f"{painting.picture.width}x{painting.picture.height}"


def frame(asked: Answered, painting: Painting | None) -> dict[str, Any]:
    """What is said of all pictures of an answer, or of one event."""
    found: dict[str, Any] = {
        "background": "opaque",
        "output_format": asked.output_format,
        "quality": asked.quality or "auto",
        "size": size_of(painting) if painting else asked.size,
    }
    if echoed := asked.safety_identifier or asked.user:
        found["safety_identifier"] = echoed
    return found


def usage(requests: Sequence[PaintRequest], paintings: Sequence[Painting]) -> dict[str, Any]:
    """Not a bill: a text token is four bytes of the prompt, a picture token one denoising step that was painted."""
    text = math.ceil(len(requests[0].prompt.encode()) / 4)
    images = sum(p.painted_steps for p in paintings)
    return {
        "input_tokens": text,
        "output_tokens": images,
        "total_tokens": text + images,
        "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": images},
    }


def url_of(service: Service, connection: HTTPConnection, name: str, owner: str) -> str:
    return f"{str(connection.base_url).rstrip('/')}/pictures/{name}?{service.shelf.sign(name, owner)}"


async def row(
    service: Service, connection: HTTPConnection, painting: Painting, asked: Answered, owner: str
) -> dict[str, Any]:
    """One picture of `data`."""
    content = await encoded(service, painting, asked)
    found: dict[str, Any] = {"b64_json": None, "url": None, **extras(painting)}
    if asked.response_format == "url":
        name = await service.aside(service.shelf.put, content, asked.output_format)
        return {**found, "url": url_of(service, connection, name, owner)}
    return {**found, "b64_json": base64.b64encode(content).decode()}


async def answer(
    service: Service,
    connection: HTTPConnection,
    requests: Sequence[PaintRequest],
    paintings: Sequence[Painting],
    asked: Answered,
) -> dict[str, Any]:
    rows = [row(service, connection, painting, asked, requests[0].owner) for painting in paintings]
    return {
        "created": int(time.time()),
        "data": await asyncio.gather(*rows),
        **frame(asked, paintings[0]),
        "model": paintings[0].used.get("model"),
        "usage": usage(requests, paintings),
    }
