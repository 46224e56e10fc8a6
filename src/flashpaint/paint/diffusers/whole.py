"""Any diffusers text-to-image pipeline without an adapter, called whole: one picture at a time, no shared passes.

Its own scheduler and loop run; steps are told and calling off works where it has `callback_on_step_end`. No previews.
"""

from __future__ import annotations

import inspect
import queue
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from PIL import Image

from flashpaint.errors import Cancelled, FlashpaintError, PaintingFailed, QueueFull
from flashpaint.paint.painter import Order, PainterSpec
from flashpaint.paint.step import Step

ROOM = 64
# a request's field -> the pipelines' arguments for it, the first that one has
ARGUMENTS = {
    "steps": ("num_inference_steps", "decoder_num_inference_steps"),
    "guidance_scale": ("guidance_scale", "decoder_guidance_scale"),
    "negative": ("negative_prompt",),
}


def paints_texts(kind: Any) -> bool:
    """Whether a pipeline class makes pictures of prompts alone."""
    found = inspect.signature(kind.__call__).parameters
    needs = [name for name, p in found.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    sounds = {"audio_length_in_s", "audio_end_in_s", "num_frames", "video_length"}
    others = {"image", "video", "mask_image", "image_embeds"}
    return "prompt" in found and not sounds & set(found) and not (others & set(needs)) and "generator" in found


class Whole(Iterator[Step]):
    """One picture's steps, as far as the pipeline tells them."""

    def __init__(self, order: Order) -> None:
        self.order, self.off = order, False
        self.heard: queue.SimpleQueue[Step | FlashpaintError] = queue.SimpleQueue()
        self._done = False

    def __next__(self) -> Step:
        if self._done:
            raise StopIteration
        heard = self.heard.get()
        self._done = isinstance(heard, FlashpaintError) or heard.picture is not None
        if isinstance(heard, FlashpaintError):
            raise heard
        return heard

    def close(self) -> None:
        self.off = self._done = True


class WholePipeline:
    """A Painter. pipe: a diffusers pipeline on its device."""

    def __init__(self, pipe: Any, name: str, version: str) -> None:
        self.pipe, self.takes = pipe, inspect.signature(type(pipe).__call__).parameters
        pipe.set_progress_bar_config(disable=True)
        side = side_of(pipe)
        self.called_by = {
            field: next(name for name in names if name in self.takes)
            for field, names in ARGUMENTS.items()
            if any(name in self.takes for name in names)
        }
        defaults = {field: self.takes[name].default for field, name in self.called_by.items()}
        self.spec = PainterSpec(
            name=name,
            version=version,
            steps=defaults.get("steps") or 1,
            guidance_scale=float(defaults.get("guidance_scale") or 1.0),
            sides=range(32, 2049, 16) if "height" in self.takes else (side,),
            side=side,
            heeds=frozenset({"seed", *defaults}),
        )
        self.engine = f"torch {pipe.device.type}, {type(pipe).__name__} whole, one at a time"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="whole pipeline")  # it owns the device
        self._waiting: set[Whole] = set()

    def steps(self, orders: Sequence[Order], previews: bool = False) -> list[Whole]:
        if len(self._waiting) + len(orders) > ROOM:
            raise QueueFull(f"{len(self._waiting)} pictures are waiting: try again in a minute", wait_s=60.0)
        begun = [Whole(order) for order in orders]
        self._waiting.update(begun)
        for whole in begun:
            self._thread.submit(self._paint, whole)
        return begun

    def notes_on(self, description: str) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        for whole in list(self._waiting):
            whole.off = True
        self._thread.submit(lambda: None).result()  # the device is free once all before are through

    def _paint(self, whole: Whole) -> None:
        try:
            if whole.off:
                raise Cancelled("the picture was cancelled")
            picture = self.called(whole)
            steps = whole.order.steps
            whole.heard.put(Step(steps, steps, picture=picture))
        except FlashpaintError as ours:
            whole.heard.put(ours)
        except Exception as failure:
            broken = PaintingFailed(f"{type(self.pipe).__name__} failed on this picture: {failure}")
            broken.__cause__ = failure
            whole.heard.put(broken)
        finally:
            self._waiting.discard(whole)

    @torch.no_grad()
    def called(self, whole: Whole) -> Image.Image:
        order = whole.order

        def told(pipe: Any, step: int, time: Any, held: dict[str, Any]) -> dict[str, Any]:
            if whole.off:
                raise Cancelled("the picture was cancelled")
            if step + 1 < order.steps:
                whole.heard.put(Step(step + 1, order.steps))
            return held

        fields = {"steps": order.steps, "guidance_scale": order.guidance_scale, "negative": order.negative or None}
        asked: dict[str, Any] = {
            **{name: fields[field] for field, name in self.called_by.items()},
            "height": order.height,
            "width": order.width,
            "callback_on_step_end": told,
            "generator": torch.Generator().manual_seed(order.seed % 2**63),
        }
        given = {name: value for name, value in asked.items() if name in self.takes and value is not None}
        found = self.pipe(order.description, **given).images[0]
        if not isinstance(found, Image.Image):
            raise PaintingFailed(f"{type(self.pipe).__name__} gave no picture")
        return found


def side_of(pipe: Any) -> int:
    """The side that the pipeline paints by default, in pixels, as far as its parts tell."""
    for part in ("super_res_last", "super_res_first"):  # unCLIP enlarges at the end
        if found := getattr(pipe, part, None):
            return int(found.config.sample_size)
    network: Any = next((n for name in ("transformer", "unet", "prior_unet") if (n := getattr(pipe, name, None))), None)
    sample: Any = getattr(pipe, "default_sample_size", None) or getattr(network.config, "sample_size", None)
    scale: Any = getattr(pipe, "vae_scale_factor", None) or getattr(pipe, "movq_scale_factor", None) or 8
    return int(sample) * int(scale) if isinstance(sample, int) else 512
