"""The sizes of canvases and pictures that are not the painter's own, and those on the way to them. Knows no arrays."""

from __future__ import annotations

from dataclasses import replace

from flashpaint.errors import OutOfRange, SizeUnsupported
from flashpaint.paint.denoiser import DenoiserSpec
from flashpaint.paint.painter import Order, PainterSpec
from flashpaint.request import PaintRequest

MOST = 8192  # pixels of a canvas' longer side
GROWTH = 4  # from a canvas to the next larger one that is painted from it


def check_canvas(request: PaintRequest, spec: PainterSpec) -> None:
    """Raise OutOfRange where the painter paints no canvases, or the canvas takes no regions."""
    if request.canvas == "flat":
        return
    if not isinstance(spec, DenoiserSpec):
        raise OutOfRange(
            f"{spec.name} paints flat pictures alone: leave out the canvas, or name a painter that runs in the loop",
            param="canvas",
        )
    if request.regions:
        raise OutOfRange(f"a {request.canvas} is painted without regions: leave out one of the two", param="regions")


def canvas_size(request: PaintRequest, spec: PainterSpec) -> tuple[int, int]:
    """(width, height) in pixels; by default a source's, or the smallest. Raises SizeUnsupported."""
    check_canvas(request, spec)
    assert isinstance(spec, DenoiserSpec)
    panorama = request.canvas == "panorama"
    grain = 2 * spec.downscale if panorama else spec.downscale
    least = 2 * spec.side if panorama else spec.side
    width, height = request.width, request.height
    if width is None and height is None and request.source is not None:
        wanted = request.source.picture.size
        width, height = (max(least, min(side // grain * grain, MOST)) for side in wanted)
        height = width // 2 if panorama else height
    if panorama:
        width = width or (2 * height if height else least)
        height = height or width // 2
    else:
        width = width or height or least
        height = height or width
    fits = all(side % spec.downscale == 0 and spec.side <= side <= MOST for side in (width, height))
    if not fits or (panorama and width != 2 * height):
        shape = "twice as wide as high, its width" if panorama else "of sides"
        raise SizeUnsupported(
            f"{spec.name} paints a {request.canvas} {shape} {least} to {MOST} pixels in steps of {grain}, not "
            f"{width}x{height}: try {least}x{spec.side}",
            param="size",
        )
    return width, height


def painted_size(size: tuple[int, int], spec: PainterSpec) -> tuple[int, int]:
    """(width, height) that a flat picture is painted at: its own, or of its shape and nowhere less than a window."""
    if not spec.by_windows(size):
        return size
    scale = max(1.0, spec.side / min(size))
    return grained(size[0] * scale, spec), grained(size[1] * scale, spec)


def grained(side: float, spec: PainterSpec) -> int:
    return max(spec.side, round(side / spec.windowed.step) * spec.windowed.step)


def in_windows(size: tuple[int, int], spec: PainterSpec) -> bool:
    """Whether a flat picture of this size is painted as more than the painter sees at once."""
    return spec.by_windows(size) and not spec.at_once(painted_size(size, spec))


def draft_size(size: tuple[int, int], spec: PainterSpec) -> tuple[int, int]:
    """Of a thing that is laid into a picture of this size: where that is painted in windows, a square of its shorter
    side."""
    side = min(painted_size(size, spec))
    return (side, side) if spec.by_windows(size) else size


def flat_stages(order: Order, spec: PainterSpec) -> list[Order]:
    """What is higher than a window is laid out in one row of them, so that it has one horizon."""
    width, height = painted_size((order.width, order.height), spec)
    if height == spec.side or order.source is not None or order.start is not None:
        return [order]
    return [replace(order, painted=(grained(width * spec.side / height, spec), spec.side)), order]


def stages(order: Order, spec: DenoiserSpec) -> list[Order]:
    """The order in growing sizes, itself last: the smallest gives the layout of what is too large for the model to see
    at once, and no size is more than four times the one before."""
    if order.canvas == "flat" and spec.by_windows((order.width, order.height)):
        return flat_stages(order, spec)
    if order.canvas == "flat" or order.source is not None:
        return [order]
    found, scale = [order], min(order.width, order.height) / spec.side
    while scale > 1:
        scale = max(1.0, scale / GROWTH)
        found.insert(0, shrunk(order, spec, scale))
    return found if found[0] != found[-1] else [order]


def shrunk(order: Order, spec: DenoiserSpec, scale: float) -> Order:
    """The order with so many of the painter's sides on its shorter one."""
    less = scale * spec.side / min(order.width, order.height)
    height = max(spec.side, round(order.height * less / spec.downscale) * spec.downscale)
    if order.canvas == "panorama":
        return replace(order, width=2 * height, height=height)
    return replace(
        order, width=max(spec.side, round(order.width * less / spec.downscale) * spec.downscale), height=height
    )
