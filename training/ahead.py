"""Batches made ahead by processes of their own, while this one trains. Knows nothing of what a batch is."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from typing import Any, TypeVar

Batch = TypeVar("Batch")

WAITING = 4  # batches that may lie ready


def ahead(make: Callable[[str], Iterator[Batch]], seed: str, processes: int = 1) -> Iterator[Batch]:
    """What `make` yields without end, seeded apart in each process; they end with this one, whatever ends it."""
    context = multiprocessing.get_context("spawn")
    ready: Queue[Any] = context.Queue(WAITING)
    for k in range(processes):
        context.Process(target=_fill, args=(make, f"{seed} {k}", ready), daemon=True).start()
    while True:
        batch = ready.get()
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def _fill(make: Callable[[str], Iterator[Any]], seed: str, ready: Queue[Any]) -> None:
    import torch

    torch.set_num_threads(1)
    try:
        for batch in make(seed):
            ready.put(batch)
    except Exception as error:
        ready.put(error)
