"""The seam of `see`: what a CLIP model has to do. Knows no implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class Seer(Protocol):
    """Texts and pictures in the space they share. All features are L2-normalised, so a dot product is a cosine.

    name: of the model and its version; features of one name are comparable, those of two are not.
    """

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def see_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) float32."""
        ...

    def see_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, dim) float32; pictures of any size and mode."""
        ...

    def notes_on(self, text: str) -> tuple[str, ...]:
        """What a caller should know of how this text is read, such as that its end is not."""
        ...


class Taught(Seer, Protocol):
    """A seer that was taught few words, knows them, and has a reader that tells its things apart.

    taught: its things, tints, place, ground, time, style and, of some, weather, as captions write them; of the last
    three the first is what silence means. Of some, also nouns: the things with their articles; alone: a place by
    itself.
    """

    @property
    def taught(self) -> Mapping[str, Sequence[str]]: ...

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, things), 0 to 1: how likely each is somewhere in a picture."""
        ...
