"""How far into a picture's painting a neighbour's latents may stand in, measured: pairs of scenes at many similarities,
painted from noise and from one another, and judged. The fit is `memory.fitting`'s.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.bench.judge import Family, Judge, Trial
from flashpaint.errors import OutOfRange
from flashpaint.memory.calibration import Calibration
from flashpaint.memory.fitting import LEAST_NOISE, Sample, fit_floor, fit_rungs, fit_told, slope
from flashpaint.paint.orders import order_of
from flashpaint.paint.painter import Order, WarmPainter
from flashpaint.paint.step import Step
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

LEVELS = 7  # start levels that are tried, spread over the schedule


class Scorer(Protocol):
    """name: for the record; reads_likeness: whether being like the picture from noise is half of the score."""

    name: str
    reads_likeness: bool

    def scores(self, pictures: Sequence[Image.Image], wanted: Sequence[Trial]) -> list[float]:
        """How well each picture shows what was wanted, 0 to 1."""
        ...


class JudgeScorer:
    """mini's own judge, which shares no weights with the clip that finds neighbours."""

    name, reads_likeness = "judge", False

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    def scores(self, pictures: Sequence[Image.Image], wanted: Sequence[Trial]) -> list[float]:
        return [trial.score(v) for trial, v in zip(wanted, self.judge.verdicts(pictures), strict=True)]


class ClipScorer:
    """For any painter: the cosine of picture and description, and the likeness to the picture from noise."""

    name, reads_likeness = "clip", True

    def __init__(self, studio: Studio) -> None:
        self.seer = studio.seer

    def scores(self, pictures: Sequence[Image.Image], wanted: Sequence[Trial]) -> list[float]:
        texts = self.seer.see_text([trial.description for trial in wanted])
        return [float(score) for score in np.sum(texts * self.seer.see_images(pictures), 1)]


@dataclass(frozen=True)
class Measured:
    """samples of pairs; fits: cosines of pictures painted from noise with their descriptions; asked: as `fit_told`'s
    pairs; alike: the mean cosine of two pictures of one description, painted from noise."""

    samples: list[Sample]
    fits: list[float]
    asked: list[tuple[float, bool]]
    alike: float


def measure(
    studio: Studio,
    scorer: Scorer,
    families: Iterable[Family],
    steps: int | None = None,
    kept: Path | None = None,
) -> Measured:
    """kept: a file of what is measured already, one line a family, with which a run that was cut off goes on."""
    if not isinstance(studio.painter, WarmPainter):
        raise OutOfRange(
            f"{studio.painter.spec.name} is not painted in our loop: it starts from noise alone, and memory gives back "
            "its pictures for identical requests only",
            param="painter",
        )
    lines = whole_lines(kept) if kept is not None and kept.exists() else []
    measured: list[Family] = []
    for k, family in enumerate(families):
        if k >= len(lines):
            wanted = [family.scene, *family.edits, *(before.scene for before in measured[-1:])]
            lines.append(json.dumps(one_family(studio, studio.painter, scorer, wanted, steps, 10 * k)))
            if kept is not None:
                with kept.open("a") as file:
                    file.write(lines[-1] + "\n")
        measured.append(family)
    rows = [json.loads(line) for line in lines[: len(measured)]]
    samples, alike = [Sample(**s) for row in rows for s in row["samples"]], float(np.mean([r["alike"] for r in rows]))
    if scorer.reads_likeness:
        samples = [replace(s, warm=(s.warm + s.like) / 2, cold=(s.cold + alike) / 2) for s in samples]
    return Measured(samples, [fit for row in rows for fit in row["fits"]], asked_alike(studio, measured), alike)


def whole_lines(kept: Path) -> list[str]:
    """Those that were written to their end; what a killed run has left of another is cut off."""
    whole = kept.read_text().rpartition("\n")[0]
    os.truncate(kept, len(whole) + bool(whole))
    return whole.splitlines()


