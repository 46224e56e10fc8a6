"""flashpaint (闪画): from a sentence, in English or Chinese, to a picture in real time.

from flashpaint import PaintRequest, Studio

studio = Studio.open()
painting = studio.paint(PaintRequest("太空中的一只猫", seed=7))
painting.picture.save("cat.png")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flashpaint.errors import FlashpaintError
    from flashpaint.painting import Event, Finished, Painting, Preview, Progress, Told
    from flashpaint.request import PaintRequest
    from flashpaint.studio import Studio

__version__ = "0.1.0"
__all__ = ["Event", "Finished", "FlashpaintError", "PaintRequest", "Painting", "Preview", "Progress", "Studio", "Told"]

HOMES = {"FlashpaintError": "errors", "PaintRequest": "request", "Studio": "studio"}  # of the others: painting


def __getattr__(name: str) -> Any:
    # each is imported at its first use: who wants only the types does not pay for the engines, nor the command line,
    # which begins with the engines, for the types
    if name in __all__:
        return getattr(import_module(f"flashpaint.{HOMES.get(name, 'painting')}"), name)
    raise AttributeError(f"module 'flashpaint' has no attribute {name!r}")
