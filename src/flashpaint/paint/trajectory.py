"""A trajectory is one picture on its way from noise; a tick moves several by one step each, in one forward pass.

Knows no threads, prompts, files or requests. A picture does not depend on who shared its batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from flashpaint.paint.arrays import Array
from flashpaint.paint.constraint import Constraint, constrained
from flashpaint.paint.denoiser import Conditioning, Denoiser
from flashpaint.paint.guidance import guided_x0
from flashpaint.paint.samplers import Sampler, SamplerState, euler


@dataclass
class Trajectory:
    """One picture being painted.

    latents (1, channels, h, w) at sigmas[position]; sigmas (steps + 1,) falling to 0; conditioning of one row;
    negative: what guidance steers away from, None for the model's null; constraint: what stays of another picture;
    x0 (1, channels, h, w): the newest estimate of the clean latents, None before the first tick; deadline: on the
    monotonic clock, the earliest goes first; cancelled: set it from any thread, and the next tick leaves it out.
    """

    latents: Array
    sigmas: Array
    conditioning: Conditioning
    guidance_scale: float
    sampler: Sampler = euler
    state: SamplerState = field(default_factory=SamplerState)
    position: int = 0
    x0: Array | None = None
    deadline: float = field(default_factory=time.monotonic)
    cancelled: bool = False
    negative: Conditioning | None = None
    constraint: Constraint | None = None

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def finished(self) -> bool:
        return self.position >= self.steps

    @property
    def shape(self) -> tuple[Any, ...]:
        """Trajectories of one shape can share a forward pass."""
        return (*self.latents.shape[1:], *self.conditioning.shape)


def tick(denoiser: Denoiser, batch: Sequence[Trajectory]) -> None:
    """One step of every trajectory of the batch. All are of one shape; if the pass fails, none has moved."""
    x = array_namespace(batch[0].latents).concat([t.latents for t in batch])
    sigmas = np.array([t.sigmas[t.position] for t in batch], np.float32)
    scales = [t.guidance_scale for t in batch]
    conditioning, negatives = Conditioning.join([t.conditioning for t in batch]), [t.negative for t in batch]
    x0 = guided_x0(denoiser, x, sigmas, conditioning, scales, negatives)
    stepped = [step(t, x0[k : k + 1]) for k, t in enumerate(batch)]
    for k, (trajectory, (latents, state)) in enumerate(zip(batch, stepped, strict=True)):
        trajectory.latents, trajectory.state, trajectory.x0 = latents, state, x0[k : k + 1]
        trajectory.position += 1


def step(trajectory: Trajectory, x0: Array) -> tuple[Array, SamplerState]:
    """Its latents at the next level and its sampler's state. What stays is put back after the sampler, which so carries
    the model's own estimates and no others."""
    t, sigma_next = trajectory, float(trajectory.sigmas[trajectory.position + 1])
    latents, state = t.sampler(t.latents, x0, float(t.sigmas[t.position]), sigma_next, t.state)
    if t.constraint is not None:
        latents = constrained(latents, t.constraint, sigma_next, state.mixing)
    return latents, state
