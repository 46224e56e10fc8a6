"""Stable Diffusion XL, Turbo and Lightning (Podell et al. 2023): two text encoders, and the size as a condition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from flashpaint.paint.denoiser import Conditioning
from flashpaint.paint.diffusers.sd import StableDiffusion


class StableDiffusionXL(StableDiffusion):
    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionXLPipeline",)

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        states, _, pooled, _ = self.pipe.encode_prompt(
            list(descriptions), device=self.device, do_classifier_free_guidance=False
        )
        return {"states": states, "pooled": pooled}

    def empty(self) -> Conditioning:
        """Zeros, where the model was trained to take them for silence; else the empty prompt."""
        said = super().empty()
        return said.silent() if self.pipe.config.get("force_zeros_for_empty_prompt", True) else said

    def added(self, latents: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        """The pooled text, and (height, width) as asked, uncropped and as painted."""
        height, width = (side * self.spec.downscale for side in latents.shape[-2:])
        sizes = torch.tensor([[height, width, 0, 0, height, width]] * len(latents))
        return {"text_embeds": conditioning.arrays["pooled"], "time_ids": sizes.to(self.device, self.dtype)}
