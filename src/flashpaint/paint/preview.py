"""A quick look at latents: a linear map from each latent and its neighbours to the pixels there, at a quarter of the
side, drawn large again. Fitted by training.preview; knows no model.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.pictures import to_pictures

CELL = 4  # pixels that a latent stands for in the small picture: a quarter of 16
REACH = 1  # latents to each side that are read with it


def neighbourhoods(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, channels, h, w) -> (n, h, w, channels x 9 + 1): each latent with those around it, those at the border
    repeated, and a one."""
    n, _, h, w = latents.shape
    padded = np.pad(latents, ((0, 0), (0, 0), (REACH, REACH), (REACH, REACH)), mode="edge")
    shifts = [padded[:, :, y : y + h, x : x + w] for y in range(2 * REACH + 1) for x in range(2 * REACH + 1)]
    return np.concatenate([*shifts, np.ones((n, 1, h, w), latents.dtype)], 1).transpose(0, 2, 3, 1)


def blocks(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3, h x CELL, w x CELL) -> (n, h, w, 3 x CELL x CELL)."""
    n, _, height, width = pixels.shape
    cells = pixels.reshape(n, 3, height // CELL, CELL, width // CELL, CELL)
    return cells.transpose(0, 2, 4, 1, 3, 5).reshape(n, height // CELL, width // CELL, -1)


def pixels(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `blocks`."""
    n, h, w, _ = cells.shape
    return cells.reshape(n, h, w, 3, CELL, CELL).transpose(0, 3, 1, 4, 2, 5).reshape(n, 3, h * CELL, w * CELL)


class LinearPreview:
    """weight (channels x 9 + 1, 3 x CELL x CELL) float32; downscale: of the latents."""

    def __init__(self, weight: NDArray[np.float32], downscale: int) -> None:
        self.weight, self.scale = weight, downscale // CELL

    @classmethod
    def open(cls, file: Path, downscale: int) -> LinearPreview:
        from safetensors.numpy import load_file

        return cls(load_file(file)["weight"].astype(np.float32), downscale)

    def __call__(self, latents: NDArray[np.float32]) -> list[Image.Image]:
        """Pictures of the full size, soft."""
        small = to_pictures(pixels(neighbourhoods(latents) @ self.weight))
        return [p.resize((self.scale * p.width, self.scale * p.height), Image.Resampling.BICUBIC) for p in small]
