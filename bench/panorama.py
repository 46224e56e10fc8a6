"""How well mini's panoramas close and what their poles look like, and the seconds that they take.

seam: the mean difference of the first column from the last, over that of neighbours inside. 1 where nobody can tell
where the picture was cut.
pole: in the views straight up and down, how much changes along rings around the pole, over how much changes across.
1 where the pole is a place like others, more where the columns run together in a star, less where there are rings.
"plain" is painted with windows that wrap around but know no poles; from the same seeds.

python bench/panorama.py --number 50 --width 1024 --json panorama.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

from flashpaint import PaintRequest, Studio
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.painter import Order
from flashpaint.paint.sphere import cube
from flashpaint.paint.views import Tiling
from flashpaint.tasks.panorama import coarse, panorama

PLACES = ("a beach at sunset", "a forest", "雪山", "a city at night", "a meadow", "the sky", "a desert", "space")
RING = 0.5  # of a face's half side: 27 degrees around the pole
WIDTHS = (512, 2048)


class WithoutPoles(LoopPainter):
    """Paints panoramas in plain windows."""

    def tiling(self, order: Order) -> Tiling | None:
        found = super().tiling(order)
        return found and Tiling(found.rows, found.columns, found.side, (False, True))


def seam(picture: Image.Image) -> float:
    pixels = np.asarray(picture, np.float32)
    steps = np.abs(pixels - np.roll(pixels, 1, axis=1)).mean(axis=(0, 2))
    return float(steps[0] / steps[1:].mean())


def pole(face: Image.Image) -> float:
    """Of the view straight up or down."""
    grey = np.asarray(face.convert("L"), np.float32)
    dy, dx = np.gradient(grey)
    at = np.linspace(-1, 1, len(grey))
    y, x = np.meshgrid(at, at, indexing="ij")
    radius = np.hypot(x, y)
    near = (radius > 0.02) & (radius < RING)
    across, along = np.abs(dx * x + dy * y) / radius, np.abs(dx * y - dy * x) / radius
    return float(along[near].mean() / across[near].mean())


def poles(picture: Image.Image) -> float:
    """The mean of both."""
    faces = cube(picture)
    return (pole(faces["up"]) + pole(faces["down"])) / 2


def seconds(studio: Studio, request: PaintRequest, times: int = 3) -> float:
    """The fastest of some."""
    spent = []
    for _ in range(times):
        started = time.perf_counter()
        studio.paint(request)
        spent.append(time.perf_counter() - started)
    return min(spent)


def figures(studio: Studio, requests: list[PaintRequest]) -> dict[str, float]:
    pictures = [studio.paint(request).picture for request in requests]
    return {
        "seam": statistics.fmean(seam(picture) for picture in pictures),
        "pole": statistics.fmean(map(poles, pictures)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=50, help="panoramas")
    parser.add_argument("--width", type=int, default=1024, help="of those whose seams and poles are measured")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    studio = Studio.open()
    denoiser = studio.painter.denoiser  # type: ignore[attr-defined]
    plain = Studio(studio.seer, studio.teller, WithoutPoles(denoiser))
    requests = [panorama(PLACES[k % len(PLACES)], asked.width, seed=k) for k in range(asked.number)]
    found: dict[str, dict[str, float]] = {}
    print(f"{asked.number} panoramas, {asked.width} wide\n         seam   pole", flush=True)
    for name, painted_by in (("sphere", studio), ("plain", plain)):
        row = found[name] = figures(painted_by, requests)
        print(f"{name:7} {row['seam']:5.3f}  {row['pole']:5.3f}", flush=True)
    studio.paint(coarse("a forest", seed=1))
    found["seconds"] = {}
    for width in WIDTHS:
        found["seconds"][str(width)] = seconds(studio, panorama("a forest", width, seed=1))
        print(f"{width} wide: {found['seconds'][str(width)]:.2f} s", flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
