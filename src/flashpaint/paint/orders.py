"""Requests as orders for a painter: refused before any work where it cannot meet them, with its defaults filled in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageOps

from flashpaint.errors import OutOfRange, SizeUnsupported
from flashpaint.paint.canvases import canvas_size, in_windows
from flashpaint.paint.constraint import composed
from flashpaint.paint.painter import CHOICES, EditingPainter, Order, Painter, PainterSpec, Steps, WarmPainter
from flashpaint.paint.samplers import SAMPLERS
from flashpaint.request import PaintRequest, Source

SCHEDULES = ("own", "karras")
STAYS = 0.5  # strength from which on things of a source may become others
LARGE = 2  # times the pixels of a painter's own size: what a source of an allowed size may have and keep


def check(request: PaintRequest, spec: PainterSpec) -> None:
    """Raise SizeUnsupported or OutOfRange where the painter cannot do as the request says."""
    size_of(request, spec)
    for choice in sorted(CHOICES - spec.heeds):
        if getattr(request, choice) not in (None, ""):
            heeded = ", ".join(sorted(spec.heeds)) or "the prompt alone"
            raise OutOfRange(f"{spec.name} takes no {choice}: leave it out (it heeds {heeded})", param=choice)
    if request.sampler is not None and request.sampler not in SAMPLERS:
        raise OutOfRange(f"there is no sampler {request.sampler!r}: name one of {', '.join(SAMPLERS)}", param="sampler")
    if request.schedule not in (None, *SCHEDULES):
        raise OutOfRange(
            f"there is no schedule {request.schedule!r}: name one of {', '.join(SCHEDULES)}", param="schedule"
        )
    if request.negative and scale_of(request, spec) == 1:
        raise OutOfRange("a negative prompt works by guidance: give a guidance scale above 1", param="negative")
    for name, _ in request.loras:
        if name not in spec.loras:
            loaded = f"it has {', '.join(spec.loras)}" if spec.loras else "it was opened without any"
            raise OutOfRange(f"{spec.name} has no LoRA {name!r}: {loaded}", param="loras")


def check_source(request: PaintRequest, painter: Painter, seer: str) -> None:
    """Raise OutOfRange where the painter starts from no picture, MaskInvalid where the fitted mask edits nothing.

    seer: the name of what sees; a painter's own clip is of its own folder.
    """
    source, spec = request.source, painter.spec
    if source is None:
        return
    if not isinstance(painter, WarmPainter | EditingPainter):
        raise OutOfRange(f"{spec.name} paints from words alone: leave out the picture", param="image")
    if source.look and not paints_looks(painter, seer):
        raise OutOfRange(f"{spec.name} cannot paint what clip sees in a picture: give a strength below 1", param="look")
    if source.mask is not None:
        fit_source(source, *size_of(request, spec))


def paints_looks(painter: Painter, seer: str) -> bool:
    """Whether it can paint what this clip sees in a picture: the models of our own folders are trained to, and share
    the folder's name with their clip."""
    return isinstance(painter, WarmPainter) and seer == painter.spec.title


def order_of(request: PaintRequest, spec: PainterSpec, description: str, seed: int) -> Order:
    width, height = size_of(request, spec)
    order = plain_order(request, spec, description, seed, width, height)
    if request.source is None:
        return order
    return replace(
        order,
        source=fit_source(request.source, width, height),
        skipped=order.steps - painted_steps(order.steps, request.source.strength),
    )


def painted_steps(steps: int, strength: float) -> int:
    """Of a source, as diffusers counts them, but one at least."""
    return max(1, min(int(steps * strength), steps))


def fit_source(source: Source, width: int, height: int) -> Source:
    """Picture and mask cropped around the middle and scaled to this size."""
    if source.picture.size == (width, height):
        return source
    picture = ImageOps.fit(source.picture, (width, height), Image.Resampling.LANCZOS)
    edited = source.edited
    mask = None if edited is None else ImageOps.fit(edited, (width, height), Image.Resampling.BOX)
    return replace(source, picture=picture, mask=mask)


