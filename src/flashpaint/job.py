"""One request on its way through the studio. Knows what it gathers, not how that is made."""

from __future__ import annotations

from dataclasses import dataclass

from flashpaint.composition.collage import Plan
from flashpaint.paint.painter import Order
from flashpaint.painting import Painting
from flashpaint.recollection import Recall
from flashpaint.request import PaintRequest
from flashpaint.tell.teller import Telling

UNTOLD = Telling("")


@dataclass
class Job:
    """asked: as it was typed, of which the painting tells; request: as it is read, its slips mended; mended: the notes
    on these; recall: what memory has for it, None without memory; answer: the stored painting of an identical request;
    plan: of several things that are painted apart, and laid, the order that paints their collage on."""

    request: PaintRequest
    order: Order
    asked: PaintRequest
    mended: tuple[str, ...] = ()
    recall: Recall | None = None
    answer: Painting | None = None
    telling: Telling = UNTOLD
    plan: Plan | None = None
    laid: Order | None = None
    painted_steps: int = 0

    @property
    def whole(self) -> Order:
        """What paints the whole picture."""
        return self.laid or self.order

    @property
    def recalls(self) -> bool:
        return self.recall is not None and self.recall.mode != "off"

    @property
    def description(self) -> str:
        return self.answer.description if self.answer else self.order.description
