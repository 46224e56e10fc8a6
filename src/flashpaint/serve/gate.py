"""The outermost door: a request id, a line in the log, headers for every answer, and who is turned away unheard.

A page elsewhere must not reach a server that trusts whoever reaches it: Host is checked on loopback (DNS rebinding),
Origin where something is done. Plain ASGI, so that streams and disconnects pass untouched.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flashpaint.serve.logs import request_id
from flashpaint.serve.problems import Problem, of_http, problem_of
from flashpaint.serve.service import Service
from flashpaint.serve.settings import is_loopback
from flashpaint.serve.who import caller_of

log = logging.getLogger("flashpaint.serve")

ID = re.compile(r"[\w.-]{1,64}")
SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
}
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "DELETE", "PUT", "PATCH", "WEBSOCKET")  # labels must not be endless
KEYED = ("/v1/", "/api/", "/live", "/metrics")
BODY_S = 120.0
SAFE = ("GET", "HEAD", "OPTIONS")


def check_host(service: Service, connection: HTTPConnection) -> None:
    if not service.settings.loopback:
        return
    host = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
    if not is_loopback(host) and host not in service.settings.hosts:
        said = f"this server does not answer to the name {host!r}: start it with --allow-host, or use localhost"
        raise Problem(403, "permission_error", said, code="host_refused")


def check_origin(service: Service, connection: HTTPConnection) -> None:
    """A browser says which page asks; other programs say nothing."""
    origin = connection.headers.get("origin")
    if origin is None or connection.scope.get("method") in SAFE:
        return
    if urlsplit(origin).netloc != connection.headers.get("host") and origin not in service.settings.origins:
        said = f"a page of {origin} may not use this server: start it with --allow-origin {origin}"
        raise Problem(403, "permission_error", said, code="origin_refused")


def check_key(service: Service, connection: HTTPConnection) -> None:
    """Before a byte of the body is read; the routes then ask for the scope."""
    if connection.scope["path"].startswith(KEYED) and connection.scope.get("method") != "OPTIONS":
        caller_of(connection, service.keys, service.settings)


class Gate:
    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visit = Visit(scope, send, self.service)
        try:
            check_host(self.service, visit.connection)
            check_origin(self.service, visit.connection)
            check_key(self.service, visit.connection)
            await self.app(scope, visit.receiver(receive), visit.send)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # the framework answers, then raises it on, to be logged: problem_of has done so
            if not visit.status:
                visit.problem = problem_of(error)
                await visit.problem.response()(scope, receive, visit.send)
        finally:
            visit.told()


def is_json(start: Message) -> bool:
    return "json" in Headers(raw=start.get("headers", [])).get("content-type", "")


class Visit:
    """One request, from its first byte to its line in the log."""

    def __init__(self, scope: Scope, send: Send, service: Service) -> None:
        self.scope, self._send, self.service = scope, send, service
        self.connection = HTTPConnection(scope)
        given = Headers(scope=scope).get("x-request-id", "")
        self.id = given if ID.fullmatch(given) else f"req-{secrets.token_hex(12)}"
        self.status, self.began = 0, time.perf_counter()
        self.problem: Problem | None = None
        self.replaced = False
        request_id.set(self.id)

    def receiver(self, receive: Receive) -> Receive:
        """The body, as long as it comes within BODY_S; after it, nothing but the hanging up."""
        loop, whole = asyncio.get_running_loop(), self.scope["type"] != "http"
        until = loop.time() + BODY_S

        async def received() -> Message:
            nonlocal whole
            try:
                async with asyncio.timeout_at(None if whole else until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408) from None
            whole = whole or not message.get("more_body", False)
            return message

        return received

    async def send(self, message: Message) -> None:
        """On to the client. Where a layer below answers an error in words of its own, ours stand in its place."""
        if self.replaced:
            return
        if message["type"] == "http.response.start" and message["status"] >= 400 and not is_json(message):
            self.problem, self.replaced = of_http(HTTPException(message["status"])), True
            response = self.problem.response()
            message = {**message, "headers": response.raw_headers}
            await self._start(message)
            await self._send({"type": "http.response.body", "body": response.body})
        else:
            await self._start(message)

    async def _start(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            headers["x-request-id"] = self.id
            for name, value in SECURE.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    def told(self) -> None:
        route, said = getattr(self.scope.get("route"), "path", "none"), self.scope.get("method", "WEBSOCKET")
        method, seconds = said if said in METHODS else "OTHER", time.perf_counter() - self.began
        problem = self.problem or self.scope.get("state", {}).get("problem")
        self.service.metrics.requests.labels(route, method, str(self.status)).inc()
        self.service.metrics.request_s.labels(route).observe(seconds)
        facts = {"method": method, "route": route, "status": self.status, "seconds": round(seconds, 4)}
        if problem is not None:
            facts |= {"code": problem.code, "param": problem.param}
            self.service.metrics.errors.labels(problem.code or "").inc()
        log.info("request", extra={"facts": facts})
