"""Any diffusers text-to-image pipeline without an adapter, called whole: one picture at a time, no shared passes.

Its own scheduler and loop run; steps are told and calling off works where it has `callback_on_step_end`. No previews.
"""

from __future__ import annotations

import atexit
import inspect
import logging
import queue
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from flashpaint.errors import Cancelled, FlashpaintError, PaintingFailed, QueueFull
from flashpaint.paint.painter import Order, PainterSpec
from flashpaint.paint.step import HeardSteps, Step

ROOM = 64
IDLE_S, CLOSE_S = 5.0, 10.0  # as in the denoise loop

log = logging.getLogger(__name__)

_painters: weakref.WeakSet[WholePipeline] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """An engine that is cut off in the middle of a pass ends the process with an error."""
    for painter in list(_painters):
        painter.close()


# a request's field -> the pipelines' arguments for it, the first that one has
ARGUMENTS = {
    "steps": ("num_inference_steps", "decoder_num_inference_steps"),
    "guidance_scale": ("guidance_scale", "decoder_guidance_scale"),
    "negative": ("negative_prompt",),
}


@dataclass(eq=False)
class Picture:
    """What the thread knows of one. off: set it from any thread, and it is left within a step where steps are told."""

    order: Order
    heard: queue.SimpleQueue[Step | FlashpaintError]
    off: bool = False

    def go_on(self) -> None:
        if self.off:
            raise Cancelled("the picture was cancelled")


class Whole(HeardSteps):
    """One picture's steps, as far as the pipeline tells them."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.picture = Picture(order, self.heard)

    def call_off(self) -> None:
        self.picture.off = True


class WholePipeline:
    """A Painter. pipe: a diffusers pipeline on its device. Its own thread alone calls it."""

    def __init__(self, pipe: Any, name: str, version: str) -> None:
        self.pipe, self.takes = pipe, inspect.signature(type(pipe).__call__).parameters
        pipe.set_progress_bar_config(disable=True)
        side = side_of(pipe)
        self.called_by = {
            choice: next(name for name in names if name in self.takes)
            for choice, names in ARGUMENTS.items()
            if any(name in self.takes for name in names)
        }
        defaults = {choice: self.takes[name].default for choice, name in self.called_by.items()}
        self.spec = PainterSpec(
            name=name,
            version=version,
            steps=defaults.get("steps") or 1,
            guidance_scale=float(defaults.get("guidance_scale") or 1.0),
            sides=range(32, 2049, 16) if "height" in self.takes else (side,),
            side=side,
            heeds=frozenset({"seed", *defaults}),
        )
        dtype = str(pipe.dtype).removeprefix("torch.")
        self.engine = f"torch {dtype} {pipe.device.type}, {type(pipe).__name__} whole, one at a time"
        self._waiting: list[Picture] = []  # the first is being painted
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        _painters.add(self)

    def steps(self, orders: Sequence[Order], previews: bool = False) -> list[Whole]:
        begun = [Whole(order) for order in orders]
        with self._changed:
            if len(self._waiting) + len(begun) > ROOM:
                raise QueueFull(f"{len(self._waiting)} pictures are waiting: try again in a minute", wait_s=60.0)
            self._waiting.extend(whole.picture for whole in begun)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="whole pipeline", daemon=True)
                self._thread.start()
            self._changed.notify()
        return begun

    def notes_on(self, description: str) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """It opens again with the next order."""
        with self._changed:
            for picture in self._waiting:
                picture.off = True
            self._changed.wait_for(lambda: not self._waiting, CLOSE_S)

    # ---- on the pipeline's thread

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting, IDLE_S)
                if not self._waiting:
                    self._thread = None
                    return
                picture = self._waiting[0]
            last = self._painted(picture)
            with self._changed:
                self._waiting.remove(picture)
                self._changed.notify_all()
            picture.heard.put(last)

    def _painted(self, picture: Picture) -> Step | FlashpaintError:
        steps = picture.order.steps
        try:
            picture.go_on()
            return Step(steps, steps, picture=self.called(picture))
        except FlashpaintError as ours:
            return ours
        except Exception as failure:
            log.warning("a picture failed", exc_info=failure)
            broken = PaintingFailed(f"{type(self.pipe).__name__} failed on this picture: {failure}")
            broken.__cause__ = failure
            return broken

    @torch.no_grad()
    def called(self, picture: Picture) -> Image.Image:
        order = picture.order

        def told(pipe: Any, step: int, time: Any, held: dict[str, Any]) -> dict[str, Any]:
            picture.go_on()
            if step + 1 < order.steps:
                picture.heard.put(Step(step + 1, order.steps))
            return held

        choices = {"steps": order.steps, "guidance_scale": order.guidance_scale, "negative": order.negative or None}
        asked: dict[str, Any] = {
            **{name: choices[choice] for choice, name in self.called_by.items()},
            "height": order.height,
            "width": order.width,
            "callback_on_step_end": told,
            "generator": torch.Generator().manual_seed(order.seed % 2**63),
        }
        given = {name: value for name, value in asked.items() if name in self.takes and value is not None}
        found = self.pipe(prompt=order.description, **given).images[0]
        if not isinstance(found, Image.Image):
            raise PaintingFailed(f"{type(self.pipe).__name__} gave no picture")
        return found


def side_of(pipe: Any) -> int:
    """The side that the pipeline paints by default, in pixels, as far as its signature and its parts tell."""
    for part in ("super_res_last", "super_res_first"):  # unCLIP enlarges at the end
        if found := getattr(pipe, part, None):
            return int(found.config.sample_size)
    named = inspect.signature(type(pipe).__call__).parameters.get("height")
    if named is not None and isinstance(named.default, int):
        return named.default
    network = next((n for name in ("transformer", "unet") if (n := getattr(pipe, name, None))), None)
    sample = getattr(pipe, "default_sample_size", None) or getattr(
        getattr(network, "config", None), "sample_size", None
    )
    scale: Any = getattr(pipe, "vae_scale_factor", None) or 8
    return sample * int(scale) if isinstance(sample, int) else 512
