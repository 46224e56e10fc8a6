"""What the server tells of itself: models, whether it is alive and ready, metrics; and what signed urls open."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from flashpaint.serve.history import History
from flashpaint.serve.problems import Problem, missing
from flashpaint.serve.service import Service
from flashpaint.serve.who import secret_of


def own_routes(service: Service, history: History) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/api/models")
    async def models(request: Request) -> dict[str, Any]:
        """What sees, tells and paints here, and what it heeds."""
        service.caller(request, "generate")
        studio = service.studio
        spec = studio.painter.spec
        painter = {
            "name": spec.name,
            "version": spec.version,
            "engine": studio.painter.engine,
            "steps": spec.steps,
            "guidance_scale": spec.guidance_scale,
            "side": spec.side,
            "sides": [*spec.sides],
            "sizes": [f"{width}x{height}" for width, height in spec.sizes],
            "heeds": sorted(spec.heeds),
            "loras": list(spec.loras),
            "sampler": spec.sampler,
            "canvases": ["tile", "panorama"] if hasattr(spec, "downscale") else [],
        }
        return {
            "painter": painter,
            "seer": studio.seer.name,
            "teller": studio.teller.name,
            "memory": studio.memory is not None,
        }

    @routes.get("/pictures/{name}")
    async def picture(name: str, request: Request, expires: str = "", owner: str = "", signature: str = "") -> Response:
        """What a signed url opens, for as long as it holds: without a key, but not with another owner's."""
        service.shelf.check(name, expires, owner, signature)
        key = service.keys.find(secret_of(request))
        if key is not None and service.shelf.mark_of(key.name) != owner:
            raise missing("this picture is not here, or no longer")
        found = service.shelf.get(name) if "." in name else await history.picture(name, owner)
        return Response(found[0], media_type=found[1], headers={"cache-control": "private, max-age=3600"})

    return routes


def health_routes(service: Service) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/healthz")
    async def live() -> dict[str, str]:
        """It answers."""
        return {"status": "ok"}

    @routes.get("/readyz")
    async def ready() -> dict[str, str]:
        """It is warm, and not about to stop."""
        if service.draining or not service.ready:
            said = "stopping" if service.draining else "warming up"
            raise Problem(503, "server_error", said, code=said.replace(" ", "_"), retry_s=1)
        return {"status": "ready"}

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        """For Prometheus; with a key where keys are needed."""
        service.caller(request, "admin")
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes
