"""Work that needs no Python, done in threads of its own beside what does: hashing, compiling, first runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def beside(make: Callable[[], T]) -> Future[T]:
    """Begin it, after what was begun before; `result` waits, and raises what went wrong. It may wait for what was begun
    before it, and for nothing else."""
    return _workers(os.getpid()).submit(make)


def drop() -> None:
    """What has not begun yet is never done: the process is about to end."""
    if _workers.cache_info().currsize:
        _workers(os.getpid()).shutdown(wait=False, cancel_futures=True)
        _workers.cache_clear()


@lru_cache(maxsize=1)
def _workers(process: int) -> ThreadPoolExecutor:
    """Of this process: a fork has none of its parent's threads. One core is left to Python."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), f"beside {process}")
