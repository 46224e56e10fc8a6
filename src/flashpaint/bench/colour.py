"""Whether a colour is seen in a picture's thing, by the pixels. Knows no models.

mini's judge reads the colour of a thing right in a quarter of real scenes alone.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from flashpaint.composition.tint import TINTS

MIDDLE = (0.25, 0.25, 0.75, 0.8125)  # of the picture, where a thing alone in it is: left, top, right, bottom
NEAR = 14  # of 256 hues
SHARE = 1 / 8


def colour_seen(picture: Image.Image, colour: str) -> bool:
    """Whether an eighth of the picture's middle has the hue of this one of TINTS."""
    wanted = np.asarray(Image.new("RGB", (1, 1), TINTS[colour]).convert("HSV"))[0, 0, 0]
    left, top, right, bottom = (round(share * side) for share, side in zip(MIDDLE, picture.size * 2, strict=True))
    hsv = np.asarray(picture.convert("HSV"), int)[top:bottom, left:right]
    apart = np.abs((hsv[..., 0] - int(wanted) + 128) % 256 - 128)
    return bool(((apart < NEAR) & (hsv[..., 1] > 80) & (hsv[..., 2] > 60)).mean() > SHARE)
