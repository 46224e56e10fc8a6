"""FLUX.1 dev and schnell (Black Forest Labs 2024): a flow transformer on patches of 2x2 latents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.adapter import SIDES, DiffusersDenoiser
from flashpaint.paint.painter import CHOICES
from flashpaint.paint.schedule import flow_sigmas


class Flux(DiffusersDenoiser):
    pipelines: ClassVar[tuple[str, ...]] = ("FluxPipeline",)

    def describe(self, name: str, version: str) -> DenoiserSpec:
        transformer = self.pipe.transformer.config
        downscale = 2 ** (len(self.vae.config.block_out_channels) - 1)
        dev = transformer.guidance_embeds
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=transformer.in_channels // 4,
            downscale=downscale,
            noise="flow",
            shift=self.pipe.scheduler.config.shift,
            steps=28 if dev else 4,
            guidance_scale=3.5 if dev else 1.0,
            sides=range(SIDES.start, SIDES.stop, 2 * downscale),
            side=self.pipe.default_sample_size * downscale,
            reads_guidance=dev,
            heeds=CHOICES - {"negative"} if dev else CHOICES,
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        states, pooled, _ = self.pipe.encode_prompt(list(descriptions), None, device=self.device)
        scales = torch.tensor(list(guidance_scales))
        return {"states": states, "pooled": pooled, "guidance": scales.float().to(self.device)}

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        return sized_sigmas(steps, width * height / (2 * self.spec.downscale) ** 2, self.pipe.scheduler.config)

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """x0 = x - sigma v."""
        n, channels, height, width = latents.shape
        arrays = conditioning.arrays
        patches = latents.view(n, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
        velocity: Tensor = self.network(
            hidden_states=patches.reshape(n, height // 2 * (width // 2), 4 * channels).to(self.dtype),
            timestep=sigmas.flatten().to(self.dtype),
            guidance=arrays["guidance"] if self.spec.reads_guidance else None,
            pooled_projections=arrays["pooled"],
            encoder_hidden_states=arrays["states"],
            txt_ids=torch.zeros(arrays["states"].shape[1], 3, device=self.device, dtype=self.dtype),
            img_ids=self.places(height // 2, width // 2),
        ).sample.float()
        velocity = velocity.view(n, height // 2, width // 2, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return latents - sigmas * velocity.reshape(latents.shape)

    def places(self, rows: int, columns: int) -> Tensor:
        """(rows * columns, 3): 0, row and column of each patch."""
        grid = torch.cartesian_prod(torch.arange(1), torch.arange(rows), torch.arange(columns))
        return grid.to(self.device, self.dtype)


def sized_sigmas(steps: int, patches: float, config: Any) -> NDArray[np.float32]:
    """A flow schedule, shifted by size where the model was trained so: exp(mu), mu linear in the number of patches."""
    if not config.get("use_dynamic_shifting", False):
        return flow_sigmas(steps, config.shift)
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    least, most = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    return flow_sigmas(steps, math.exp(least + (most - least) * (patches - few) / (many - few)))
