"""One OpenAI-compatible images endpoint on the wire: a call in, the bytes of its picture out, failures in our words.

Knows fields and events; knows no orders and no threads. Pictures come in the response: no address that a response
names is ever visited.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2  # what openai 3 is built on
import openai

from flashpaint.errors import (
    FlashpaintError,
    ModelNotFound,
    PaintingFailed,
    QueueFull,
    RequestInvalid,
    SizeUnsupported,
)
from flashpaint.paint.decoding import BYTES
from flashpaint.paint.desk import Call

BODY = 4 * BYTES  # of a response: a picture in base64, or some on the way to it
WAIT_S = 10.0  # where an endpoint is full and does not say for how long
STREAMING = frozenset({"stream", "partial_images"})  # one is of no use without the other


@dataclass
class Endpoint:
    """base_url: as the openai client takes it, mostly ending in /v1. connect_s, total_s: timeouts, the second of a
    picture with its retries. refused: fields that it has refused, and that are not sent again."""

    base_url: str
    model: str
    key: str = field(repr=False)
    connect_s: float = 5.0
    total_s: float = 600.0
    retries: int = 2
    refused: set[str] = field(default_factory=set)

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    def client(self) -> openai.AsyncOpenAI:
        """Belongs to the event loop that first uses it."""
        timeout = httpx2.Timeout(self.total_s, connect=self.connect_s)
        http = openai.DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"response": [_cap]})
        return openai.AsyncOpenAI(
            base_url=self.base_url, api_key=self.key, timeout=timeout, max_retries=self.retries, http_client=http
        )

    async def picture(
        self, client: openai.AsyncOpenAI, call: Call, partials: int, told: Callable[[int, bytes], None]
    ) -> bytes:
        """The picture as it came: PNG, WebP, JPEG, or rubbish. told: hears partial pictures, index and bytes."""
        try:
            async with asyncio.timeout(self.total_s):
                return await self._asked(client, call, partials, told)
        except TimeoutError as late:
            raise PaintingFailed(
                f"{self.host} painted for longer than {self.total_s:g} s: allow it more, or ask for less"
            ) from late
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as failure:
            raise self.as_ours(failure) from failure

    async def _asked(
        self, client: openai.AsyncOpenAI, call: Call, partials: int, told: Callable[[int, bytes], None]
    ) -> bytes:
        """Ask, and ask again without the optional fields that the endpoint refuses, each refused once and for all."""
        while True:
            sent = {k: v for k, v in self._optional(partials).items() if k not in self.refused}
            ask = client.images.edit if call.edit else client.images.generate
            try:
                return await _heard(await cast(Any, ask)(model=self.model, **call.fields, **sent), told)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as refusal:
                refused = _refused(refusal, sent, str(call.fields["prompt"]))
                if not refused:
                    raise
                self.refused |= STREAMING if refused & STREAMING else refused

    def _optional(self, partials: int) -> dict[str, Any]:
        streaming = {"stream": True, "partial_images": partials} if partials else {}
        return {"response_format": "b64_json", **streaming}

    def as_ours(self, failure: Exception) -> FlashpaintError:
        """What failed, and what to do next."""
        if isinstance(failure, TooMuch):
            return PaintingFailed(f"{self.host} answered with more than {BODY // 2**20} MiB: no picture is so large")
        if isinstance(failure, openai.APITimeoutError):
            return PaintingFailed(f"{self.host} did not answer in time: see whether it is overloaded, or allow it more")
        if isinstance(failure, openai.APIStatusError):
            return self._of_status(failure)
        if isinstance(failure, openai.APIConnectionError | httpx2.HTTPError):
            return PaintingFailed(f"the connection to {self.host} failed or broke off: see whether it runs, try again")
        if isinstance(failure, openai.APIError) and not isinstance(failure, openai.APIResponseValidationError):
            # told inside a stream
            return self._of_code(failure, PaintingFailed(f"{self.host} gave up: {self._words(failure)}"))
        return PaintingFailed(f"{self.host} answered what is no answer of an images API: see what serves this address")

    def _of_status(self, failure: openai.APIStatusError) -> FlashpaintError:
        status, words, param = failure.status_code, self._words(failure), ours(failure.param)
        if status in (401, 403):
            return PaintingFailed(
                f"{self.host} does not accept the key ({status}): set FLASHPAINT_PAINTER_KEY to one of its own",
                param="painter",
            )
        if status == 404:
            return ModelNotFound(
                f"{self.host} has no model {self.model} or no images API there ({words}): see its list of models, and "
                "whether the address should end in /v1",
                param="painter",
            )
        if status in (429, 503) and failure.code != "insufficient_quota":
            wait = retry_after(failure.response.headers)
            return QueueFull(f"{self.host} has no room ({status}): try again in about {wait:.0f} s", wait_s=wait)
        if status in (400, 413, 422):
            return self._of_code(failure, RequestInvalid(f"{self.host} refuses this request: {words}", param=param))
        return PaintingFailed(f"{self.host} failed with status {status}: {words}")

    def _of_code(self, failure: openai.APIError, otherwise: FlashpaintError) -> FlashpaintError:
        code, words = failure.code or "", self._words(failure)
        if code in ("moderation_blocked", "content_policy_violation"):
            return RequestInvalid(f"{self.host} does not paint this prompt: say it otherwise ({words})", param="prompt")
        if failure.param == "size":
            return SizeUnsupported(f"{self.host} does not paint this size: {words}", param="size")
        return otherwise

    def _words(self, failure: openai.APIError) -> str:
        """The endpoint's own words, one short line, without the key."""
        said = failure.body.get("message") if isinstance(failure.body, dict) else None
        line = " ".join(str(said or failure.body or failure.message).split())
        return line.replace(self.key, "…")[:300] if self.key else line[:300]


