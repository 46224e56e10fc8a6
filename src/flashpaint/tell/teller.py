"""The seam of `tell`: what a language model has to do. Knows no implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sight:
    """What the teller is shown beside the prompt: z (dim,) float32, and the descriptions of the nearest pictures."""

    z: NDArray[np.float32]
    neighbours: tuple[str, ...] = ()


class Teller(Protocol):
    """One canonical English description a prompt, whatever its wording or language."""

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[str]:
        """As many descriptions as prompts; an empty one says that the teller had none."""
        ...
