"""Which models the replicas open, as a configuration names them. Knows no Ray."""

from __future__ import annotations

from dataclasses import dataclass

from flashpaint.models.folder import ModelFolder
from flashpaint.models.spelling import Spelling, open_spelling
from flashpaint.paint.opening import open_mini, open_painter
from flashpaint.paint.painter import Painter
from flashpaint.see.opening import open_seer
from flashpaint.see.seer import Seer
from flashpaint.tell.opening import open_teller
from flashpaint.tell.teller import Teller


@dataclass(frozen=True)
class Models:
    """As `Studio.open` takes them. threads: of each replica's CPU work, None for all of its machine."""

    model: str = "mini"
    painter: str | None = None
    revision: str | None = None
    fast: str = "off"
    seer: str = "mini"
    teller: str = "mini"
    threads: int | None = None
    precision: str | None = None

    def folder(self) -> ModelFolder:
        return ModelFolder.open(self.model)

    def open_painter(self) -> Painter:
        if self.painter is None:
            return open_mini(self.folder(), self.threads, self.precision)
        return open_painter(self.painter, self.revision, None, self.fast)

    def open_spelling(self) -> Spelling | None:
        return open_spelling(self.folder(), self.painter, self.seer, self.teller)

    def open_readers(self) -> tuple[Seer, Teller]:
        folder = self.folder()
        seer = open_seer(self.seer, folder, self.threads)
        return seer, open_teller(self.teller, folder, self.threads, (seer.name, seer.dim))
