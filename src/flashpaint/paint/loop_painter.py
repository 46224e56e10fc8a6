"""A Denoiser as a Painter: each order becomes a trajectory in the denoise loop. Knows no requests and no files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.paint.arrays import Array, kept
from flashpaint.paint.canvases import in_windows, painted_size, stages
from flashpaint.paint.cascade import Cascade
from flashpaint.paint.constraint import Constraint, free_latents
from flashpaint.paint.denoiser import Conditioning, Denoiser, DenoiserSpec
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.noise import mix, noise_share, seeded_noise, sigma_of_share
from flashpaint.paint.painter import Order, Steps
from flashpaint.paint.regions import views_of
from flashpaint.paint.samplers import SAMPLERS, SamplerState
from flashpaint.paint.schedule import custom_sigmas, karras_sigmas
from flashpaint.paint.sphere import Sphere
from flashpaint.paint.trajectory import Trajectory
from flashpaint.paint.views import Tiling, View

# noise shares that a larger canvas starts from: edges become sharp, and nothing new stands in the sky, nor on a thing
REFINED = {"flat": 0.2, "tile": 0.35, "panorama": 0.35}


class LoopPainter:
    """room: pictures that may be in the loop at once; batch: the most that share a pass, None for what pays."""

    def __init__(self, denoiser: Denoiser, room: int = 256, batch: int | None = None) -> None:
        self.denoiser, self.loop = denoiser, DenoiseLoop(denoiser, room, batch)
        self._reading = threading.Lock()  # the text encoder serves one caller at a time

    @property
    def spec(self) -> DenoiserSpec:
        return self.denoiser.spec

    @property
    def engine(self) -> str:
        return self.denoiser.engine

    def notes_on(self, description: str) -> tuple[str, ...]:
        return self.denoiser.notes_on(description)

    def close(self) -> None:
        self.loop.close()

    def encode(self, pictures: Sequence[Image.Image]) -> NDArray[np.float16]:
        size = painted_size(pictures[0].size, self.spec)
        with self._reading:
            if self.spec.at_once(size) or not self.spec.windowed:
                return kept(self.denoiser.encode([scaled(picture, size) for picture in pictures]))
            tiling = Tiling(*self.grid(size), self.windows)
            rows = [kept(tiling.encoded(self.denoiser.encode, scaled(picture, size))) for picture in pictures]
            return np.concatenate(rows)

    def steps(self, orders: Sequence[Order], previews: bool = False) -> list[Steps]:
        begun: list[Steps] = []
        staged = [stages(order, self.spec) for order in orders]
        try:
            for trajectory, (_, *larger) in zip(
                self.trajectories([first for first, *_ in staged]), staged, strict=True
            ):
                begun.append(self.loop.steps(trajectory, previews))
                if larger:
                    begun[-1] = Cascade(begun[-1], [self.refining(order) for order in larger], self.steps)
        except BaseException:
            for steps in begun:
                steps.close()
            raise
        return begun

    def refining(self, order: Order) -> Order:
        """The order for what starts from a smaller picture of the same: from REFINED on, its levels below that."""
        own, first = self.levels(order), sigma_of_share(REFINED[order.canvas], self.spec.noise)
        return replace(order, sigmas=(float(own[0]), first, *(float(s) for s in own if s < first)), skipped=1)

    def trajectories(self, orders: Sequence[Order]) -> list[Trajectory]:
        """Each order from its own noise, at the first of its levels."""
        with self._reading:
            positive = self.read([o.description for o in orders], orders)
            negative = [self.read([o.negative], [o])[0] if o.negative else None for o in orders]
            starts = self.starts(orders)
        return [self.trajectory(*each) for each in zip(orders, positive, negative, starts, strict=True)]

    def starts(self, orders: Sequence[Order]) -> list[Array | None]:
        """The clean latents (1, channels, h, w) that each starts from, if any; a picture of several is encoded once."""
        encoded: dict[int, Array] = {}
        found: list[Array | None] = []
        for order in orders:
            if order.source is None:
                start = order.start
                found.append(None if start is None else self.denoiser.hold(start[None].astype(np.float32)))
                continue
            picture = order.source.picture
            if id(picture) not in encoded:
                tiling, large = self.tiling(order), scaled(picture, self.size(order))
                encode = self.denoiser.encode
                encoded[id(picture)] = tiling.encoded(encode, large) if tiling else encode([large])
            found.append(encoded[id(picture)])
        return found

    def read(self, texts: Sequence[str], orders: Sequence[Order]) -> list[Conditioning]:
        """One row a text; texts under the same LoRAs are read together."""
        rows: list[Conditioning | None] = [None] * len(texts)
        for loras in {order.loras for order in orders}:
            which = [k for k, order in enumerate(orders) if order.loras == loras]
            found = self.denoiser.condition([texts[k] for k in which], [orders[k].guidance_scale for k in which], loras)
            for at, k in enumerate(which):
                rows[k] = found[at : at + 1]
        return [row for row in rows if row is not None]

    def trajectory(
        self, order: Order, positive: Conditioning, negative: Conditioning | None, start: Array | None
    ) -> Trajectory:
        spec, sigmas = self.spec, self.levels(order)
        shape = (1, spec.latent_channels, *self.grid(self.size(order)))
        noise = self.denoiser.hold(seeded_noise(order.seed, shape))
        whole = positive if order.look is None else self.looking(positive, order.look)
        return Trajectory(
            self.first(order, float(sigmas[order.skipped]), noise, start),
            sigmas,
            whole,
            1.0 if spec.reads_guidance else order.guidance_scale,
            SAMPLERS[order.sampler or spec.sampler],
            SamplerState(spec.noise, order.seed),
            position=order.skipped,
            negative=negative,
            constraint=self.constraint(order, noise, start),
            views=self.views(order, whole, shape[2:]),
            tiling=self.tiling(order),
            size=None if self.size(order) == (order.width, order.height) else (order.width, order.height),
        )

    def views(self, order: Order, whole: Conditioning, grid: tuple[int, ...]) -> list[View]:
        """Of a tiled canvas its windows; of one with regions these, beside the whole."""
        if tiling := self.tiling(order):
            return [View(window, whole) for window in tiling.windows()]
        if not order.regions:
            return []
        own = self.read([region.description for region in order.regions], [order] * len(order.regions))
        untils = [sigma_of_share(region.until, self.spec.noise) for region in order.regions]
        return views_of(order.regions, own, untils, whole, *grid)

    def tiling(self, order: Order) -> Tiling | None:
        grid = self.grid(self.size(order))
        if order.canvas == "flat":
            large = in_windows((order.width, order.height), self.spec) and not self.spec.at_once(self.size(order))
            return Tiling(*grid, self.windows) if large else None
        kind = Tiling if order.canvas == "tile" else Sphere
        return kind(*grid, self.windows, (order.canvas == "tile", True))

    def size(self, order: Order) -> tuple[int, int]:
        """(width, height) that it is painted at."""
        return order.painted or painted_size((order.width, order.height), self.spec)

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of latents of so many pixels (width, height)."""
        return size[1] // self.spec.downscale, size[0] // self.spec.downscale

    @property
    def windows(self) -> int:
        """The side of windows in latents."""
        return self.spec.side // self.spec.downscale

    def first(self, order: Order, sigma: float, noise: Array, start: Array | None) -> Array:
        """The latents that the order starts from: noise, or others noised to the level of its first step (SDEdit, Meng
        et al. 2022). At full strength nothing is left of a source but what its mask holds."""
        if start is None or (order.source is not None and not order.skipped):
            return sigma * noise
        return mix(start, noise, sigma, self.spec.noise)

    def constraint(self, order: Order, noise: Array, start: Array | None) -> Constraint | None:
        edited = order.source.edited if order.source else None
        if edited is None:
            return None
        free = free_latents(scaled(edited, self.size(order)), self.spec.downscale)
        return Constraint(start, noise, self.denoiser.hold(free))

    def looking(self, conditioning: Conditioning, look: NDArray[np.float32]) -> Conditioning:
        """A picture's features alone, as our denoisers were trained to paint them (unCLIP, Ramesh et al. 2022)."""
        return replace(conditioning, arrays={**conditioning.silent().arrays, "pooled": self.denoiser.hold(look[None])})

    def noise_shares(self, order: Order) -> NDArray[np.float32]:
        return noise_share(self.levels(order), self.spec.noise)

    def levels(self, order: Order) -> NDArray[np.float32]:
        """The order's own sigmas, or the model's, or as many between the model's ends as Karras spaces them."""
        if order.sigmas is not None:
            return custom_sigmas(order.sigmas)
        side = self.spec.side  # what a canvas is painted in
        own = self.denoiser.sigmas(order.steps, *((side, side) if self.tiling(order) else self.size(order)))
        return karras_sigmas(order.steps, float(own[-2]), float(own[0])) if order.schedule == "karras" else own


def scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
