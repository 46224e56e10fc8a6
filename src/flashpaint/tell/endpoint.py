"""A describer behind any OpenAI-compatible chat endpoint: llama.cpp, Ollama, vLLM and others. Needs the extra "remote".

Painting never fails for its sake: where it is down, slow or talks rubbish, the prompt is painted and a note says why.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from flashpaint.errors import ModelNotFound, OutOfRange
from flashpaint.tell.check import checked
from flashpaint.tell.instruction import INSTRUCTION, request_of
from flashpaint.tell.teller import Sight, Telling

TOKENS = 80  # fifty English words
REST_S = 30.0  # after two failures in a row it is not asked for so long


class EndpointTeller:
    """url: up to and with /v1; model: as the endpoint calls it. key: None for FLASHPAINT_TELLER_KEY, or OPENAI_API_KEY
    over https or to this machine. timeout_s: of a whole answer; retries: with the client's growing, jittered pauses;
    together: requests at once. clock: seconds."""

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
        if not model:
            raise OutOfRange(f"{url} names no model: write {url}#MODEL, as the endpoint calls it", param="teller")
        self.url, self.model, self._clock = url, model, clock
        self._failures, self._rests_until = 0, 0.0
        self._pool = ThreadPoolExecutor(together, thread_name_prefix="teller")
        self._client = openai.OpenAI(
            base_url=url,
            api_key=key or key_for(url),
            timeout=httpx2.Timeout(timeout_s, connect=min(2.0, timeout_s)),
            max_retries=retries,
        )

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        if self._clock() < self._rests_until:
            return [Telling("", f"{self.url} failed a moment ago and rests: the prompt itself is painted")] * len(
                prompts
            )
        return list(self._pool.map(self._one, prompts, sights))

    def _one(self, prompt: str, sight: Sight) -> Telling:
        import openai

        messages: list[Any] = [
            {"role": "system", "content": INSTRUCTION},
            {"role": "user", "content": request_of(prompt, sight)},
        ]
        try:
            answer = self._client.chat.completions.create(
                model=self.model, messages=messages, temperature=0, max_tokens=TOKENS
            )
            said = answer.choices[0].message.content
        except (openai.OpenAIError, AttributeError, IndexError, TypeError, ValueError) as failure:
            return self._failed(failure)
        self._failures = 0
        return checked(said if isinstance(said, str) else "", prompt)

    def _failed(self, failure: Exception) -> Telling:
        self._failures += 1
        if self._failures >= 2:
            self._rests_until = self._clock() + REST_S
        why = " ".join(str(failure).split())[:200] or "no answer"
        return Telling("", f"{self.url} gave no description ({type(failure).__name__}: {why}): the prompt is painted")


def key_for(url: str) -> str:
    """A key from the environment; a general one never goes to a stranger in clear text."""
    parts = urlsplit(url)
    trusted = parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")
    general = os.environ.get("OPENAI_API_KEY") if trusted else None
    return os.environ.get("FLASHPAINT_TELLER_KEY") or general or "none"
