"""What keeps a part of a picture as it was while the rest is painted: in latents at each step, in pixels at the end.

Knows no requests and no models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from flashpaint.paint.arrays import Array
from flashpaint.paint.noise import Mixing, mix

FEATHER = 64  # the seam is one such part of the picture's short side


@dataclass(frozen=True)
class Constraint:
    """original, noise (1, channels, h, w): the clean latents and the noise that they are brought to a level with; free
    (1, 1, h, w): 1 where the picture is painted, 0 where it stays."""

    original: Array
    noise: Array
    free: Array


def constrained(x: Array, constraint: Constraint, sigma: float, mixing: Mixing) -> Array:
    """x at sigma, with what stays put back at that level (RePaint, Lugmayr et al. 2022, Alg. 1, line 8)."""
    original = mix(constraint.original, constraint.noise, sigma, mixing)
    return constraint.free * x + (1 - constraint.free) * original


def free_latents(edited: Image.Image, downscale: int) -> NDArray[np.float32]:
    """(1, 1, h, w) of an "L" mask: a latent that is half covered or more is free, less is soft: the pixels that stay
    are put back at the end, so the edited ones should not be held by them."""
    size = (edited.width // downscale, edited.height // downscale)
    covered = np.asarray(edited.resize(size, Image.Resampling.BOX), np.float32) / 255
    return np.minimum(2 * covered, 1)[None, None]


def composed(painted: Image.Image, original: Image.Image, edited: Image.Image) -> Image.Image:
    """The painted picture inside the mask, the original outside to the bit; the seam lies on the edited side."""
    share = feathered(edited)[..., None]
    under, over = (np.asarray(picture.convert("RGB"), np.float32) for picture in (original, painted))
    return Image.fromarray(np.rint(under + share * (over - under)).astype(np.uint8))


def feathered(edited: Image.Image) -> NDArray[np.float32]:
    """(height, width): 0 outside the mask, rising to 1 within a few pixels inside; no seam at the picture's border."""
    width = max(1, min(edited.size) // FEATHER)
    layers = [edited]
    for _ in range(width):
        layers.append(layers[-1].filter(ImageFilter.MinFilter(3)))
    share = np.mean([np.asarray(layer, np.float32) for layer in layers], axis=0) / 255
    return np.asarray(share, np.float32)
