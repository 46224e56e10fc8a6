"""flashpaint (闪画): from a sentence, in English or Chinese, to a picture in real time.

from flashpaint import PaintRequest, Studio

studio = Studio.open()
painting = studio.paint(PaintRequest("太空中的一只猫", seed=7))
painting.picture.save("cat.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flashpaint.errors import FlashpaintError
from flashpaint.painting import Event, Finished, Painting, Preview, Progress, Told
from flashpaint.request import PaintRequest

if TYPE_CHECKING:
    from flashpaint.studio import Studio

__version__ = "0.1.0"
__all__ = ["Event", "Finished", "FlashpaintError", "PaintRequest", "Painting", "Preview", "Progress", "Studio", "Told"]


def __getattr__(name: str) -> Any:
    # Studio brings the engines' modules; whoever wants only the request types does not pay for them
    if name == "Studio":
        from flashpaint.studio import Studio

        return Studio
    raise AttributeError(f"module 'flashpaint' has no attribute {name!r}")
