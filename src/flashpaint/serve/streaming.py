"""Server-sent events as the `openai` client reads them (shared/design/openai-images.md, section 6).

Nothing but partial pictures, completed pictures and one error travels as data: clients take any other type for a
picture. What else there is to tell goes into comments, which also keep the connection alive.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from flashpaint.painting import Event, Finished, Painting, Preview, Progress
from flashpaint.request import PaintRequest
from flashpaint.serve.answers import encoded, extras, frame, usage
from flashpaint.serve.commission import Commission, Wanted
from flashpaint.serve.pictures import squeeze
from flashpaint.serve.problems import problem_of
from flashpaint.serve.schemas import Answered
from flashpaint.serve.service import Service
from flashpaint.serve.who import Caller

log = logging.getLogger("flashpaint.serve")


def spread(number: int) -> Wanted:
    """Whether a preview is one of so many, evenly over the steps that are painted; none of the last, which the picture
    itself shows."""

    def wanted(preview: Preview, skipped: int) -> bool:
        left = preview.steps - skipped
        shown = {skipped + math.ceil(left * k / (number + 1)) for k in range(1, number + 1)}
        return preview.step in shown and preview.step < preview.steps

    return wanted


def event(body: dict[str, Any]) -> str:
    return f"event: {body['type']}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


class Telling:
    """The stream of one commission. kind: "image_generation" or "image_edit"."""

    def __init__(
        self,
        service: Service,
        caller: Caller,
        commission: Commission,
        requests: Sequence[PaintRequest],
        asked: Answered,
        kind: str,
    ) -> None:
        self.service, self.caller, self.commission, self.requests = service, caller, commission, requests
        self.asked, self.kind, self.partials = asked, kind, Counter[int]()

    def response(self) -> StreamingResponse:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return Stream(self, self.lines(), media_type="text/event-stream", headers=headers)

    async def lines(self) -> AsyncIterator[str]:
        """Ends with the last completed picture or with an error, whatever happens."""
        with self.commission, self.service.watched(self.caller, self.commission.refuse):
            try:
                yield self.comment(None)
                while self.commission.unfinished:
                    heard = await self.commission.next(self.service.settings.heartbeat_s)
                    yield self.comment(None) if heard is None else await self.line(*heard)
            except Exception as error:
                problem = problem_of(error)
                self.service.metrics.errors.labels(problem.code or "").inc()
                yield event({"type": "error", **problem.body})

    async def line(self, which: int, heard: Event) -> str:
        if isinstance(heard, Finished):
            return event(await self.completed(which, heard.painting))
        if isinstance(heard, Preview):
            return event(await self.partial(which, heard))
        return self.comment(heard if isinstance(heard, Progress) else None)

    def comment(self, heard: Progress | None) -> str:
        if heard is not None:
            return f": {heard.stage} {heard.step}/{heard.steps}\n\n"
        wait = self.commission.expected_wait_s
        return f": waiting, {self.commission.position} before, about {wait:.1f} s\n\n" if wait else ": painting\n\n"

    async def partial(self, which: int, preview: Preview) -> dict[str, Any]:
        asked = self.asked
        content = await self.service.aside(squeeze, preview.picture, asked.output_format, asked.output_compression)
        self.partials[which] += 1
        return {
            **self._common("partial_image", which, content, None),
            "partial_image_index": self.partials[which] - 1,
            "size": f"{preview.picture.width}x{preview.picture.height}",
        }

    async def completed(self, which: int, painting: Painting) -> dict[str, Any]:
        content = await encoded(self.service, painting, self.asked)
        spent = usage(self.requests, [painting])
        del spent["output_tokens_details"]
        return {**self._common("completed", which, content, painting), "usage": spent, **extras(painting)}

    def _common(self, what: str, which: int, content: bytes, painting: Painting | None) -> dict[str, Any]:
        return {
            "type": f"{self.kind}.{what}",
            "b64_json": base64.b64encode(content).decode(),
            "created_at": int(time.time()),
            "image_index": which,
            **frame(self.asked, painting),
        }


class Stream(StreamingResponse):
    """Who hangs up before the first line leaves no commission behind."""

    def __init__(self, telling: Telling, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.commission = telling.commission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if not self.commission.easel.keep_going:
                self.commission.close()
