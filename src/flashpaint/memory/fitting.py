"""A calibration from measured pairs. Knows numbers, no models.

A sample is one picture painted from a neighbour's latents, and what the same request gave from noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flashpaint.memory.calibration import NEVER, Rung

# below this the neighbour's picture shows through whatever the seed: a request without a seed asks for a new picture
LEAST_NOISE = 0.4


@dataclass(frozen=True)
class Sample:
    """similarity: of the two descriptions; noise: the share that painting started from; warm, cold: the scores of the
    two pictures; fits: the cosine of the warm picture and its description; apart: that of the warm picture and the
    neighbour's; like: that of the warm picture and the cold one."""

    similarity: float
    noise: float
    warm: float
    cold: float
    fits: float
    apart: float
    like: float = 0.0


def falling(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest sequence that never rises (pool adjacent violators; Barlow et al. 1972)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (b, m), (a, n) = blocks.pop(), blocks.pop()
            blocks.append(((a * n + b * m) / (n + m), n + m))
    return np.concatenate([np.full(n, value) for value, n in blocks])


def slope(samples: Sequence[Sample], noise: float) -> float:
    """The share of the cold score that is lost from this noise share on, per 1 - similarity: least squares through 0.

    A neighbour of the same description is a picture as good as any, and a start from it another; what is lost grows
    with the distance. One number from all pairs says more than a step function does where few pairs lie.
    """
    mine = [s for s in samples if s.noise == noise]
    lost = np.array([s.cold - s.warm for s in mine]) / np.mean([s.cold for s in mine])
    apart = np.maximum(1 - np.array([s.similarity for s in mine]), 0)
    return max(0.0, float(apart @ lost) / max(float(apart @ apart), 1e-12))


def fit_rungs(samples: Sequence[Sample], loss: float) -> tuple[Rung, ...]:
    """For each noise share the similarity from which on no more than `loss` is lost; the deeper only where it is
    farther up."""
    rungs: list[Rung] = []
    for noise in sorted({s.noise for s in samples if s.noise >= LEAST_NOISE}, reverse=True):
        rung = Rung(similarity=max(-1.0, 1 - loss / max(slope(samples, noise), 1e-9)), noise=noise)
        rungs = [r for r in rungs if r.similarity < rung.similarity] + [rung]
    return tuple(rungs)


def fit_floor(cosines: Sequence[float], share: float = 0.02) -> float:
    """The guard's floor: the cosine of description and picture below which so few of the pictures painted from noise
    lie."""
    return float(np.quantile(cosines, share))


def fit_told(pairs: Sequence[tuple[float, bool]], loss: float) -> float:
    """From pairs of (cosine of two prompts, whether one description fits both): the least cosine from which on it fits
    but for `loss`; NEVER where there are too few above any to say so."""
    ordered = sorted(pairs)
    wrong = falling(np.array([not fits for _, fits in ordered], float))
    fine = np.flatnonzero(wrong <= loss)
    return ordered[fine[0]][0] if len(fine) >= 1 / loss else NEVER
