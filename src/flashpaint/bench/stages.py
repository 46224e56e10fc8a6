"""bench stages: where the time of one picture goes, warm and cold, and what the whole takes of memory and disk."""

from __future__ import annotations

import importlib.metadata
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from flashpaint import marks
from flashpaint.bench.report import Report, percentiles
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.painting import Finished, Painting, Preview
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

PROMPTS = [
    "a cat in space",
    "海滩上的一只狗",
    "a red car on the road at night",
    "森林里的机器人",
    "a castle in the snowy mountains",
    "天空中的两个气球",
    "a fish under the sea, 3d render",
    "城市里的熊猫",
]


def stages(runs: int = 24, cold_runs: int = 5, tick: Callable[[], None] = lambda: None) -> Report:
    """Measure. runs: warm pictures after two of warm-up; cold_runs: new processes; tick is called after each."""
    cold = [_measured(tick, _cold_process) for _ in range(cold_runs + 1)][1:]  # the first fills the caches
    studio = Studio.open()
    requests = [PaintRequest(PROMPTS[k % len(PROMPTS)], seed=k) for k in range(runs)]
    for request in requests[:2]:
        studio.paint(request)
    with tempfile.TemporaryDirectory() as folder:
        warm, paintings = [], list[Painting]()
        for k, request in enumerate(requests):
            started = time.perf_counter()
            painting = studio.paint(request)
            marks.save(painting, Path(folder) / f"{k}.png")
            warm.append(time.perf_counter() - started)
            paintings.append(painting)
            tick()
    previews = [_first_preview(studio, request) for request in requests[:8]]
    hits = _hits(runs)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        ("full path to PNG", *percentiles(warm)),
        ("first preview", *percentiles(previews)),
        ("started from memory", *percentiles(hits)),
        *(
            (stage, *percentiles([p.timings[stage] for p in paintings]))
            for stage in ("see", "tell", "condition", "denoise", "decode")
        ),
    ]
    p50 = {name: value for name, value, _ in rows}
    figures = {
        "cold_cli_s": statistics.median(cold),
        "warm_p50_ms": rows[0][1],
        "warm_p95_ms": rows[0][2],
        "first_preview_ms": p50["first preview"],
        "hit_p50_ms": p50["started from memory"],
        "denoise_step_ms": p50["denoise"] / paintings[0].steps,
        "single_step_ms": _single_step(studio),
        "decode_ms": p50["decode"],
        "tell_ms": p50["tell"],
        "see_ms": p50["see"],
        "rss_mb": rss,
        "installed_mb": installed_mb(),
    }
    return Report("flashpaint bench stages", figures, rows)


def _measured(tick: Callable[[], None], action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    tick()
    return time.perf_counter() - started


def _cold_process() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "flashpaint.cli",
                "paint",
                "a cat in space",
                "--seed",
                "7",
                "--out",
                f"{folder}/cat.png",
            ],
            check=True,
            env={**os.environ, "FLASHPAINT_MEMORY": f"{folder}/memory"},  # an empty one: nothing to start from
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def _first_preview(studio: Studio, request: PaintRequest) -> float:
    started = time.perf_counter()
    events = studio.stream(request)
    next(event for event in events if isinstance(event, (Preview, Finished)))
    spent = time.perf_counter() - started
    events.close()
    studio.painter.close()  # the next measurement has the device to itself
    return spent


def _hits(runs: int) -> list[float]:
    """Seconds of pictures that start from one that was painted for the same words before, to PNG."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio.open(memory=folder)
        for prompt in PROMPTS:
            studio.paint(PaintRequest(prompt))
        spent = []
        for k in range(runs):
            started = time.perf_counter()
            painting = studio.paint(PaintRequest(PROMPTS[k % len(PROMPTS)]))
            marks.save(painting, Path(folder) / f"{k}.png")
            if painting.reuse.kind == "near":
                spent.append(time.perf_counter() - started)
        studio.close()
        return spent


def _single_step(studio: Studio, runs: int = 20) -> float:
    """Milliseconds of one denoiser call at batch 1, without guidance."""
    import numpy as np

    assert isinstance(studio.painter, LoopPainter)
    denoiser = studio.painter.denoiser
    spec = denoiser.spec
    latents = np.zeros((1, spec.latent_channels, *(spec.side // spec.downscale,) * 2), np.float32)
    conditioning, sigmas = denoiser.condition(["a cat"], [1.0]), np.ones(1, np.float32)
    spent = [
        _measured(lambda: None, lambda: void(denoiser.denoise(latents, sigmas, conditioning))) for _ in range(runs)
    ]
    return statistics.median(spent) * 1000


def void(_: object) -> None:
    """Drop a value: for actions that are timed, not used."""


def installed_mb() -> float:
    """Megabytes that flashpaint and all it needs take on disk, by their own records of files."""
    seen: set[str] = set()
    return sum(_bytes(name, seen) for name in _needed("flashpaint", set())) / 1e6


def _needed(name: str, found: set[str]) -> set[str]:
    """The distribution and, without extras, all that it requires and that is installed."""
    found.add(name)
    for line in importlib.metadata.requires(name) or []:
        required = _name_of(line)
        if required and required not in found:
            try:
                _needed(required, found)
            except importlib.metadata.PackageNotFoundError:
                found.discard(required)
    return found


def _name_of(requirement: str) -> str:
    """The name of a requirement that holds here without extras, in canonical form; "" otherwise."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    parsed = Requirement(requirement)
    holds = parsed.marker is None or parsed.marker.evaluate({"extra": ""})
    return canonicalize_name(parsed.name) if holds else ""


def _bytes(name: str, seen: set[str]) -> int:
    return sum(_sizes(name, seen))


def _sizes(name: str, seen: set[str]) -> Iterator[int]:
    for file in importlib.metadata.files(name) or []:
        path = Path(str(file.locate()))
        if str(path) not in seen and path.is_file():
            seen.add(str(path))
            yield path.stat().st_size
    if name == "flashpaint":  # an editable install records none of its own files
        for path in Path(__file__).parent.parent.rglob("*"):
            if path.is_file() and str(path) not in seen:
                seen.add(str(path))
                yield path.stat().st_size
