"""The process: uvicorn around the application, told to stop by SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from flashpaint.errors import OutOfRange
from flashpaint.serve.app import build
from flashpaint.serve.keys import Keys
from flashpaint.serve.service import Service
from flashpaint.serve.settings import MEBI, Settings
from flashpaint.studio import Studio

log = logging.getLogger("flashpaint.serve")

HEADERS_S = 15.0


class Server(uvicorn.Server):
    """Told to stop, it takes on nothing new, finishes what it has, and goes."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        found = [held.getsockname() for one in self.servers for held in one.sockets]
        log.info("listening", extra={"facts": {"at": [f"{name[0]}:{name[1]}" for name in found]}})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.service.stop()
        await super().shutdown(sockets)


class Hurried(H11Protocol):
    """A connection whose request line and headers are not there after HEADERS_S is closed."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.hurry: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.hurry is not None:
            self.hurry.cancel()  # else the loop holds what is gone for HEADERS_S

    def _watch(self) -> None:
        """Between two requests that hold still, keep-alive counts; once one has begun, we do."""
        waiting = self.cycle is None or self.cycle.response_complete
        if waiting and self.hurry is None:
            self.hurry = self.loop.call_later(HEADERS_S, self._late)
        elif not waiting and self.hurry is not None:
            self.hurry = self.hurry.cancel()  # type: ignore[func-returns-value]

    def _late(self) -> None:
        if self.transport.get_protocol() is self:  # else it has become a socket
            self.transport.close()


def check_reach(settings: Settings) -> None:
    """Raise OutOfRange where strangers could paint without a key."""
    if not settings.loopback and not settings.open and not Keys(settings.folder).all():
        raise OutOfRange(
            f"whoever reaches {settings.host} could paint: make a key first (flashpaint keys add NAME), or say --open",
            param="host",
        )


def bound(settings: Settings) -> socket.socket:
    """The open port: asked for before models are loaded. Raises OutOfRange where it is not to be had."""
    host, port = settings.host.strip("[]"), settings.port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:  # a name that is none, too
        raise OutOfRange(
            f"{settings.host}:{port} cannot be listened on ({error.strerror}): choose another --port or --host",
            param="port",
        ) from error


def server(studio: Studio, settings: Settings) -> Server:
    check_reach(settings)
    service = Service(studio, settings)
    config = uvicorn.Config(
        build(service),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        http=Hurried,
        timeout_graceful_shutdown=math.ceil(settings.drain_s) + 2,  # what is not done by drain_s is told so before
        timeout_keep_alive=30,
        ws_max_size=MEBI,
        ws_max_queue=8,
        ws_per_message_deflate=False,  # pictures are compressed already
        lifespan="on",
    )
    return Server(config, service)
