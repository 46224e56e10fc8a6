"""Kandinsky 2.2 (Razzhigaev et al. 2023), an open unCLIP: a prior turns the text into a picture's clip features, and
the decoder, a U-Net on latents, paints what those say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from PIL import Image
from torch import Tensor

from flashpaint.models.pictures import to_array, to_pictures
from flashpaint.paint.denoiser import Conditioning
from flashpaint.paint.diffusers.adapter import SIDES
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.noise import text_seed

PRIOR_STEPS = 25


class Kandinsky(StableDiffusion):
    """The prior is this family's text encoder: its own short diffusion, seeded by the description, so that one
    description always reads the same."""

    pipelines: ClassVar[tuple[str, ...]] = ("KandinskyV22CombinedPipeline", "KandinskyV22Pipeline")
    vae_name: ClassVar[str] = "movq"
    steps: ClassVar[int] = 50
    guidance_scale: ClassVar[float] = 4.0

    def sides_of(self, downscale: int) -> range:
        step = downscale**2  # the U-Net halves the latents three times, and the autoencoder sees 64 pixels at a time
        return range(max(SIDES.start, step), SIDES.stop, step)

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        return {"picture": torch.cat([self.imagined(description) for description in descriptions])}

    def imagined(self, description: str) -> Tensor:
        """(1, dim): the clip features of a picture of this."""
        self.pipe.prior_pipe.set_progress_bar_config(disable=True)
        found: Tensor = self.pipe.prior_pipe(
            description,
            num_inference_steps=PRIOR_STEPS,
            generator=torch.Generator().manual_seed(text_seed(description)),
        ).image_embeds
        return found

    @torch.no_grad()
    def empty(self) -> Conditioning:
        """The features of a black picture, as the decoder was trained."""
        return Conditioning({"picture": self.pipe.prior_pipe.get_zero_embed(1)})

    def predict(self, latents: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        """Its eps; the learned variance beside it is not used."""
        said: Tensor = self.network(
            latents,
            times,
            encoder_hidden_states=None,
            added_cond_kwargs={"image_embeds": conditioning.arrays["picture"]},
        ).sample
        return said[:, : self.spec.latent_channels]

    @torch.no_grad()
    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        found: Tensor = self.vae.encode(self.hold(to_array(images)).to(self.dtype) * 2 - 1).latents
        return found.float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        pictures = self.vae.decode(latents.to(self.dtype), force_not_quantize=True).sample
        return to_pictures((pictures.float() / 2 + 0.5).cpu().numpy())
