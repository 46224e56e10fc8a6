"""The tokenizer of a model folder: text to token ids or token strings, and back. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PADDING = 0


class Words:
    """Byte-level, so no text is unknown; lower case and NFKC are the tokenizer's own doing."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))

    def ids(self, texts: Sequence[str], context: int) -> NDArray[np.int64]:
        """(n, context) int64, cut or padded with 0."""
        out = np.full((len(texts), context), PADDING, np.int64)
        for row, encoding in zip(out, self._tokenizer.encode_batch(list(texts)), strict=True):
            row[: len(encoding.ids)] = encoding.ids[:context]
        return out

    def notes_on(self, text: str, context: int, reader: str) -> tuple[str, ...]:
        """Says where the reader of this many tokens stops, if it does before the end."""
        encoding = self._tokenizer.encode(text)
        if len(encoding.ids) <= context:
            return ()
        unread = text[encoding.offsets[context - 1][1] :].strip()
        return (f"{reader} reads the first {context} of {len(encoding.ids)} tokens: it did not read “{unread}”",)

    def pieces(self, text: str) -> list[str]:
        """The text as token strings."""
        return list(self._tokenizer.encode(text).tokens)

    def join(self, pieces: Sequence[str]) -> str:
        """Token strings back to text; special tokens are left out."""
        ids = (self._tokenizer.token_to_id(piece) for piece in pieces)
        return str(self._tokenizer.decode([i for i in ids if i is not None])).strip()


@lru_cache(maxsize=8)
def open_words(path: Path) -> Words:
    return Words(path)
