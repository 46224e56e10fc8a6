"""Stable Diffusion 1.x and 2.x, their Turbo included (Rombach et al. 2022): a U-Net on eps or v."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashpaint.errors import ModelNotFound
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.adapter import SIDES, DiffusersDenoiser
from flashpaint.paint.schedule import sd_sigmas, trained_betas, trained_sigmas


class StableDiffusion(DiffusersDenoiser):
    """steps, guidance_scale, sampler: the defaults of what is not distilled."""

    pipelines: ClassVar[tuple[str, ...]] = ("StableDiffusionPipeline",)
    network_name: ClassVar[str] = "unet"
    steps: ClassVar[int] = 50
    guidance_scale: ClassVar[float] = 7.5
    sampler: ClassVar[str] = "euler"

    def describe(self, name: str, version: str) -> DenoiserSpec:
        config, network = self.pipe.scheduler.config, self.network.config
        if "beta_schedule" not in config or config.get("rescale_betas_zero_snr", False):
            raise ModelNotFound(
                f"{name} comes with noise levels ({config.get('_class_name', 'scheduler')}) that this adapter does not "
                "know: take another copy of the model",
                param="model",
            )
        betas = trained_betas(config.beta_schedule, config.num_train_timesteps, config.beta_start, config.beta_end)
        self.trained = trained_sigmas(betas)
        self.spacing = config.get("timestep_spacing", "leading")
        self.predicts = config.get("prediction_type", "epsilon")
        if self.predicts not in ("epsilon", "v_prediction"):
            raise ModelNotFound(f"{name} predicts {self.predicts}, which this adapter does not know", param="model")
        turbo = self.spacing == "trailing"  # distilled models visit the last level first, without guidance
        downscale = 2 ** (len(self.vae.config.block_out_channels) - 1)
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=network.in_channels,
            downscale=downscale,
            noise="sd",
            steps=4 if turbo else self.steps,
            guidance_scale=1.0 if turbo else self.guidance_scale,
            sides=self.sides_of(downscale),
            side=network.sample_size * downscale,
            sampler=self.sampler,
        )

    def sides_of(self, downscale: int) -> range:
        return SIDES

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        states, _ = self.pipe.encode_prompt(list(descriptions), self.device, 1, False)
        return {"states": states}

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        return sd_sigmas(steps, self.trained, self.spacing)

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """eps: x0 = x - sigma eps; v: x0 = x / (sigma^2 + 1) - v sigma / sqrt(sigma^2 + 1) (Salimans & Ho 2022)."""
        size = (sigmas**2 + 1).sqrt()  # brings x to the unit variance that the network was trained on
        said = self.predict((latents / size).to(self.dtype), self.times(sigmas), conditioning).float()
        return latents - sigmas * said if self.predicts == "epsilon" else latents / size**2 - said * sigmas / size

    def predict(self, latents: Tensor, times: Tensor, conditioning: Conditioning) -> Tensor:
        """The network's eps or v of latents of unit variance at training steps (n,)."""
        return self.network(  # type: ignore[no-any-return]
            latents,
            times,
            encoder_hidden_states=conditioning.arrays["states"],
            added_cond_kwargs=self.added(latents, conditioning),
        ).sample

    def added(self, latents: Tensor, conditioning: Conditioning) -> dict[str, Any] | None:
        """What the U-Net reads beside the text."""
        return None

    def times(self, sigmas: Tensor) -> Tensor:
        """The training step of each level, between steps by log sigma."""
        at = np.interp(np.log(sigmas.flatten().cpu().numpy()), np.log(self.trained), np.arange(len(self.trained)))
        return torch.from_numpy(at.astype(np.float32)).to(self.device)
