"""Edits as JSON: pictures as data: URLs, in OpenAI's shape. Fetches nothing, whatever a URL says.

{"prompt": "a hat", "images": [{"image_url": "data:image/png;base64,…"}], "mask": {"image_url": "data:…"}}
"""

from __future__ import annotations

import binascii
import json
import re
from typing import Any

from PIL import Image
from starlette.requests import Request

from flashpaint.serve.forms import Form, check_part, too_many
from flashpaint.serve.pictures import decode
from flashpaint.serve.problems import refused
from flashpaint.serve.service import Service
from flashpaint.serve.settings import Settings

HEAD = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,", re.IGNORECASE)
HEAD_MOST = 200  # characters before the bytes


def is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json"


async def read_json(request: Request, service: Service) -> Form:
    """The same as a form gives. Raises Problem before anything is decoded where a picture is too much."""
    said = await service.aside(parsed, await request.body())
    images, mask = said.pop("images", None), said.pop("mask", None)
    for name in ("image", "markup"):
        if name in said:
            check_part(name, 0, (), 0)
    if not isinstance(images, list) or not images:
        raise refused("images is missing: send [{image_url: a data: URL}]", "images", "missing_required_parameter")
    if len(images) > 1:
        raise too_many(len(images), "images")
    pictures = {"image": [await service.aside(picture_of, images[0], "images", service.settings)]}
    if mask is not None:
        pictures["mask"] = [await service.aside(picture_of, mask, "mask", service.settings)]
    return Form(said, pictures)


def parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refused(f"the body is no JSON ({error})", None, "invalid_json") from None
    if not isinstance(said, dict):
        raise refused("send a JSON object", None, "invalid_json")
    return said


def picture_of(said: Any, param: str, settings: Settings) -> Image.Image:
    """Of {"image_url": "data:…"}."""
    url = said.get("image_url") if isinstance(said, dict) and said.keys() == {"image_url"} else None
    if not isinstance(url, str):
        raise refused(f'{param}: send {{"image_url": "data:image/png;base64,…"}}, nothing else is read', param)
    head = HEAD.match(url[:HEAD_MOST])
    if head is None:
        raise refused(f"{param}: image_url is a data: URL in base64; this server fetches nothing", param)
    check_part(param, (len(url) - head.end()) * 3 // 4, (param,), settings.upload_bytes)
    try:
        content = binascii.a2b_base64(url[head.end() :], strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise refused(f"{param}: image_url is no base64 ({error})", param) from None
    return decode(content, param, settings.upload_pixels)
