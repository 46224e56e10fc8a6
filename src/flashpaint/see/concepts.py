"""What clip sees in a prompt, as words: the concepts of a fixed list that lie nearest to z. Knows no teller."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashpaint.see.seer import Seer

LIST = Path(__file__).parent / "concepts.txt"


class Concepts:
    """words: English, everyday things, places, times and styles where none are given; seen at the first need."""

    def __init__(self, seer: Seer, words: Sequence[str] | None = None) -> None:
        self.seer, self.words = seer, list(words or LIST.read_text("utf-8").splitlines())
        self._features: NDArray[np.float32] | None = None

    def near(self, z: NDArray[np.float32], k: int) -> list[tuple[str, ...]]:
        """The k nearest words to each row of z (n, dim), nearest first."""
        if self._features is None:
            self._features = self.seer.see_text(self.words)
        order = np.argsort(-(z @ self._features.T), axis=1, kind="stable")[:, :k]
        return [tuple(self.words[int(word)] for word in row) for row in order]
