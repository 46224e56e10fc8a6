"""The seam of `tell`: what a language model has to do. Knows no implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sight:
    """What the teller is shown beside the prompt.

    z: (dim,) float32, the prompt's features; neighbours: descriptions of the nearest pictures; concepts: the words that
    clip finds nearest to the prompt, nearest first; nearness: of any text to z, as the share of everyday words that lie
    farther from it, None where clip cannot say; see: texts as z is of the prompt, (n, dim).
    read: the description that the prompt's own words make where all are known, or of those that are; "" for none.
    """

    z: NDArray[np.float32]
    neighbours: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()
    nearness: Callable[[str], float] | None = None
    see: Callable[[Sequence[str]], NDArray[np.float32]] | None = None
    read: str = ""


@dataclass(frozen=True)
class Telling:
    """description: "" where the teller has none, so that the prompt itself is painted; note: why, for the caller."""

    description: str
    note: str = ""


class Teller(Protocol):
    """One canonical English description a prompt, whatever its wording or language.

    name: of the model and its version, under which descriptions are remembered; concepts: how many of the words that
    clip finds near a prompt it reads.
    """

    @property
    def name(self) -> str: ...

    @property
    def concepts(self) -> int: ...

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        """As many as prompts. A prompt that cannot be told gets an empty one: only a broken request raises."""
        ...
