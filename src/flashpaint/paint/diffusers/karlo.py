"""Karlo (Kakao Brain 2022), the open DALL-E 2: unCLIP (Ramesh et al. 2022) in pixels.

A prior turns the text into a picture's clip features, the decoder paints a small picture of those, and two networks
enlarge it. The decoder is the denoiser here: its "latents" are the small picture, and `decode` enlarges them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from flashpaint.models.pictures import to_array, to_pictures
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.noise import seeded_noise, text_seed
from flashpaint.paint.painter import CHOICES
from flashpaint.paint.schedule import trained_sigmas

PRIOR_STEPS, PRIOR_SCALE = 25, 4.0
ENLARGING_STEPS = 7


class Karlo(StableDiffusion):
    """The probability-flow ODE of its decoder, where diffusers' own pipeline adds noise of a variance that the network
    learned: x0 and sigma are all that our samplers know.

    Of pixels, x0 must be clipped to [-1, 1] after guidance, or the first level (sigma is 20,000 there) leads far
    astray; so this denoiser guides by itself: it reads the scale, and runs the network twice.
    """

    pipelines: ClassVar[tuple[str, ...]] = ("UnCLIPPipeline",)
    network_name: ClassVar[str] = "decoder"
    vae_name: ClassVar[str] = "super_res_first"
    steps: ClassVar[int] = 25
    guidance_scale: ClassVar[float] = 8.0

    def describe(self, name: str, version: str) -> DenoiserSpec:
        self.trained = trained_sigmas(self.pipe.decoder_scheduler.betas.double().numpy())
        self.predicts = "epsilon"
        small, large = self.network.config.sample_size, self.vae.config.sample_size
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=self.network.config.in_channels,
            downscale=large // small,
            noise="sd",
            steps=self.steps,
            guidance_scale=self.guidance_scale,
            sides=(large,),
            side=large,
            reads_guidance=True,
            heeds=CHOICES - {"negative"},
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        """What the decoder reads of each description, and of silence."""
        rows = [self.imagined(description) for description in descriptions]
        scales = torch.tensor(list(guidance_scales)).float().to(self.device)
        return {"guidance": scales, **{name: torch.stack([row[name] for row in rows]) for name in rows[0]}}

    def imagined(self, description: str) -> dict[str, Tensor]:
        """(2, ...) each, silence first. The prior's own diffusion is seeded by the description, so that one
        description always reads the same."""
        embeds, states, mask = self.pipe._encode_prompt(description, self.device, 1, True)
        said = {"proj_embedding": embeds, "encoder_hidden_states": states, "attention_mask": mask}

        def predict(x: Tensor, t: Tensor, last: bool) -> Tensor:
            silent, spoken = self.pipe.prior(torch.cat([x, x]), timestep=t, **said).predicted_image_embedding.chunk(2)
            guided: Tensor = silent + PRIOR_SCALE * (spoken - silent)
            return guided

        generator = torch.Generator().manual_seed(text_seed(description))
        noise = torch.randn((1, self.pipe.prior.config.embedding_dim), generator=generator)
        found = diffused(self.pipe.prior_scheduler, PRIOR_STEPS, noise.to(embeds), predict, generator)
        states, added = self.pipe.text_proj(
            image_embeddings=self.pipe.prior.post_process_latents(found),
            prompt_embeds=embeds,
            text_encoder_hidden_states=states,
            do_classifier_free_guidance=True,
        )
        extra = states.shape[1] - mask.shape[1]  # the picture's features come first, as tokens
        return {"states": states, "added": added, "mask": functional.pad(mask, (extra, 0), value=True)}

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        """At whole training steps, the last and the first among them."""
        at = np.linspace(len(self.trained) - 1, 0, steps).round().astype(int)
        return np.append(self.trained[at], 0).astype(np.float32)

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """Guided and clipped."""
        arrays = dict(conditioning.arrays)
        scales = arrays.pop("guidance").view(-1, 1, 1, 1)
        twice = Conditioning({name: torch.cat([rows[:, 0], rows[:, 1]]) for name, rows in arrays.items()})
        both = super().estimate(torch.cat([latents] * 2), torch.cat([sigmas] * 2), twice)
        silent, spoken = both[: len(latents)], both[len(latents) :]
        guided: Tensor = silent + scales * (spoken - silent)
        return guided.clamp(-1, 1)

    def predict(self, latents: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        """Its eps; the learned variance beside it is not used."""
        arrays = conditioning.arrays
        said: Tensor = self.network(
            latents,
            times,
            encoder_hidden_states=arrays["states"],
            class_labels=arrays["added"],
            attention_mask=arrays["mask"],
        ).sample
        return said[:, : self.spec.latent_channels]

    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        """The small picture."""
        pictures = self.hold(to_array(images)) * 2 - 1
        return functional.interpolate(pictures, scale_factor=1 / self.spec.downscale, mode="area")

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        return to_pictures((torch.cat([self.enlarged(small[None]) for small in latents]) / 2 + 0.5).cpu().numpy())

    def enlarged(self, small: Tensor) -> Tensor:
        """(1, 3, h, w) enlarged by a diffusion of its own, of the same noise for every picture."""
        side = self.spec.side
        wide = functional.interpolate(
            small.float().clamp(-1, 1), size=(side, side), mode="bicubic", align_corners=False, antialias=True
        )
        seen = wide.to(self.dtype)

        def predict(x: Tensor, t: Tensor, last: bool) -> Tensor:
            network = self.pipe.super_res_last if last else self.pipe.super_res_first
            said: Tensor = network(torch.cat([x, seen], dim=1), t).sample
            return said

        noise = self.hold(seeded_noise(0, tuple(seen.shape))).to(seen)
        generator = torch.Generator().manual_seed(0)
        return diffused(self.pipe.super_res_scheduler, ENLARGING_STEPS, noise, predict, generator).float().clamp(-1, 1)

    def preview(self, latents: Tensor) -> list[Image.Image]:
        """The small picture, enlarged without a network."""
        small = to_pictures((latents.clamp(-1, 1) / 2 + 0.5).cpu().numpy())
        return [picture.resize((self.spec.side, self.spec.side), Image.Resampling.BICUBIC) for picture in small]


def diffused(
    scheduler: Any,
    steps: int,
    x: Tensor,
    predict: Callable[[Tensor, Tensor, bool], Tensor],
    generator: torch.Generator,
) -> Tensor:
    """x denoised by a scheduler of diffusers. predict: what a network says of x at a training step, the last or not."""
    scheduler.set_timesteps(steps, device=x.device)
    for t, below in pairwise([*scheduler.timesteps, None]):
        x = scheduler.step(predict(x, t, below is None), t, x, prev_timestep=below, generator=generator).prev_sample
    return x
