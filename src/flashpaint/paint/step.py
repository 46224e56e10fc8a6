"""What is heard of a picture while it is painted."""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.errors import FlashpaintError


@dataclass(frozen=True)
class Step:
    """A picture stands at `position` of `steps`. preview: if one was asked for; picture, decode_s: at the last, with
    its clean latents (channels, height, width) where the painter has any."""

    position: int
    steps: int
    preview: Image.Image | None = None
    picture: Image.Image | None = None
    decode_s: float = 0.0
    latents: NDArray[np.float16] | None = None


class HeardSteps(Iterator[Step], ABC):
    """The steps of one picture as its painter's thread puts them into `heard`, until the picture or an error.

    Closing it, or letting it go, calls the picture off.
    """

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[Step | FlashpaintError] = queue.SimpleQueue()
        self._done = False

    @abstractmethod
    def call_off(self) -> None:
        """Tell the painter that nobody waits any more. May be called again, and of a picture that is finished."""

    def __next__(self) -> Step:
        if self._done:
            raise StopIteration
        heard = self.heard.get()
        self._done = isinstance(heard, FlashpaintError) or heard.picture is not None
        return told(heard)

    def close(self) -> None:
        self._done = True
        self.call_off()

    def __del__(self) -> None:
        self.call_off()


def told(heard: Step | FlashpaintError) -> Step:
    """The step; an error is raised."""
    if isinstance(heard, FlashpaintError):
        raise heard
    return heard
