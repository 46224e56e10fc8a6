"""The denoise loop: trajectories that advance together, each at its own noise level.

Knows trajectories and ticks; knows no prompts, files or requests. A picture does not depend on who shared its batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.paint.denoiser import Conditioning, Denoiser
from flashpaint.paint.guidance import guided_x0
from flashpaint.paint.samplers import euler_step

Array = NDArray[Any]


@dataclass
class Trajectory:
    """One picture being painted.

    latents (1, channels, h, w) at sigmas[position]; sigmas (steps + 1,) falling to 0; conditioning of one row;
    x0 (1, channels, h, w): the newest estimate of the clean latents, None before the first tick.
    """

    latents: Array
    sigmas: Array
    conditioning: Conditioning
    guidance_scale: float
    position: int = 0
    x0: Array | None = None

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def finished(self) -> bool:
        return self.position >= self.steps


def tick(denoiser: Denoiser, batch: Sequence[Trajectory]) -> None:
    """One step of every trajectory of the batch, in one forward pass. Their latents have one shape."""
    x = np.concatenate([t.latents for t in batch])
    sigma = np.array([t.sigmas[t.position] for t in batch], np.float32)
    sigma_next = np.array([t.sigmas[t.position + 1] for t in batch], np.float32)
    scales = np.array([t.guidance_scale for t in batch], np.float32)
    x0 = guided_x0(denoiser, x, sigma, Conditioning.join([t.conditioning for t in batch]), scales)
    x = euler_step(x, x0, sigma, sigma_next)
    for k, trajectory in enumerate(batch):
        trajectory.latents, trajectory.x0 = x[k : k + 1], x0[k : k + 1]
        trajectory.position += 1


def denoise_loop(denoiser: Denoiser, trajectories: Sequence[Trajectory], batch: int = 8) -> Iterator[list[Trajectory]]:
    """Tick until all are finished; after each tick, the trajectories that it moved.

    Those furthest behind go first, `batch` of one shape at a time. Closing the iterator stops within one tick.
    """
    waiting = [t for t in trajectories if not t.finished]
    while waiting:
        waiting.sort(key=lambda t: t.position)
        shape = waiting[0].latents.shape
        moved = [t for t in waiting if t.latents.shape == shape][:batch]
        tick(denoiser, moved)
        yield moved
        waiting = [t for t in waiting if not t.finished]
