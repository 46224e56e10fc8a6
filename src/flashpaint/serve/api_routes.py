"""/api: what OpenAI has no routes for. Jobs, history, search, describing a picture, and the memory itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from flashpaint.request import PaintRequest
from flashpaint.serve.forms import read_form
from flashpaint.serve.history import History
from flashpaint.serve.jobs import Jobs
from flashpaint.serve.problems import refused
from flashpaint.serve.schemas import Generation, several
from flashpaint.serve.service import Service
from flashpaint.serve.settings import MEBI
from flashpaint.tasks.describe import describe as described

Cursor = Annotated[int | None, Query(ge=0, le=2**62)]
Number = Annotated[int, Query(ge=1, le=100)]
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "string", "format": "binary"},
                        "number": {"type": "integer", "minimum": 1, "maximum": 100},
                    },
                }
            }
        },
    }
}


def job_routes(service: Service, jobs: Jobs) -> APIRouter:
    routes = APIRouter(prefix="/api/jobs", tags=["jobs"])

    @routes.post("", status_code=202, max_body_size=MEBI)
    async def submit(asked: Generation, request: Request) -> dict[str, Any]:
        """The same fields as /v1/images/generations; the pictures come by url."""
        caller = service.caller(request, "generate")
        if asked.stream:
            raise refused("a job is no stream: ask for it by its id", "stream")
        asked.check_model(service.studio, service.settings)
        first = PaintRequest(asked.prompt, owner=caller.owner, **asked.fields(service.studio))
        # a job waits as long as it must, unless it says otherwise
        deadline = service.deadline(request) if "x-deadline-ms" in request.headers else None
        return jobs.told(await jobs.submit(caller, several(first, asked.n), asked, deadline), request)

    @routes.get("")
    async def owned(request: Request) -> dict[str, Any]:
        caller = service.caller(request, "generate")
        return {"data": [jobs.told(job, request) for job in jobs.owned(caller.owner)]}

    @routes.get("/{name}")
    async def one(name: str, request: Request) -> dict[str, Any]:
        caller = service.caller(request, "generate")
        return jobs.told(jobs.get(name, caller.owner), request)

    @routes.delete("/{name}")
    async def cancel(name: str, request: Request) -> dict[str, Any]:
        """Called off within a step; what is finished stays as it is."""
        caller = service.caller(request, "generate")
        job = jobs.get(name, caller.owner)
        jobs.cancel(job)
        return jobs.told(job, request)

    return routes


def memory_routes(service: Service, history: History) -> APIRouter:
    routes = APIRouter(prefix="/api", tags=["memory"])

    @routes.get("/history")
    async def newest(request: Request, number: Number = 50, before: Cursor = None) -> dict[str, Any]:
        """Newest first. before: the cursor of the last row that one has."""
        caller = service.caller(request, "read")
        entries = await history.newest(caller.owner, before, number)
        return {"data": [history.row(entry, request) for entry in entries]}

    @routes.get("/history/{name}")
    async def remembered(name: str, request: Request) -> dict[str, Any]:
        """One picture, and how it was painted."""
        entry = await history.one(service.caller(request, "read").owner, name)
        return history.record(entry, request)

    @routes.delete("/history/{name}", status_code=204)
    async def forget(name: str, request: Request) -> None:
        """Forget a picture, for good."""
        await history.remove(service.caller(request, "read").owner, name)

    @routes.get("/search")
    async def by_text(request: Request, q: str, number: Number = 12) -> dict[str, Any]:
        """Nearest first, by words in any language that clip or the language model reads."""
        return await search(request, q, number, service.caller(request, "read").owner)

    @routes.post("/search", openapi_extra=FORM)
    async def by_picture(request: Request) -> dict[str, Any]:
        """Nearest first, by how they look."""
        caller = service.caller(request, "read")
        form = await read_form(request, service, ("image",))
        return await search(request, one_picture(form.pictures), number_of(form.fields, 12), caller.owner)

    async def search(request: Request, asked: Any, number: int, owner: str) -> dict[str, Any]:
        found = await service.aside(service.sight.search, asked, number, owner)
        return {"data": [history.row(entry, request, nearness=round(near, 4)) for entry, near in found]}

    @routes.post("/describe", openapi_extra=FORM)
    async def describe(request: Request) -> dict[str, Any]:
        """What clip sees in a picture: a phrase, and the things that lie nearest."""
        service.caller(request, "generate")
        form = await read_form(request, service, ("image",))
        if form.fields:
            raise refused("a picture is all that is read here", next(iter(form.fields)), "unknown_parameter")
        found = await service.aside(described, service.studio, one_picture(form.pictures))
        rows = [{"concept": word, "similarity": round(near, 4)} for word, near in found.words]
        return {"description": found.text, "scene": found.scene, "data": rows}

    @routes.get("/memory")
    async def statistics(request: Request) -> dict[str, Any]:
        """What is there, of all owners, and what it saved since the server began."""
        service.caller(request, "admin")
        kept = await service.aside(history.memory.store.statistics)
        return {**asdict(kept), "since_start": asdict(history.memory.counts)}

    return routes


def one_picture(pictures: dict[str, list[Any]]) -> Any:
    found = pictures.get("image", [])
    if len(found) != 1:
        raise refused(f"send one picture as `image`, not {len(found)}", "image")
    return found[0]


def number_of(fields: dict[str, Any], ordinary: int) -> int:
    for name in fields:
        if name != "number":
            raise refused(f"{name} is not supported here: leave it out", name, "unknown_parameter")
    said = fields.get("number", str(ordinary))
    if not isinstance(said, str) or not (said.isascii() and said.isdecimal()) or not 1 <= int(said) <= 100:
        raise refused("number is a whole number from 1 to 100", "number")
    return int(said)
