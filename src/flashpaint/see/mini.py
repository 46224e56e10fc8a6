"""The Seer of a model folder: clip_text.onnx and clip_picture.onnx in OpenVINO. Knows nothing of what reads z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import open_graph
from flashpaint.models.pictures import to_array
from flashpaint.models.text_tower import open_text_tower


class MiniSeer:
    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        self._folder, self._threads, self._shape = folder, threads, folder.manifest.clip
        self._text = open_text_tower(folder, threads)

    @property
    def name(self) -> str:
        return self._folder.title

    @property
    def dim(self) -> int:
        return self._shape.dim

    def see_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._text.read(texts)["pooled"]

    def see_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        # opened on first use: painting a prompt never needs the picture tower. In the processor's fastest precision: a
        # cosine moves by 0.001 at most
        graph = open_graph(self._folder.file("clip_picture.onnx"), self._threads, None)
        side = (self._shape.picture_side,) * 2
        return graph(pictures=to_array([i.convert("RGB").resize(side, Image.Resampling.BOX) for i in images]))["pooled"]

    def notes_on(self, text: str) -> tuple[str, ...]:
        return self._text.notes_on(text, "clip")
