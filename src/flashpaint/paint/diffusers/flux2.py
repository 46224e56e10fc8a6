"""FLUX.2 klein and dev (Black Forest Labs 2025): a flow transformer whose latents are patches of 2x2, normalised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.adapter import SIDES, DiffusersDenoiser
from flashpaint.paint.diffusers.chat import tokens_before
from flashpaint.paint.painter import CHOICES
from flashpaint.paint.schedule import flow_sigmas


class Flux2(DiffusersDenoiser):
    """klein is distilled to four steps, or a base that takes guidance as Stable Diffusion does; dev reads the scale."""

    pipelines: ClassVar[tuple[str, ...]] = ("Flux2KleinPipeline", "Flux2Pipeline")

    def describe(self, name: str, version: str) -> DenoiserSpec:
        downscale = 2 * self.pipe.vae_scale_factor
        dev = self.network.config.guidance_embeds
        few = self.pipe.config.get("is_distilled", False)
        deaf = {"negative", "guidance_scale"} if few else {"negative"} if dev else set[str]()
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=self.network.config.in_channels,
            downscale=downscale,
            noise="flow",
            shift=self.pipe.scheduler.config.shift,
            steps=4 if few else 50,
            guidance_scale=1.0 if few else 4.0,
            sides=range(SIDES.start, SIDES.stop, downscale),
            side=self.pipe.default_sample_size * self.pipe.vae_scale_factor,
            reads_guidance=dev,
            heeds=CHOICES - deaf,
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        states, _ = self.pipe.encode_prompt(list(descriptions), device=self.device)
        scales = torch.tensor(list(guidance_scales))
        return {"states": states, "guidance": scales.float().to(self.device)}

    def context(self, tokenizer: Any) -> int:
        return int(self.pipe.tokenizer_max_length) - tokens_before(tokenizer)

    def notes_on(self, description: str) -> tuple[str, ...]:
        """None of dev's, whose tokenizer reads pictures too and counts otherwise."""
        return () if self.spec.reads_guidance else super().notes_on(description)

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        """Shifted by size and by the number of steps, as was measured to be best."""
        from diffusers.pipelines.flux2.pipeline_flux2 import compute_empirical_mu  # brings models along: a second

        config = self.pipe.scheduler.config
        if not config.get("use_dynamic_shifting", False):
            return flow_sigmas(steps, config.shift)
        patches = width * height // self.spec.downscale**2
        return flow_sigmas(steps, math.exp(compute_empirical_mu(patches, steps)))

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """x0 = x - sigma v."""
        arrays, (height, width) = conditioning.arrays, latents.shape[-2:]
        velocity: Tensor = self.network(
            hidden_states=latents.flatten(2).mT.to(self.dtype),  # (n, height * width, channels)
            timestep=sigmas.flatten().to(self.dtype),
            guidance=arrays["guidance"] if self.spec.reads_guidance else None,
            encoder_hidden_states=arrays["states"].to(self.dtype),
            txt_ids=self.places(tokens=arrays["states"].shape[1]),
            img_ids=self.places(height, width),
        ).sample.float()
        return latents - sigmas * velocity.mT.reshape(latents.shape)

    def places(self, rows: int = 1, columns: int = 1, tokens: int = 1) -> Tensor:
        """(rows * columns * tokens, 4): the picture's number, row, column, and the place in the text."""
        return torch.cartesian_prod(*(torch.arange(side) for side in (1, rows, columns, tokens))).to(self.device)

    def to_unit(self, latents: Tensor) -> Tensor:
        """Patches, normalised by the autoencoder's batch norm."""
        mean, deviation = self.statistics()
        return (functional.pixel_unshuffle(latents, 2) - mean) / deviation

    def from_unit(self, latents: Tensor) -> Tensor:
        mean, deviation = self.statistics()
        return functional.pixel_shuffle(latents * deviation + mean, 2)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """(channels, 1, 1) each: mean and standard deviation of each of a patch's numbers."""
        norm = self.vae.bn
        mean, variance = norm.running_mean.view(-1, 1, 1), norm.running_var.view(-1, 1, 1)
        return mean, (variance + self.vae.config.batch_norm_eps).sqrt()
