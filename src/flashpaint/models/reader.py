"""The reader of pictures in a folder of mini's type, its judge: what it says of pictures, in logits by name.

Knows nothing of what the names mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import open_graph
from flashpaint.models.pictures import to_array

FACTS, GRAPH = "judge.json", "judge.onnx"  # in a model folder
SIDE = 256


class Reader:
    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        self._graph = open_graph(folder.file(GRAPH), threads)

    def logits(self, pictures: Sequence[Image.Image]) -> dict[str, NDArray[Any]]:
        """Of pictures of any size, which are read at SIDE x SIDE."""
        ready = [p.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX) for p in pictures]
        return self._graph(pictures=to_array(ready))


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Over axis 1."""
    raised = np.exp(logits - logits.max(1, keepdims=True))
    shares: NDArray[np.float32] = (raised / raised.sum(1, keepdims=True)).astype(np.float32)
    return shares