def one_family(
    studio: Studio,
    painter: WarmPainter,
    scorer: Scorer,
    wanted: Sequence[Trial],
    steps: int | None,
    seed: int,
) -> dict[str, object]:
    """The first scene from noise; then it and the others, near ones and a stranger, each from noise and from the first
    one's latents at every level."""
    first = painted(painter, [order(studio, wanted[0], steps, seed)])[0]
    starts = levels(painter.noise_shares(order(studio, wanted[0], steps, 0)))
    orders = []
    for k, trial in enumerate(wanted):
        orders.append(order(studio, trial, steps, seed + k + 1))
        orders += [warm(order(studio, trial, steps, seed + k + 1), first, at) for at in starts]
    pictures = [picture for step in painted(painter, orders) if (picture := step.picture)]
    asked = [trial for trial in wanted for _ in range(1 + len(starts))]
    scores = np.array(scorer.scores(pictures, asked)).reshape(len(wanted), -1)
    texts, looks = studio.seer.see_text([trial.description for trial in wanted]), studio.seer.see_images(pictures)
    looks = looks.reshape(len(wanted), 1 + len(starts), -1)
    base = studio.seer.see_images([first.picture] if first.picture else [])[0]
    shares = painter.noise_shares(orders[0])
    samples = [
        Sample(
            similarity=float(texts[0] @ texts[k]),
            noise=float(shares[at]),
            warm=float(scores[k, 1 + j]),
            cold=float(scores[k, 0]),
            fits=float(texts[k] @ looks[k, 1 + j]),
            apart=float(base @ looks[k, 1 + j]),
            like=float(looks[k, 0] @ looks[k, 1 + j]),
        )
        for k in range(len(wanted))
        for j, at in enumerate(starts)
    ]
    fits = [float(texts[k] @ looks[k, 0]) for k in range(len(wanted))]
    return {"samples": [asdict(s) for s in samples], "fits": fits, "alike": float(base @ looks[0, 0])}


def order(studio: Studio, trial: Trial, steps: int | None, seed: int) -> Order:
    request = PaintRequest(trial.description, seed=seed, steps=steps, describe=False)
    return order_of(request, studio.painter.spec, trial.description, seed)


def warm(cold: Order, first: Step, skipped: int) -> Order:
    return replace(cold, start=first.latents, skipped=skipped)


def painted(painter: WarmPainter, orders: Sequence[Order]) -> list[Step]:
    """The last step of each."""
    return [list(ride)[-1] for ride in painter.steps(orders)]


def levels(shares: NDArray[np.float32], number: int = LEVELS) -> list[int]:
    """Steps to start from: none is the first, which is noise alone, and those too low in noise are left out."""
    fine = [k for k in range(1, len(shares) - 1) if shares[k] >= LEAST_NOISE]
    return sorted({fine[round(at)] for at in np.linspace(0, len(fine) - 1, min(number, len(fine)))}) if fine else []


def asked_alike(studio: Studio, families: Sequence[Family]) -> list[tuple[float, bool]]:
    """(cosine, whether the teller says the same) of every prompt and the nearest of the others, as memory would find
    it."""
    prompts = [text for f in families for text in (*f.said, *(said for e in f.edits for said in (e.en, e.zh)))]
    prompts = list(dict.fromkeys(prompts))
    parts = [prompts[k : k + 64] for k in range(0, len(prompts), 64)]
    z = np.concatenate([studio.seer.see_text(part) for part in parts])
    told: list[str] = []
    for at, part in enumerate(parts):
        told += [telling.description for telling in studio.telling(part, z[64 * at : 64 * at + len(part)])]
    near = z @ z.T
    np.fill_diagonal(near, -1)
    best = near.argmax(1)
    return [(float(near[k, best[k]]), bool(told[k]) and told[k] == told[best[k]]) for k in range(len(prompts))]


