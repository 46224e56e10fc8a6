"""A trajectory is one picture on its way from noise; a tick moves several by one step each, in one forward pass.

Knows no threads, prompts, files or requests. A picture does not depend on who shared its batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from flashpaint.paint.arrays import Array, array_namespace
from flashpaint.paint.constraint import Constraint, constrained
from flashpaint.paint.denoiser import Conditioning, Denoiser
from flashpaint.paint.guidance import guided_x0
from flashpaint.paint.samplers import Sampler, SamplerState, euler
from flashpaint.paint.views import Decode, Tiling, View, joined


@dataclass
class Trajectory:
    """One picture being painted.

    latents (1, channels, h, w) at sigmas[position]; sigmas (steps + 1,) falling to 0; conditioning of one row;
    negative: what guidance steers away from, None for the model's null; constraint: what stays of another picture;
    views: what is denoised in the whole's stead, and joined; tiling: of a picture that is decoded in windows; size:
    (width, height) that its picture is scaled to, and cropped where it is of another shape; None for its own;
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
    views: Sequence[View] = ()
    tiling: Tiling | None = None
    size: tuple[int, int] | None = None

    @property
    def steps(self) -> int:
        return len(self.sigmas) - 1

    @property
    def finished(self) -> bool:
        return self.position >= self.steps

    @property
    def speaking(self) -> Sequence[View]:
        """Its views at this noise level."""
        return [view for view in self.views if float(self.sigmas[self.position]) > view.until]

    @property
    def rows(self) -> int:
        """Of a pass, that its next step takes."""
        return len(self.speaking) or 1

    @property
    def shape(self) -> tuple[Any, ...]:
        """Trajectories of one shape can share a forward pass."""
        if self.views:
            return (self.latents.shape[1], *self.views[0].window.shown.shape, *self.views[0].conditioning.shape)
        return (*self.latents.shape[1:], *self.conditioning.shape)

    def shown(self) -> list[tuple[Array, Conditioning]]:
        """What its next step denoises: rows of latents, each with its condition."""
        if not self.views:
            return [(self.latents, self.conditioning)]
        return [(view.window.look(self.latents), view.conditioning) for view in self.speaking]

    def seen(self, x0: Sequence[Array]) -> Array:
        """One estimate of those of its rows."""
        return joined([view.window for view in self.speaking], x0) if self.views else x0[0]

    def picture(self, denoiser: Denoiser) -> Image.Image:
        """Of finished latents."""
        return self.decoded(denoiser.decode, self.latents)

    def preview(self, denoiser: Denoiser) -> Image.Image | None:
        """Of the newest estimate, if there is one."""
        return None if self.x0 is None else self.decoded(denoiser.preview, self.x0)

    def decoded(self, decode: Decode, latents: Array) -> Image.Image:
        picture = self.tiling.decoded(decode, latents) if self.tiling else decode(latents)[0]
        return ImageOps.fit(picture, self.size, Image.Resampling.LANCZOS) if self.size else picture


def tick(denoiser: Denoiser, batch: Sequence[Trajectory], most: int | None = None) -> None:
    """One step of every trajectory of the batch. All are of one shape; if a pass fails, none has moved.

    most: rows that share a pass, None for all; more take several passes.
    """
    rows = [(t, *row) for t in batch for row in t.shown()]
    part = most or len(rows)
    found = [x0 for at in range(0, len(rows), part) for x0 in estimates(denoiser, rows[at : at + part])]
    moved = []
    for trajectory in batch:
        number = trajectory.rows
        x0, found = trajectory.seen(found[:number]), found[number:]
        moved.append((trajectory, x0, *step(trajectory, x0)))
    for trajectory, x0, latents, state in moved:
        trajectory.latents, trajectory.state, trajectory.x0 = latents, state, x0
        trajectory.position += 1


def estimates(denoiser: Denoiser, rows: Sequence[tuple[Trajectory, Array, Conditioning]]) -> list[Array]:
    """The guided x0 (1, channels, h, w) of each row, in one pass."""
    x = array_namespace(rows[0][1]).concat([latents for _, latents, _ in rows])
    sigmas = np.array([t.sigmas[t.position] for t, _, _ in rows], np.float32)
    conditioning = Conditioning.join([condition for _, _, condition in rows])
    scales, negatives = [t.guidance_scale for t, _, _ in rows], [t.negative for t, _, _ in rows]
    x0 = guided_x0(denoiser, x, sigmas, conditioning, scales, negatives)
    return [x0[k : k + 1] for k in range(len(rows))]


def step(trajectory: Trajectory, x0: Array) -> tuple[Array, SamplerState]:
    """Its latents at the next level and its sampler's state. What stays is put back after the sampler, which so carries
    the model's own estimates and no others."""
    t, sigma_next = trajectory, float(trajectory.sigmas[trajectory.position + 1])
    latents, state = t.sampler(t.latents, x0, float(t.sigmas[t.position]), sigma_next, t.state)
    if t.constraint is not None:
        latents = constrained(latents, t.constraint, sigma_next, state.mixing)
    return latents, state
