"""Where the time of a picture goes, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up the seconds of each stage; `total` runs from its making."""

    def __init__(self) -> None:
        self._started, self._spent = time.perf_counter(), dict[str, float]()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._spent[stage] = self._spent.get(stage, 0.0) + time.perf_counter() - started

    def move(self, one: str, other: str, seconds: float) -> None:
        """Count these seconds of one stage as another's."""
        self._spent[one] = self._spent.get(one, 0.0) - seconds
        self._spent[other] = self._spent.get(other, 0.0) + seconds

    def seconds(self) -> dict[str, float]:
        return {**self._spent, "total": time.perf_counter() - self._started}
