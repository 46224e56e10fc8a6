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
from flashpaint.models.graphs import open_graph
from flashpaint.models.pictures import to_array
from flashpaint.see.mini import MiniSeer

FACTS, GRAPH = "judge.json", "judge.onnx"  # in a model folder
KINDS = ("things", "tints", "place", "time", "ground", "style", "weather")
SIDE = 256


def teaches(folder: ModelFolder) -> bool:
    """Whether a folder names the words that its clip was taught; its reader is of the same words."""
    return {FACTS, GRAPH} <= folder.manifest.files.keys()


class TaughtSeer(MiniSeer):
    """A Taught, see `flashpaint.see.seer`."""

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        super().__init__(folder, threads)
        self._reader = folder, threads

    @cached_property
    def taught(self) -> Mapping[str, Sequence[str]]:
        facts = json.loads(self._reader[0].file(FACTS).read_text("utf-8"))
        return {kind: tuple(facts[kind]) for kind in KINDS if kind in facts}

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        folder, threads = self._reader
        graph = open_graph(folder.file(GRAPH), threads)
        ready = [image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for image in images]
        return presence(graph(pictures=to_array(ready))["things"])


def presence(logits: NDArray[Any]) -> NDArray[np.float32]:
    """How likely each thing is somewhere, (n, things), from logits (n, things and nothing, rows, columns)."""
    raised = np.exp(logits - logits.max(1, keepdims=True))
    cells: NDArray[np.float32] = (raised / raised.sum(1, keepdims=True))[:, :-1].astype(np.float32)
    most: NDArray[np.float32] = cells.max((2, 3))
    return most
