"""clip's text tower of a model folder, which seer and painter share. Knows no requests."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import open_graph
from flashpaint.models.words import PADDING, open_words

KEPT = 512  # texts of 33 kB each


class TextTower:
    """Remembers what it read last: memory and painter read the same description, and people ask for the same words
    again."""

    def __init__(self, words: Path, graph: Path, context: int, threads: int | None = None) -> None:
        self.words, self.context, self._graph = open_words(words), context, open_graph(graph, threads)
        self._read: OrderedDict[str, Mapping[str, NDArray[np.float32]]] = OrderedDict()
        self._turn = threading.Lock()

    def read(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """One row a text: pooled (n, dim), L2-normalised; states (n, context, width); mask (n, context), 1 where there
        is a token."""
        with self._turn:
            if new := [text for text in dict.fromkeys(texts) if text not in self._read]:
                self._read.update(zip(new, self._rows(new), strict=True))
            rows = [self._read[text] for text in texts]
            for text in texts:
                self._read.move_to_end(text)
            while len(self._read) > KEPT:
                self._read.popitem(last=False)
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _rows(self, texts: Sequence[str]) -> list[dict[str, NDArray[np.float32]]]:
        tokens = self.words.ids(texts, self.context)
        found = {**self._graph(tokens=tokens), "mask": (tokens != PADDING).astype(np.float32)}
        return [{name: array[k].copy() for name, array in found.items()} for k in range(len(texts))]

    def notes_on(self, text: str, reader: str) -> tuple[str, ...]:
        """Says where the reader stops, if it does before the end."""
        return self.words.notes_on(text, self.context, reader)


open_once = lru_cache(maxsize=8)(TextTower)


def open_text_tower(folder: ModelFolder, threads: int | None = None) -> TextTower:
    """Shared by all who ask for it in this process."""
    files = folder.file("tokenizer.json"), folder.file("clip_text.onnx")
    return open_once(*files, folder.manifest.clip.context, threads)
