"""What a language model is shown of each prompt, from what clip sees in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flashpaint.see.concepts import Concepts
from flashpaint.tell.teller import Sight, Teller


def sights(concepts: Concepts, teller: Teller, prompts: Sequence[str], z: NDArray[np.float32]) -> list[Sight]:
    """z (n, dim). The concepts are seen only for a teller that reads them."""
    if not teller.concepts:
        return [Sight(row, see=concepts.seer.see_text) for row in z]
    near = concepts.near(z, teller.concepts)
    return [
        Sight(row, concepts=words, nearness=concepts.nearness(prompt, row))
        for prompt, row, words in zip(prompts, z, near, strict=True)
    ]