def fitted(studio: Studio, measured: Measured, loss: float, how: str) -> Calibration:
    """Half of the loss is left to what pairs do not show: a stream of requests loses more than they (bench/loss.py)."""
    return Calibration(
        painter=studio.painter.spec.title,
        seer=studio.seer.name,
        loss=loss,
        rungs=fit_rungs(measured.samples, loss / 2),
        floor=fit_floor(measured.fits),
        told=fit_told(measured.asked, loss),
        how=how,
    )


def binned(measured: Measured, noise: float, bins: int = 12) -> tuple[list[float], list[float]]:
    """(mean similarities, shares of the score lost) of as many pairs each."""
    mine = sorted((s for s in measured.samples if s.noise == noise), key=lambda s: s.similarity)
    cold = np.mean([s.cold for s in mine])
    parts = [mine[k * len(mine) // bins : (k + 1) * len(mine) // bins] for k in range(bins)]
    parts = [part for part in parts if part]
    lost = [float(np.mean([s.cold - s.warm for s in part]) / cold) for part in parts]
    return [float(np.mean([s.similarity for s in part])) for part in parts], lost


def draw(measured: Measured, calibration: Calibration, path: Path) -> None:
    """The loss against similarity for every level, means of pairs and the line through them, and the table that
    follows. Needs matplotlib (extra "bench")."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    noises = sorted({s.noise for s in measured.samples}, reverse=True)
    for k, noise in enumerate(noises):
        shade = (0.75 - 0.65 * k / max(len(noises) - 1, 1),) * 3
        similarities, lost = binned(measured, noise)
        left.plot(similarities, 100 * np.array(lost), ".", color=shade, label=f"{noise:.2f}")
        ends = np.array([min(similarities), 1.0])
        left.plot(ends, 100 * slope(measured.samples, noise) * (1 - ends), color=shade, lw=0.8)
    left.axhline(100 * calibration.loss, color="#c0392b", lw=0.8)
    left.set(xlabel="similarity of the two descriptions", ylabel="score lost, %", title="Start at this noise share:")
    left.legend(fontsize=7, ncols=2)
    grid = np.linspace(-0.1, 1, 400)
    right.plot(grid, [calibration.start(s) for s in grid], color="#3a6ea5")
    right.set(xlabel="similarity of the two descriptions", ylabel="noise share to start from", ylim=(0, 1.05))
    right.set_title(f"{calibration.painter}: for {calibration.loss:.0%} of the score")
    figure.savefig(path, dpi=120)


def said(measured: Measured, calibration: Calibration) -> str:
    """The table in words, and how sure it is."""
    lines = [f"{calibration.painter}, seen by {calibration.seer}: for {calibration.loss:.1%} of the score"]
    for rung in calibration.rungs:
        mine = [s for s in measured.samples if s.noise == rung.noise and s.similarity >= rung.similarity]
        lost = np.array([s.cold - s.warm for s in mine]) / np.mean([s.cold for s in mine])
        error = lost.std() / len(mine) ** 0.5
        near = np.mean([s.apart for s in mine])
        lines.append(
            f"  from similarity {rung.similarity:6.3f} on: start at noise {rung.noise:.3f}; {len(mine)} pairs lost "
            f"{lost.mean():+.3f} of the score (standard error {error:.3f}), cosine to the neighbour {near:.3f}"
        )
    if not calibration.rungs:
        lines.append("  no start from a neighbour keeps that much: memory serves identical requests alone")
    lines.append(f"  two pictures of one description, from noise: cosine {measured.alike:.3f}")
    lines.append(f"  guard: painted again where picture and description are less alike than {calibration.floor:.3f}")
    told = "never" if calibration.told > 1 else f"from {calibration.told:.4f} on"
    asked = np.mean([near >= calibration.told for near, _ in measured.asked])
    lines.append(
        f"  a neighbour's description is taken over {told} ({asked:.1%} of prompts beside another's same words)"
    )
    return "\n".join(lines)
