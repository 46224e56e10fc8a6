"""What clip sees in a prompt, as words: the concepts of a fixed list that lie nearest to z. Knows no teller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashpaint.see.seer import Seer

LIST = Path(__file__).parent / "concepts.txt"
# what a clip that reads Chinese tells apart; three quarters of them are enough
PAIRS = {
    "猫": "cat",
    "狗": "dog",
    "马": "horse",
    "熊猫": "panda",
    "汽车": "car",
    "飞机": "airplane",
    "船": "ship",
    "树": "tree",
    "苹果": "apple",
    "城堡": "castle",
    "森林": "forest",
    "海滩": "beach",
}


class Concepts:
    """words: English, everyday things, places, times and styles where none are given; seen at the first need."""

    def __init__(self, seer: Seer, words: Sequence[str] | None = None) -> None:
        self.seer, self.words = seer, list(words or LIST.read_text("utf-8").splitlines())

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(words, dim)."""
        return self.seer.see_text(self.words)

    @cached_property
    def read_chinese(self) -> bool:
        """Whether this clip puts Chinese words beside the English ones."""
        chinese, english = self.seer.see_text(list(PAIRS)), self.seer.see_text(list(PAIRS.values()))
        found = (chinese @ english.T).argmax(1)
        return float((found == np.arange(len(PAIRS))).mean()) >= 0.75

    def near(self, z: NDArray[np.float32], k: int) -> list[tuple[str, ...]]:
        """The k nearest words to each row of z (n, dim), nearest first."""
        order = np.argsort(-(z @ self.features.T), axis=1, kind="stable")[:, :k]
        return [tuple(self.words[int(word)] for word in row) for row in order]

    def nearness(self, prompt: str, z: NDArray[np.float32]) -> Callable[[str], float] | None:
        """How near a text lies to the prompt's z (dim,): the share of the words that lie farther, 0 to 1.

        A rank, since cosines of one clip are not those of another. None where this clip cannot read the prompt.
        """
        return partial(self._nearer_than, z) if prompt.isascii() or self.read_chinese else None

    def _nearer_than(self, z: NDArray[np.float32], text: str) -> float:
        return float((self.features @ z < self.seer.see_text([text])[0] @ z).mean())
