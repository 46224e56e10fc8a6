"""What is heard of a picture while it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class Step:
    """A picture stands at `position` of `steps`. preview: if one was asked for; picture, decode_s: at the last."""

    position: int
    steps: int
    preview: Image.Image | None = None
    picture: Image.Image | None = None
    decode_s: float = 0.0
