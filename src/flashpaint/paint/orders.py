"""Requests as orders for a painter: refused before any work where it cannot meet them, with its defaults filled in."""

from __future__ import annotations

from flashpaint.errors import OutOfRange, SizeUnsupported
from flashpaint.paint.painter import CHOICES, Order, PainterSpec
from flashpaint.paint.samplers import SAMPLERS
from flashpaint.request import PaintRequest

SCHEDULES = ("own", "karras")


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


def order_of(request: PaintRequest, spec: PainterSpec, description: str, seed: int) -> Order:
    width, height = size_of(request, spec)
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
    )


def scale_of(request: PaintRequest, spec: PainterSpec) -> float:
    return spec.guidance_scale if request.guidance_scale is None else float(request.guidance_scale)


def size_of(request: PaintRequest, spec: PainterSpec) -> tuple[int, int]:
    """(width, height) in pixels that this painter will paint. Raises SizeUnsupported."""
    width, height = request.width or spec.side, request.height or spec.side
    if width not in spec.sides or height not in spec.sides:
        raise SizeUnsupported(
            f"{spec.name} paints sides of {said(spec.sides)} pixels, not {width}x{height}: try {spec.side}x{spec.side}",
            param="size",
        )
    return width, height


def said(sides: tuple[int, ...] | range) -> str:
    if isinstance(sides, range):
        return f"{sides[0]} to {sides[-1]} in steps of {sides.step}"
    return ", ".join(map(str, sorted(sides)))
