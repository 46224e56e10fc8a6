"""/api/scene: a scene before it is painted, for editors. Knows layouts, and paints nothing."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from flashpaint.composition.layout import layout
from flashpaint.composition.scene import scene_of
from flashpaint.serve.schemas import to_size
from flashpaint.serve.service import Service
from flashpaint.serve.settings import MEBI
from flashpaint.studio import Studio
from flashpaint.tasks.sentence import scene_from


class Sketch(BaseModel):
    """POST /api/scene/plan."""

    model_config = ConfigDict(extra="forbid")

    scene: dict[str, Any] | str = Field(
        description="a scene as docs/scene.schema.json says, or a sentence to make one of"
    )
    size: str | None = Field(None, description="of the picture that it is for")


def scene_routes(service: Service) -> APIRouter:
    routes = APIRouter(prefix="/api/scene", tags=["scenes"])

    @routes.post("/plan", max_body_size=MEBI)
    async def plan(asked: Sketch, request: Request) -> dict[str, Any]:
        """The scene, and a box for each of its things, farthest first."""
        service.caller(request, "generate")
        return await service.aside(planned, service.studio, asked)

    return routes


def planned(studio: Studio, asked: Sketch) -> dict[str, Any]:
    """thing: its number in the scene; box: left, top, right and bottom, in shares of the picture."""
    scene = scene_from(studio, asked.scene) if isinstance(asked.scene, str) else scene_of(asked.scene)
    width, height = to_size(asked.size)
    side = studio.painter.spec.side
    boxes = [
        {"thing": p.number, "name": scene.things[p.number].name, "box": p.box}
        for p in layout(scene, (width or side, height or side))
    ]
    return {"scene": json.loads(scene.model_dump_json(exclude_defaults=True)), "boxes": boxes}
