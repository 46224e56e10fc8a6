"""What went wrong, in OpenAI's shape: every error that leaves by HTTP, the socket or a stream is made here."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from flashpaint.errors import (
    Cancelled,
    FlashpaintError,
    MemoryBusy,
    ModelNotFound,
    PictureUnreadable,
    QueueFull,
    ReplicaLost,
    RequestInvalid,
)

log = logging.getLogger("flashpaint.serve")

KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
SAID = {
    404: "there is nothing here: the routes are listed in /openapi.json",
    405: "this route does not take that method",
    408: "the request took too long to arrive: send it faster, or less of it",
    413: "the request is larger than this server takes",
    415: "this route does not read that content type",
}
PATH = re.compile(r"(?<!\w)(?:[A-Za-z]:)?[/\\][^\s/\\:'\"]+(?:[/\\][^\s:'\"]*)+")
CODES = {
    408: "request_timeout",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


class Problem(Exception):
    """An answer that is an error. retry_s: when to come back, None where coming back is of no use."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.param, self.code = status, kind, message, param, code
        self.retry_s, self.extra = retry_s, headers or {}

    @property
    def body(self) -> dict[str, Any]:
        said = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": said}

    @property
    def headers(self) -> dict[str, str]:
        """A client that paints again by itself what cannot be painted burns the device twice: it is told not to."""
        found = {"x-should-retry": "false" if self.retry_s is None else "true", **self.extra}
        if self.retry_s is not None:
            found["retry-after"] = str(max(1, math.ceil(self.retry_s)))
        return found

    def response(self) -> JSONResponse:
        return JSONResponse(self.body, self.status, self.headers)


def refused(message: str, param: str | None, code: str = "invalid_value") -> Problem:
    return Problem(400, "invalid_request_error", message, param=param, code=code)


def missing(what: str, param: str | None = None) -> Problem:
    return Problem(404, "not_found_error", what, param=param, code="not_found")


def problem_of(error: BaseException) -> Problem:
    """Any failure as a Problem; what nobody foresaw is logged and told without its insides."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, FlashpaintError):
        return of_ours(error)
    if isinstance(error, RequestValidationError | ValidationError):
        return of_fields(error.errors()[0])
    if isinstance(error, HTTPException):
        return of_http(error)
    if isinstance(error, ClientDisconnect):
        return refused("the client hung up before its request was whole", None, "incomplete")
    log.error("unforeseen", exc_info=error)
    return Problem(500, "server_error", "the server failed on this request: its log says why", code="internal_error")


def of_ours(error: FlashpaintError) -> Problem:
    if isinstance(error, QueueFull):
        return Problem(429, "rate_limit_error", error.message, code=error.code, retry_s=error.wait_s)
    if isinstance(error, MemoryBusy | ReplicaLost):
        return Problem(503, "server_error", without_paths(error.message), code=error.code, retry_s=2)
    if isinstance(error, RequestInvalid | PictureUnreadable):
        return refused(error.message, error.param, error.code)
    if isinstance(error, ModelNotFound):
        return Problem(404, "not_found_error", error.message, param=error.param, code=error.code)
    log.error("failed", exc_info=error)
    status = 503 if isinstance(error, Cancelled) else 500
    return Problem(status, "server_error", without_paths(error.message), param=error.param, code=error.code)


def without_paths(text: str) -> str:
    """Where things lie on the server is the operator's to know."""
    return PATH.sub("…", text)


def of_fields(first: Mapping[str, Any]) -> Problem:
    """The first thing that pydantic found."""
    where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    param, kind = (where[0] if where else None), str(first["type"])
    if kind == "json_invalid":
        return refused(f"the body is no JSON ({first.get('ctx', {}).get('error', '')})", None, "invalid_json")
    if param is None:
        return refused("send a JSON object, as content-type: application/json", None, "invalid_json")
    if kind == "extra_forbidden":
        return refused(f"{param} is not supported here: leave it out", param, "unknown_parameter")
    if kind == "missing":
        return refused(f"{param} is missing: give it", param, "missing_required_parameter")
    return refused(f"{param}: {first['msg'].removeprefix('Value error, ')}", param)


def of_http(error: HTTPException) -> Problem:
    status = error.status_code
    said = SAID.get(status) or str(error.detail)
    kind = KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = CODES.get(status, "bad_request" if status < 500 else "internal_error")
    return Problem(status, kind, said, code=code, headers=error.headers)


def install(app: FastAPI) -> None:
    """In place of the framework's own shapes."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = problem_of(error)
        if problem.code == "invalid_json" and "json" not in request.headers.get("content-type", "application/json"):
            problem = of_http(HTTPException(415))
        request.state.problem = problem
        return problem.response()

    for kind in (Problem, FlashpaintError, RequestValidationError, ValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
