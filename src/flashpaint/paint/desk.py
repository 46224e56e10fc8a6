"""Where calls to an endpoint are made: an event loop on a thread of its own, and the steps that callers hear of it.

Knows no endpoint and no orders.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from flashpaint.errors import FlashpaintError
from flashpaint.paint.step import HeardSteps, Step

CLOSE_S = 5.0

Heard = queue.SimpleQueue[Step | FlashpaintError]


@dataclass(frozen=True)
class Call:
    """fields: of the API, by name; edit: to images/edits rather than images/generations."""

    fields: Mapping[str, Any]
    edit: bool = False


class RemoteSteps(HeardSteps):
    """The steps of one picture that is painted elsewhere; calling it off hangs up."""

    def __init__(self) -> None:
        super().__init__()
        self.future: Future[None] | None = None

    def call_off(self) -> None:
        if self.future is not None:
            self.future.cancel()


class Desk:
    """An event loop on a thread of its own, where so many calls are made at once, by one client."""

    def __init__(self, at_once: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.turn = asyncio.Semaphore(at_once)
        self.client: Any = None
        self._thread = threading.Thread(target=self.loop.run_forever, name="remote painter", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def close(self) -> None:
        """Cancel all calls and hang up, within CLOSE_S."""
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(CLOSE_S)
        self.stop()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self.loop.close()

    async def _end(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if self.client is not None:
            await self.client.close()
