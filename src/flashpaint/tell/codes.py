"""z as words: residual quantisation turns clip features into a few codewords that a language model can read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def codes_of(z: NDArray[np.float32], codebook: NDArray[np.float32]) -> NDArray[np.int64]:
    """z (n, dim), codebook (levels, words, dim) -> (n, levels): at each level the word nearest to what is left of z."""
    residual, codes = z.astype(np.float32), []
    for words in codebook:
        # |r - w|^2 without the |r|^2 that all words share
        nearest = ((words**2).sum(1) - 2 * residual @ words.T).argmin(1)
        codes.append(nearest)
        residual = residual - words[nearest]
    return np.stack(codes, axis=1)


def code_words(codes: NDArray[np.int64]) -> list[list[str]]:
    """(n, levels) -> the vocabulary's names of the codes: <z0_17>, <z1_3>, ..."""
    return [[f"<z{level}_{code}>" for level, code in enumerate(row)] for row in codes]
