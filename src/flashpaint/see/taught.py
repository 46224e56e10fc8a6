"""mini's clip with the words that it was taught, and its folder's reader of pictures, which tells their things apart.

Clip hears the tone of a whole better than its one thing; the reader is mini's judge. Knows nothing of phrases.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.folder import ModelFolder
from flashpaint.models.reader import FACTS, GRAPH, Reader, softmax
from flashpaint.see.mini import MiniSeer

KINDS = ("things", "nouns", "tints", "place", "alone", "time", "ground", "style", "weather")
NAMES = {"things": "names", "place": "places"}


def teaches(folder: ModelFolder) -> bool:
    """Whether a folder names the words that its clip was taught; its reader is of the same words."""
    return {FACTS, GRAPH} <= folder.manifest.files.keys()


class TaughtSeer(MiniSeer):
    """A Taught, see `flashpaint.see.seer`."""

    @cached_property
    def taught(self) -> Mapping[str, Sequence[str]]:
        return {kind: tuple(self._facts[kind]) for kind in KINDS if kind in self._facts}

    @cached_property
    def names(self) -> Mapping[str, Sequence[Sequence[str]]]:
        """All that each of the things and places is called, in every language; empty where the folder does not say."""
        return {kind: self._facts[name] for kind, name in NAMES.items() if name in self._facts}

    @cached_property
    def _facts(self) -> Mapping[str, Any]:
        facts: Mapping[str, Any] = json.loads(self._folder.file(FACTS).read_text("utf-8"))
        return facts

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        return presence(self._reader.logits(images)["things"])

    @cached_property
    def _reader(self) -> Reader:  # opened on first use: painting never needs it
        return Reader(self._folder, self._threads)


def presence(logits: NDArray[Any]) -> NDArray[np.float32]:
    """How likely each thing is somewhere, (n, things), from logits (n, things and nothing, rows, columns)."""
    most: NDArray[np.float32] = softmax(logits)[:, :-1].max((2, 3))
    return most
