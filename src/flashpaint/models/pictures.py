"""Pictures as the graphs take them: RGB arrays (n, 3, height, width) in [0, 1], and back. Knows no graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def to_array(pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Pictures of one size -> (n, 3, height, width) float32 in [0, 1]."""
    stacked = np.stack([np.asarray(picture.convert("RGB"), np.float32) for picture in pictures])
    return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)) / np.float32(255)


def to_pictures(array: NDArray[Any]) -> list[Image.Image]:
    """(n, 3, height, width), clipped to [0, 1] -> RGB pictures."""
    scaled = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return [Image.fromarray(np.ascontiguousarray(picture)) for picture in scaled]
