"""What a language model is shown of each prompt: what clip sees in it, and what its own words say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flashpaint.reading import Reading
from flashpaint.see.concepts import Concepts
from flashpaint.see.seer import Seer
from flashpaint.see.taught import TaughtSeer
from flashpaint.tell.teller import Sight, Teller


class Sights:
    def __init__(self, seer: Seer) -> None:
        self.seer, self.concepts = seer, Concepts(seer)

    def __call__(self, teller: Teller, prompts: Sequence[str], z: NDArray[np.float32]) -> list[Sight]:
        """z (n, dim). The concepts are seen only for a teller that reads them, the others are clip's own."""
        if not teller.concepts:
            return [self.own(prompt, row) for prompt, row in zip(prompts, z, strict=True)]
        near = self.concepts.near(z, teller.concepts)
        return [
            Sight(row, concepts=words, nearness=self.concepts.nearness(prompt, row))
            for prompt, row, words in zip(prompts, z, near, strict=True)
        ]

    def own(self, prompt: str, z: NDArray[np.float32]) -> Sight:
        """For the language model that was trained beside this clip."""
        return Sight(z, see=self.seer.see_text, read=self.read(prompt) or self.reading.spot(prompt))

    def read(self, text: str) -> str:
        """What a text's own words say; "" where not all of them are known."""
        return self.reading.read(text)

    @cached_property
    def reading(self) -> Reading:
        return Reading(self.seer.taught, self.seer.names) if isinstance(self.seer, TaughtSeer) else Reading({}, {})
