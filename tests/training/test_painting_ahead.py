"""Batches that another process makes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from training.ahead import ahead


def numbers(seed: str) -> Iterator[float]:
    rng = random.Random(seed)
    while True:
        yield rng.random()


def broken(seed: str) -> Iterator[float]:
    yield 1.0
    raise ValueError("no more")


def test_what_is_made_ahead_is_what_would_be_made_here() -> None:
    assert list(islice(ahead(numbers, "a"), 6)) == list(islice(numbers("a 0"), 6))


def test_what_breaks_there_is_raised_here() -> None:
    with pytest.raises(ValueError, match="no more"):
        list(ahead(broken, "a"))
