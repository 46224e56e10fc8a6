"""A replica that reads: CLIP and the language model, for whoever asks."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.cluster.crossing import Fault, ReaderCard, fault_of
from flashpaint.cluster.models import Models
from flashpaint.errors import FlashpaintError
from flashpaint.see.taught import TaughtSeer
from flashpaint.sights import Sights
from flashpaint.tell.teller import Telling

Features = NDArray[np.float32]


class ReadReplica:
    """Its methods are called by Ray on threads; the models serve one caller at a time."""

    def __init__(self, models: Models) -> None:
        self.seer, self.teller = models.open_readers()
        self.sights = Sights(self.seer)
        self.reading = threading.Lock()
        z = self.seer.see_text(["a cat in space"])  # warm before it is ready
        self.teller.tell(["a cat in space"], self.sights(self.teller, ["a cat in space"], z))

    def card(self) -> ReaderCard:
        taught = dict(self.seer.taught) if isinstance(self.seer, TaughtSeer) else None
        return ReaderCard(self.seer.name, self.seer.dim, self.teller.name, taught)

    def see_text(self, texts: Sequence[str]) -> tuple[Features, list[tuple[str, ...]]] | Fault:
        """(n, dim), and the notes on each text, which would be another call."""
        try:
            with self.reading:
                return self.seer.see_text(texts), [self.seer.notes_on(text) for text in texts]
        except FlashpaintError as error:
            return fault_of(error)

    def see_images(self, images: Sequence[Image.Image]) -> Features | Fault:
        try:
            with self.reading:
                return self.seer.see_images(images)
        except FlashpaintError as error:
            return fault_of(error)

    def likely_things(self, images: Sequence[Image.Image]) -> Features | Fault:
        """Of a seer that was taught its words."""
        assert isinstance(self.seer, TaughtSeer)
        try:
            with self.reading:
                return self.seer.likely_things(images)
        except FlashpaintError as error:
            return fault_of(error)

    def tell(self, prompts: Sequence[str], z: Features) -> list[Telling] | Fault:
        """The sights are made here, since each has a function of the seer's."""
        try:
            with self.reading:
                return self.teller.tell(prompts, self.sights(self.teller, prompts, z))
        except FlashpaintError as error:
            return fault_of(error)