def source_notes(request: PaintRequest, order: Order, painter: Painter) -> tuple[str, ...]:
    """What a caller should know of how the source was used."""
    if request.source is None:
        return ()
    notes = [request.source.note] if request.source.note else []
    width, height = request.source.picture.size
    if (width, height) != (order.width, order.height):
        notes.append(
            f"the picture was cropped and scaled from {width}x{height} to {order.width}x{order.height}, which "
            f"{painter.spec.name} paints"
        )
    if not isinstance(painter, WarmPainter):
        notes.append(f"{painter.spec.name} decides by itself how much it changes: the strength was not used")
    return tuple(notes)


def size_notes(order: Order, spec: PainterSpec, fits: bool) -> tuple[str, ...]:
    """What a caller should know of a picture of this size. fits: its things were painted apart, or there are none."""
    stays = order.source is not None and order.source.strength < STAYS
    if fits or stays or order.canvas != "flat" or not in_windows((order.width, order.height), spec):
        return ()
    return (
        f"{order.width}x{order.height} is more than {spec.name} sees at once: it was painted in windows, which suits "
        "places; no thing was painted apart, and what stands there may do so several times",
    )


def begin(painter: Painter, orders: Sequence[Order], previews: bool) -> Sequence[Steps]:
    """The steps of all orders, all begun or none: with a source in the painter's own way."""
    if isinstance(painter, WarmPainter) or not any(order.source for order in orders):
        return painter.steps(orders, previews)
    begun: list[Steps] = []
    try:
        for order in orders:
            if order.source is not None and isinstance(painter, EditingPainter):
                begun.append(painter.edit(order.source.picture, order.source.edited, order, previews))
            else:
                begun += painter.steps([order], previews)
    except BaseException:
        for steps in begun:
            steps.close()
        raise
    return begun


def with_what_stays(painted: Image.Image, order: Order) -> Image.Image:
    """The picture with what its mask keeps, to the bit."""
    edited = order.source.edited if order.source else None
    if order.source is None or edited is None or painted.size != edited.size:
        return painted
    return composed(painted, order.source.picture, edited)


def plain_order(
    request: PaintRequest, spec: PainterSpec, description: str, seed: int, width: int, height: int
) -> Order:
    return Order(
        description=description,
        seed=seed,
        width=width,
        height=height,
        steps=len(request.sigmas) - 1 if request.sigmas else request.steps or spec.steps,
        guidance_scale=scale_of(request, spec),
        negative=request.negative,
        sampler=request.sampler,
        schedule=request.schedule,
        sigmas=request.sigmas,
        loras=request.loras,
        regions=request.regions,
        canvas=request.canvas,
    )


def scale_of(request: PaintRequest, spec: PainterSpec) -> float:
    return spec.guidance_scale if request.guidance_scale is None else float(request.guidance_scale)


def size_of(request: PaintRequest, spec: PainterSpec) -> tuple[int, int]:
    """(width, height) in pixels that this painter will paint; by default a source's own, or near its shape. Raises
    SizeUnsupported."""
    if request.canvas != "flat":
        return canvas_size(request, spec)
    if request.source is not None and request.width is None and request.height is None:
        return nearest_size(request.source.picture.size, spec)
    width, height = request.width or spec.side, request.height or spec.side
    if not spec.at_once((width, height)) and not spec.by_windows((width, height)):
        raise SizeUnsupported(
            f"{spec.name} paints sides of {said(spec.windowed or spec.sides)} pixels, not {width}x{height}: try "
            f"{spec.side}x{spec.side}",
            param="size",
        )
    if request.regions and in_windows((width, height), spec):
        raise OutOfRange(
            f"{spec.name} paints regions where it sees the whole at once: try {spec.side}x{spec.side}", param="regions"
        )
    return width, height


def nearest_size(size: tuple[int, int], spec: PainterSpec) -> tuple[int, int]:
    """The size itself where the painter paints it well, else the allowed one of its shape and the painter's pixels."""
    width, height = size
    if width in spec.sides and height in spec.sides and width * height <= LARGE * spec.side**2:
        return size
    scale = spec.side / math.sqrt(width * height)
    near = [min(spec.sides, key=lambda side: abs(side - wanted * scale)) for wanted in size]
    return near[0], near[1]


def said(sides: tuple[int, ...] | range) -> str:
    if isinstance(sides, range):
        return f"{sides[0]} to {sides[-1]} in steps of {sides.step}"
    return ", ".join(map(str, sorted(sides)))
