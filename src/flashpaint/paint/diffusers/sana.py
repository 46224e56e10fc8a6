"""SANA (Xie et al. 2024): a linear-attention flow transformer on latents 32 times smaller, its text from Gemma 2."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.adapter import SIDES, DiffusersDenoiser
from flashpaint.paint.schedule import flow_sigmas

ROOM = 298  # tokens of a description


class Sana(DiffusersDenoiser):
    pipelines: ClassVar[tuple[str, ...]] = ("SanaPipeline",)

    def describe(self, name: str, version: str) -> DenoiserSpec:
        config, downscale = self.pipe.scheduler.config, self.pipe.vae_scale_factor
        # what the model was trained to read before every prompt
        self.instruction = inspect.signature(type(self.pipe).__call__).parameters["complex_human_instruction"].default
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=self.pipe.transformer.config.in_channels,
            downscale=downscale,
            noise="flow",
            shift=config.get("flow_shift", None) or config.get("shift", 1.0),
            steps=20,
            guidance_scale=4.5,
            sides=range(SIDES.start, SIDES.stop, max(SIDES.step, downscale)),
            side=self.pipe.transformer.config.sample_size * downscale,
            sampler="dpm++2m",
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        return self.encoded(list(descriptions), self.instruction)

    def empty(self) -> Conditioning:
        """Without the instruction, to the same length."""
        return Conditioning(self.encoded([""], None))

    @torch.no_grad()
    def encoded(self, texts: list[str], instruction: list[str] | None) -> dict[str, Tensor]:
        states, mask, _, _ = self.pipe.encode_prompt(
            texts, False, device=self.device, complex_human_instruction=instruction
        )
        return {"states": states, "mask": mask}

    def context(self, tokenizer: Any) -> int:
        """The pipeline makes room for this many behind the instruction."""
        return ROOM + int(tokenizer.num_special_tokens_to_add())

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        return flow_sigmas(steps, self.spec.shift)

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """x0 = x - sigma v."""
        arrays = conditioning.arrays
        velocity: Tensor = self.network(
            latents.to(self.dtype),
            encoder_hidden_states=arrays["states"].to(self.dtype),
            encoder_attention_mask=arrays["mask"],
            **self.told(sigmas, conditioning),
        ).sample.float()
        return latents - sigmas * velocity[:, : self.spec.latent_channels]

    def told(self, sigmas: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """What the network reads beside latents and text."""
        return {"timestep": 1000 * sigmas.flatten() * self.network.config.timestep_scale}
