"""A cascade: a picture in growing sizes, each started from the one before, so that the whole is laid out once (Ho et
al. 2022). Knows steps, no models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from PIL import Image

from flashpaint.paint.painter import Order, Steps
from flashpaint.paint.step import Step
from flashpaint.request import Source

Begin = Callable[[Sequence[Order]], Sequence[Steps]]


class Cascade(Iterator[Step]):
    """The steps of all sizes as those of one picture; what was painted small is seen as the preview of what follows.

    first: of the smallest; larger: the orders that follow, which lack their source alone. A larger one enters the loop
    when the one before it is done, and may then find it full (QueueFull).
    """

    def __init__(self, first: Steps, larger: Sequence[Order], begin: Begin) -> None:
        self._now, self._larger, self._begin = first, list(larger), begin
        self._small: Image.Image | None = None  # what the next size starts from
        self._before = 0  # steps of the sizes that are done
        self._closed = False

    def __next__(self) -> Step:
        if self._closed:
            raise StopIteration
        if self._small is not None:
            self._now, self._small = self._grown(self._small), None
        step = next(self._now)
        position, steps = self._before + step.position, self._before + step.steps + sum(map(painted, self._larger))
        if step.picture is None or not self._larger:
            return replace(step, position=position, steps=steps)
        self._small, self._before = step.picture, position - self._larger[0].skipped
        return Step(position, steps, step.picture)

    def _grown(self, picture: Image.Image) -> Steps:
        """The steps of the next size, from this picture."""
        order = self._larger.pop(0)
        large = picture.resize((order.width, order.height), Image.Resampling.BICUBIC)
        return self._begin([replace(order, source=Source(large))])[0]

    def close(self) -> None:
        self._closed = True
        self._now.close()


def painted(order: Order) -> int:
    """Its steps that are painted."""
    return len(order.sigmas or ()) - 1 - order.skipped
