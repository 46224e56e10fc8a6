"""The ingress: our own service, unchanged, over a studio whose models are replicas."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from flashpaint.cluster.models import Models
from flashpaint.cluster.painter import ray_painter
from flashpaint.cluster.reader import RayTeller, ray_seer
from flashpaint.memory.opening import open_memory
from flashpaint.serve.app import build
from flashpaint.serve.logs import log_to_stderr
from flashpaint.serve.service import Service
from flashpaint.serve.settings import Settings
from flashpaint.studio import Studio


@serve.ingress()  # the application is made in the replica, below
class Ingress:
    """memory: as `Studio.open` takes it; a folder serves one ingress, an address any number."""

    async def __init__(  # type: ignore[misc]  # Ray awaits it
        self,
        read: DeploymentHandle[Any],
        paint: DeploymentHandle[Any],
        models: Models,
        settings: Settings,
        memory: str | None = None,
    ) -> None:
        log_to_stderr()
        painter = ray_painter(paint, await paint.card.remote())
        card = await read.card.remote()
        kept = open_memory(memory, painter.spec.title, card.seer, models.folder()) if memory else None
        self.studio = Studio(ray_seer(read, card), RayTeller(read, card), painter, kept, models.open_spelling())
        self.studio.reading = nullcontext()  # each replica has a lock of its own
        self.settings = settings

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return build(Service(self.studio, self.settings))
