"""multipart/form-data as clients write it: fields as text, nested ones in brackets, pictures under `image` or
`image[]`. Knows no meaning of a field."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request

from flashpaint.serve.pictures import decode
from flashpaint.serve.problems import Problem, refused
from flashpaint.serve.service import Service

PARTS = re.compile(r"\[([^\[\]]*)\]")
MASK_BYTES = 4 * 2**20
INSTEAD = {
    "markup": "say in the prompt what to change, and where with a mask",
    "image": "in JSON, pictures come as images: [{image_url: a data: URL}]",
}


@dataclass(frozen=True)
class Form:
    """fields: texts, nested as they were written; pictures: by the name of their part."""

    fields: dict[str, Any]
    pictures: dict[str, list[Image.Image]]


async def read_form(request: Request, service: Service, names: tuple[str, ...]) -> Form:
    """names: of the parts that carry pictures. Raises Problem before anything is decoded where a part is too much."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Problem(
            415,
            "invalid_request_error",
            "this route reads multipart/form-data",
            code="unsupported_media_type",
        )
    settings = service.settings
    fields: dict[str, Any] = {}
    files: dict[str, list[bytes]] = {}
    async with request.form(max_files=settings.upload_count + 1, max_fields=128) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                part = name.removesuffix("[]")
                check_part(part, value.size or 0, names, settings.upload_bytes)
                files.setdefault(part, []).append(await value.read())
            else:
                place(fields, name, value)
    pictures = {
        name: [await service.aside(decode, content, name, settings.upload_pixels) for content in contents]
        for name, contents in files.items()
    }
    return Form(fields, pictures)


def check_part(name: str, size: int, names: tuple[str, ...], most: int) -> None:
    if name not in names:
        instead = INSTEAD.get(name, "leave it out")
        raise refused(f"{name} is not supported here: {instead}", name, "unknown_parameter")
    most = min(most, MASK_BYTES) if name == "mask" else most
    if size > most:
        raise Problem(
            413,
            "invalid_request_error",
            f"{name} has {size:,} bytes: this server takes {most:,}",
            param=name,
            code="too_large",
        )


def too_many(number: int, param: str) -> Problem:
    return refused(f"{number} pictures came, and this painter edits one at a time: send one, or an edit each", param)


def place(fields: dict[str, Any], name: str, value: str) -> None:
    """`a`=1 -> {"a": "1"}; `a[b]`=1 -> {"a": {"b": "1"}}; `a[]`=1, `a[]`=2 -> {"a": ["1", "2"]}."""
    head = name.partition("[")[0]
    inner = PARTS.findall(name[len(head) :])
    if not head or name[len(head) :] != "".join(f"[{part}]" for part in inner) or len(inner) > 2:
        raise refused(f"{name!r} is no name of a field", name)
    if not inner:
        if head in fields:
            raise refused(f"{head} is given twice: give it once", head)
        fields[head] = value
    elif inner == [""]:
        held = fields.setdefault(head, [])
        if not isinstance(held, list):
            raise refused(f"{head} is given twice: give it once", head)
        held.append(value)
    else:
        held = fields.setdefault(head, {})
        if not isinstance(held, dict):
            raise refused(f"{head} is given twice: give it once", head)
        place(held, inner[0] + "".join(f"[{part}]" for part in inner[1:]), value)
