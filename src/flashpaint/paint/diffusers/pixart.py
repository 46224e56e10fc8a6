"""PixArt-Sigma (Chen et al. 2024): a transformer on eps, its text from T5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from flashpaint.paint.denoiser import Conditioning
from flashpaint.paint.diffusers.sd import StableDiffusion

CONTEXT = 300  # tokens of text, as the pipeline reads them


class PixArt(StableDiffusion):
    pipelines: ClassVar[tuple[str, ...]] = ("PixArtSigmaPipeline",)
    network_name: ClassVar[str] = "transformer"
    steps: ClassVar[int] = 20
    guidance_scale: ClassVar[float] = 4.5
    sampler: ClassVar[str] = "dpm++2m"

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        states, mask, _, _ = self.pipe.encode_prompt(list(descriptions), False, device=self.device)
        return {"states": states, "mask": mask}

    def context(self, tokenizer: Any) -> int:
        return CONTEXT

    def predict(self, latents: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        """Its eps; the learned variance beside it is not used."""
        said: Tensor = self.network(
            latents,
            encoder_hidden_states=conditioning.arrays["states"],
            encoder_attention_mask=conditioning.arrays["mask"],
            timestep=times,
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample
        return said[:, : self.spec.latent_channels]