class TooMuch(openai.OpenAIError):
    """The response has more bytes than any picture needs; being the client's own kind of error, it is not retried."""


class _Capped(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._left = stream, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooMuch
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _cap(response: httpx2.Response) -> None:
    response.stream = _Capped(cast(httpx2.AsyncByteStream, response.stream), BODY)


async def _heard(answer: Any, told: Callable[[int, bytes], None]) -> bytes:
    """The picture of a response or of a stream of events."""
    if not isinstance(answer, openai.AsyncStream):
        return _of_response(answer)
    async with answer:
        if "event-stream" not in answer.response.headers.get("content-type", ""):  # an endpoint that overlooks `stream`
            await answer.response.aread()
            return _of_response(openai.types.ImagesResponse.model_validate(answer.response.json()))
        async for event in answer:
            kind = str(getattr(event, "type", ""))
            if kind.endswith(".completed"):
                return _bytes(event)
            if kind.endswith(".partial_image") and getattr(event, "b64_json", None):
                told(int(getattr(event, "partial_image_index", None) or 0), _bytes(event))
    raise PaintingFailed("the endpoint broke off before the picture was complete: try again")


def _of_response(answer: Any) -> bytes:
    pictures = getattr(answer, "data", None)
    if not isinstance(pictures, list) or not pictures:
        raise PaintingFailed("the endpoint answered without a picture: see what serves this address")
    return _bytes(pictures[0])


def _bytes(picture: Any) -> bytes:
    text = getattr(picture, "b64_json", None)
    if not isinstance(text, str) or not text:
        if getattr(picture, "url", None):
            raise PaintingFailed(
                "the endpoint answered with an address instead of the picture, and addresses are not visited: set it "
                "to answer with b64_json"
            )
        raise PaintingFailed("the endpoint answered without a picture: see what serves this address")
    try:
        text = "".join(text.split())  # some break its lines, some write a data URL
        return base64.b64decode(text.partition("base64,")[2] or text, validate=True)
    except ValueError as failure:
        raise PaintingFailed(f"the endpoint's picture is no base64 ({failure}): try again") from failure


def _refused(refusal: openai.APIStatusError, sent: Mapping[str, Any], prompt: str) -> set[str]:
    """The optional fields that a refusal names, by its param or else in its words."""
    words = refusal.param or refusal.response.text.replace(prompt, "")
    return {name for name in sent if re.search(rf"\b{name}\b", words)}


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a response asks to wait."""
    try:
        if "retry-after-ms" in headers:
            return float(headers["retry-after-ms"]) / 1000
        value = headers.get("retry-after", "")
        if re.fullmatch(r"[\d.]+", value):
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return WAIT_S


def ours(param: str | None) -> str | None:
    """The field of our request that a field of the API comes from."""
    named = {"prompt", "size", "seed", "steps", "guidance_scale", "negative", "sampler", "schedule", "sigmas", "mask"}
    return param if param in named else "painter" if param == "model" else None
