"""/live: as one types. Over one socket the newest prompt wins, stale work is called off at the next step.

Texts are JSON. A picture is one binary frame: four bytes, big-endian, the length of a JSON header; the header; the
file. No more than one message of each kind waits for a slow reader: newer ones take the place of older.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from typing import Any, Literal

from fastapi import APIRouter, WebSocket
from pydantic import Field, ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from flashpaint.errors import QueueFull
from flashpaint.painting import Event, Finished, Preview, Progress, Told
from flashpaint.request import PaintRequest
from flashpaint.serve.answers import encoded, extras, size_of
from flashpaint.serve.commission import Commission, Wanted
from flashpaint.serve.pictures import TYPES, squeeze
from flashpaint.serve.problems import Problem, problem_of, refused
from flashpaint.serve.schemas import Brush
from flashpaint.serve.service import Service
from flashpaint.serve.who import PROTOCOL, Caller

MOST = 65_536  # characters of one message
NOT_ALLOWED = 1008  # the close code
PATIENCE_S = 1.0  # for the last message to be taken, for the line to have room
AGAIN_S = 0.05


class Typed(Brush):
    """What a client sends: the prompt as it stands now. id: comes back with all that is told of it."""

    type: Literal["paint"] = "paint"
    id: int = 0
    prompt: str
    previews: bool = True
    output_format: Literal["png", "webp", "jpeg"] = "png"
    output_compression: int = Field(90, ge=0, le=100)


class Outbox:
    """What waits to be sent: by kind, the newest alone, in the order in which kinds came up."""

    def __init__(self) -> None:
        self._waiting: dict[str, str | bytes] = {}
        self._some = asyncio.Event()

    def put(self, kind: str, message: str | bytes) -> None:
        self._waiting.pop(kind, None)
        self._waiting[kind] = message
        self._some.set()

    def stale(self) -> None:
        """What is told of an older prompt is of no use any more; its final picture is."""
        for kind in self._waiting.keys() - {"final", "error"}:
            del self._waiting[kind]

    async def take(self) -> str | bytes:
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Typist:
    """One socket."""

    def __init__(self, service: Service, socket: WebSocket, caller: Caller) -> None:
        self.service, self.socket, self.caller = service, socket, caller
        self.outbox = Outbox()
        self.task: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        self.sender = asyncio.ensure_future(self.send())
        try:
            with self.service.watched(self.caller, self.show_out):
                while True:
                    self.hear(await self.socket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: a binary message, which says nothing here
            pass
        finally:
            self.sender.cancel()
            self.call_off()

    def show_out(self, problem: Problem) -> None:
        """Its key holds no longer: it hears so, as far as it reads at all, and is closed."""
        self.call_off()
        self.sender.cancel()
        self.service.keep(self.close(problem))

    async def close(self, problem: Problem) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await self.socket.send_text(told(problem, 0))
            await self.socket.close(NOT_ALLOWED)

    async def send(self) -> None:
        """A slow reader holds this up, and nothing else."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                message = await self.outbox.take()
                await (
                    self.socket.send_bytes(message) if isinstance(message, bytes) else self.socket.send_text(message)
                )

    def hear(self, text: str) -> None:
        number = 0
        try:
            if len(text) > MOST:
                raise refused(f"a message has at most {MOST} characters", None)
            said = json.loads(text)
            number = said.get("id", 0) if isinstance(said, dict) and isinstance(said.get("id", 0), int) else 0
            self.call_off()
            if isinstance(said, dict) and said.get("type") == "cancel":
                self.say("cancelled", number)
                return
            self.task = self.service.keep(self.paint(Typed.model_validate(said)))
        except ValidationError as error:
            self.fail(number, error)
        except ValueError:
            self.fail(number, refused("send JSON with a prompt", None, "invalid_json"))
        except Exception as error:
            self.fail(number, error)

    def call_off(self) -> None:
        self.outbox.stale()
        if self.task is not None:
            self.task.cancel()
            self.task = None

    async def paint(self, typed: Typed) -> None:
        try:
            typed.check_model(self.service.studio, self.service.settings)
            request = PaintRequest(typed.prompt, owner=self.caller.owner, **typed.fields(self.service.studio))
            wanted = (lambda preview, _: preview.step < preview.steps) if typed.previews else None
            deadline = self.service.deadline(self.socket)
            with await self.admitted(request, deadline, wanted) as commission:
                while commission.unfinished:
                    if heard := await commission.next():
                        await self.tell(typed, heard[1])
        except Exception as error:
            self.fail(typed.id, error)

    async def admitted(self, request: PaintRequest, deadline: float | None, wanted: Wanted | None) -> Commission:
        """What typists called off leaves the line within a step: a line that is full of it is tried again."""
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while True:
            try:
                return await self.service.admit([request], deadline, wanted)
            except QueueFull:
                if loop.time() > until:
                    raise
            await asyncio.sleep(AGAIN_S)

    async def tell(self, typed: Typed, event: Event) -> None:
        if isinstance(event, Told):
            self.say("told", typed.id, description=event.description)
        elif isinstance(event, Progress):
            self.say("progress", typed.id, stage=event.stage, step=event.step, steps=event.steps)
        elif isinstance(event, Preview):
            content = await self.service.aside(squeeze, event.picture, "jpeg", 80)
            self.show("preview", content, typed.id, "jpeg", step=event.step, steps=event.steps)
        elif isinstance(event, Finished):
            await self.finish(typed, event)

    async def finish(self, typed: Typed, event: Finished) -> None:
        painting = event.painting
        content = await encoded(self.service, painting, typed)
        self.show("final", content, typed.id, typed.output_format, size=size_of(painting), **extras(painting))

    def say(self, kind: str, number: int, **facts: Any) -> None:
        self.outbox.put(kind, text_of(kind, number, **facts))

    def show(self, kind: str, content: bytes, number: int, form: str, **facts: Any) -> None:
        header = json.dumps({"type": kind, "id": number, "media_type": TYPES[form], **facts}, ensure_ascii=False)
        packed = header.encode()
        self.outbox.put(kind, struct.pack(">I", len(packed)) + packed + content)

    def fail(self, number: int, error: Exception) -> None:
        problem = problem_of(error)
        self.service.metrics.errors.labels(problem.code or "").inc()
        self.outbox.put("error", told(problem, number))


def text_of(kind: str, number: int, **facts: Any) -> str:
    return json.dumps({"type": kind, "id": number, **facts}, ensure_ascii=False)


def told(problem: Problem, number: int) -> str:
    return text_of("error", number, retry_after_s=problem.retry_s, **problem.body)


def live_routes(service: Service) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/live")
    async def live(socket: WebSocket) -> None:
        try:
            caller = service.caller(socket, "generate")
        except Exception as error:
            await socket.send_denial_response(problem_of(error).response())
            return
        offered = [word.strip() for word in socket.headers.get("sec-websocket-protocol", "").split(",")]
        await socket.accept(PROTOCOL if PROTOCOL in offered else None)
        service.metrics.sockets.inc()
        try:
            await Typist(service, socket, caller).serve()
        finally:
            service.metrics.sockets.dec()
            if socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(RuntimeError):
                    await socket.close()

    return routes
