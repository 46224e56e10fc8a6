"""/v1: OpenAI's Images API (shared/design/openai-images.md). Thin: parse, commission, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from flashpaint.painting import Finished, Painting
from flashpaint.request import PaintRequest
from flashpaint.serve.answers import answer
from flashpaint.serve.commission import Commission
from flashpaint.serve.data_urls import is_json, read_json
from flashpaint.serve.edits import edits, varied
from flashpaint.serve.forms import read_form
from flashpaint.serve.generations import requested
from flashpaint.serve.problems import Problem
from flashpaint.serve.schemas import Answered, Edit, Generation, Variation
from flashpaint.serve.service import Service
from flashpaint.serve.settings import MEBI
from flashpaint.serve.streaming import Telling, spread
from flashpaint.serve.who import Caller

T = TypeVar("T")
EDITED = ("image", "mask")
GONE = 499  # nobody reads it; the log does


def openai_routes(service: Service) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.post("/images/generations", max_body_size=MEBI)
    async def generations(asked: Generation, request: Request) -> Response:
        """Pictures of a prompt."""
        caller = service.caller(request, "generate")
        asked.check_model(service.studio, service.settings)
        wanted = await service.aside(requested, service.studio, asked, caller.owner)
        return await painted(service, caller, request, wanted, asked, "image_generation")

    @routes.post("/images/edits", openapi_extra=edit_body())
    async def edit(request: Request) -> Response:
        """A picture painted over: by strength, or where the mask is transparent."""
        caller = service.caller(request, "generate")
        form = await (read_json(request, service) if is_json(request) else read_form(request, service, EDITED))
        asked = Edit.model_validate(form.fields)
        asked.check_model(service.studio, service.settings)
        wanted = await service.aside(edits, service.studio, asked, form.pictures, caller.owner)
        return await painted(service, caller, request, wanted, asked, "image_edit")

    @routes.post("/images/variations", openapi_extra=multipart(Variation, "image"))
    async def variations(request: Request) -> Response:
        """Pictures like this one."""
        caller = service.caller(request, "generate")
        form = await read_form(request, service, ("image",))
        asked = Variation.model_validate(form.fields)
        asked.check_model(service.studio, service.settings)
        wanted = await service.aside(varied, service.studio, asked, form.pictures, caller.owner)
        return await painted(service, caller, request, wanted, asked, "image_edit")

    @routes.get("/models")
    async def models(request: Request) -> dict[str, Any]:
        service.caller(request, "generate")
        return {"object": "list", "data": [model(service, name) for name in names(service)]}

    @routes.get("/models/{name:path}")
    async def one_model(name: str, request: Request) -> dict[str, Any]:
        service.caller(request, "generate")
        if name not in names(service):
            raise Problem(
                404,
                "not_found_error",
                f"there is no model {name!r} here",
                param="model",
                code="model_not_found",
            )
        return model(service, name)

    return routes


async def painted(
    service: Service, caller: Caller, request: Request, wanted: Sequence[PaintRequest], asked: Answered, kind: str
) -> Response:
    """The pictures of a call, as it wants them: a stream, or all together."""
    deadline = service.deadline(request)
    if asked.stream:
        commission = await service.admit(wanted, deadline, spread(asked.partial_images))
        return Telling(service, caller, commission, wanted, asked, kind).response()
    commission = await service.admit(wanted, deadline)
    work = together(service, caller, request, commission, wanted, asked)
    return await unless_gone(request, work) or Response(status_code=GONE)


async def together(
    service: Service,
    caller: Caller,
    request: Request,
    commission: Commission,
    wanted: Sequence[PaintRequest],
    asked: Answered,
) -> Response:
    with commission, service.watched(caller, commission.refuse):
        paintings = await finished(commission)
        return JSONResponse(await answer(service, request, wanted, paintings, asked))


async def finished(commission: Commission) -> list[Painting]:
    found: dict[int, Painting] = {}
    while commission.unfinished:
        if (heard := await commission.next()) and isinstance(heard[1], Finished):
            found[heard[0]] = heard[1].painting
    return [found[k] for k in sorted(found)]


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """The work's result; None where the client hung up first, which cancels it."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        watch.cancel()


def names(service: Service) -> list[str]:
    return list(dict.fromkeys([service.studio.painter.spec.name, "flashpaint", *service.settings.aliases]))


def model(service: Service, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": service.started, "owned_by": "flashpaint"}


def multipart(fields: type[Answered], *pictures: str) -> dict[str, Any]:
    """A form for the OpenAPI document: the framework reads only forms of a fixed shape."""
    schema = fields.model_json_schema(ref_template="#/components/schemas/{model}")
    for name in pictures:
        schema["properties"][name] = {"type": "string", "format": "binary"}
    schema["required"] = [*schema.get("required", []), "image"]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


def edit_body() -> dict[str, Any]:
    """An edit comes as a form, or as JSON with its pictures as data: URLs."""
    found = multipart(Edit, *EDITED)
    picture = {"type": "object", "required": ["image_url"], "properties": {"image_url": {"type": "string"}}}
    schema = Edit.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["properties"] |= {
        "images": {"type": "array", "items": picture, "minItems": 1, "maxItems": 1},
        "mask": picture,
    }
    schema["required"] = [*schema.get("required", []), "images"]
    found["requestBody"]["content"]["application/json"] = {"schema": schema}
    return found
