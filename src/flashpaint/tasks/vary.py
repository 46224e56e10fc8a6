"""Variations: pictures like a given one. What clip sees in it is painted where the model was trained to, else its own
latents are painted over."""

from __future__ import annotations

import secrets
from typing import Any

from PIL import Image

from flashpaint.paint.orders import paints_looks
from flashpaint.request import SEED_LIMIT, PaintRequest, Source, check_number
from flashpaint.studio import Studio
from flashpaint.tasks.describe import describe

MOST = 64
LOOK, OVER = 0.9, 0.6  # strengths: a look says much already, and leaves the layout free


def variations(
    studio: Studio, picture: Image.Image, n: int = 1, strength: float | None = None, **asked: Any
) -> list[PaintRequest]:
    """n requests, whose seeds count up from `asked`'s or from a fresh one."""
    check_number("n", n, 1, MOST)
    look = paints_looks(studio.painter, studio.seer.name)
    source = Source(picture, None, (LOOK if look else OVER) if strength is None else strength, look, "vary")
    seed = asked.pop("seed", None)
    first = secrets.randbelow(SEED_LIMIT - n) if seed is None else seed
    text = describe(studio, source.picture).text
    return [PaintRequest(text, seed=first + k, describe=False, source=source, **asked) for k in range(n)]
