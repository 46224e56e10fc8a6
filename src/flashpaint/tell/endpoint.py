"""A describer behind any OpenAI-compatible chat endpoint: llama.cpp, Ollama, vLLM and others. Needs the extra "remote".

Painting never fails for its sake: where it is down, slow or talks rubbish, the prompt is painted and a note says why.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from flashpaint.errors import ModelNotFound, OutOfRange
from flashpaint.tell.check import checked
from flashpaint.tell.instruction import messages_of
from flashpaint.tell.teller import Sight, Telling

TOKENS = 80  # fifty English words
REST_S = 10.0
GRACE_S = 0.5  # so that the client's own timeout, which says more, comes first


class Resting(Exception):
    """The endpoint is not asked now."""


class EndpointTeller:
    """url: up to and with /v1; model: as the endpoint calls it. key: None for FLASHPAINT_TELLER_KEY, or OPENAI_API_KEY
    over https or to this machine. timeout_s: for which a prompt waits at most, the client's retries (with growing,
    jittered pauses, or as long as the server says) included; together: requests at once. clock: seconds."""

    concepts = 5

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None = None,
        timeout_s: float = 8.0,
        retries: int = 1,
        together: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            import httpx2
            import openai
        except ImportError as missing:
            raise ModelNotFound(
                f"{url} needs the openai client ({missing}): pip install 'flashpaint[remote]'", param="teller"
            ) from missing
        self.name = f"{url}#{model}"
        if not model:
            raise OutOfRange(f"{url} names no model: write {url}#MODEL, as the endpoint calls it", param="teller")
        self.url, self.model = url, model
        self._timeout_s, self._together, self._breaker = timeout_s, together, Breaker(clock)
        self._extras: dict[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}
        self._pool = ThreadPoolExecutor(together, thread_name_prefix="teller")
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or key_for(url),
            timeout=httpx2.Timeout(timeout_s, connect=min(2.0, timeout_s)),
            max_retries=retries,
        )

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        rounds = -(-len(prompts) // self._together)
        ends = time.monotonic() + rounds * self._timeout_s + GRACE_S
        asked = [self._pool.submit(self._ask, p, s, ends) for p, s in zip(prompts, sights, strict=True)]
        return [self._told(*each, ends) for each in zip(asked, prompts, sights, strict=True)]

    def _told(self, asked: Future[str], prompt: str, sight: Sight, ends: float) -> Telling:
        """Checked by the caller: what sights lend is not for many threads."""
        try:
            return checked(asked.result(max(0.0, ends - time.monotonic())), prompt, sight.nearness)
        except Resting:
            return Telling("", f"{self.url} failed a moment ago and rests: the prompt itself is painted")
        except Exception as failure:  # the client's, the network's, and whatever a stranger's JSON does to both
            if not asked.done():  # bytes come, but no end: no timeout of the client's ends that
                asked.cancel()
                self._breaker.failed()
            why = " ".join(str(failure).split())[:200] or "no answer in time"
            note = f"{self.url} gave no description ({type(failure).__name__}: {why}): the prompt itself is painted"
            return Telling("", note)

    def _ask(self, prompt: str, sight: Sight, ends: float) -> str:
        if self._breaker.rests:
            raise Resting
        try:
            said = self._answer(messages_of(prompt, sight)).choices[0].message.content
        except Exception:
            self._breaker.failed()
            raise
        if time.monotonic() < ends:
            self._breaker.worked()
        return said if isinstance(said, str) else ""

    def write(self, messages: list[dict[str, str]], tokens: int) -> str:
        """The model's whole answer to messages of a caller's own. Raises what the client does."""
        return self._answer(messages, tokens).choices[0].message.content or ""

    def _answer(self, messages: list[Any], tokens: int = TOKENS) -> Any:
        """Without thinking aloud; an endpoint that takes no such wish is asked again, and from then on, without it."""
        import openai

        settings: dict[str, Any] = {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": tokens}
        try:
            return self._client.chat.completions.create(**settings, extra_body=self._extras)
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            if not self._extras:
                raise
        answer = self._client.chat.completions.create(**settings)
        self._extras = {}
        return answer


class Breaker:
    """After two failures in a row the endpoint rests for REST_S seconds; after that, one more is enough."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._failures, self._until = 0, 0.0

    @property
    def rests(self) -> bool:
        return self._clock() < self._until

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= 2:
                self._until = self._clock() + REST_S

    def worked(self) -> None:
        with self._lock:
            self._failures, self._until = 0, 0.0


def key_for(url: str) -> str:
    """A key from the environment; a general one never goes to a stranger in clear text."""
    parts = urlsplit(url)
    trusted = parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
    general = os.environ.get("OPENAI_API_KEY") if trusted else None
    return os.environ.get("FLASHPAINT_TELLER_KEY") or general or "none"
