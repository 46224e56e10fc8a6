"""The application: routes, errors and the gate around them. Whoever has a studio and settings can have a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from flashpaint.serve import problems
from flashpaint.serve.api_routes import job_routes, memory_routes
from flashpaint.serve.gate import Gate
from flashpaint.serve.history import History
from flashpaint.serve.jobs import Jobs
from flashpaint.serve.live import live_routes
from flashpaint.serve.openai_routes import openai_routes
from flashpaint.serve.own_routes import health_routes, own_routes
from flashpaint.serve.page_routes import page_routes
from flashpaint.serve.scene_routes import scene_routes
from flashpaint.serve.service import Service

ALLOWED = ["authorization", "content-type", "x-deadline-ms", "x-request-id"]


def build(service: Service) -> ASGIApp:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.get_running_loop().create_task(service.warm())
        yield
        warming.cancel()
        await service.drain()

    app = FastAPI(
        title="flashpaint",
        version=version("flashpaint"),
        summary="Text to picture in real time: OpenAI's Images API, and more.",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        max_body_size=service.settings.body_bytes,
        lifespan=lifespan,
    )
    problems.install(app)
    history = History(service)
    for routes in (
        openai_routes(service),
        job_routes(service, Jobs(service)),
        memory_routes(service, history),
        own_routes(service, history),
        scene_routes(service),
        live_routes(service),
        health_routes(service),
        page_routes(),
    ):
        app.include_router(routes)
    if origins := list(service.settings.origins):
        # never with credentials: a page elsewhere sends its own key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["*"],
            allow_headers=ALLOWED,
            expose_headers=["x-request-id", "retry-after"],
        )
    return Gate(app, service)
