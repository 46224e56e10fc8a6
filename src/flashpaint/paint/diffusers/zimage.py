"""Z-Image and Z-Image-Turbo (Alibaba 2025): a single-stream flow transformer, its text from Qwen3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.adapter import SIDES, DiffusersDenoiser
from flashpaint.paint.diffusers.chat import tokens_before
from flashpaint.paint.diffusers.flux import sized_sigmas

CONTEXT = 512  # tokens of text, as the pipeline reads them


class ZImage(DiffusersDenoiser):
    """Its own guidance scale begins at 0 for none; ours is one more, 1 for none, as everywhere."""

    pipelines: ClassVar[tuple[str, ...]] = ("ZImagePipeline",)
    traceable: ClassVar[bool] = False  # it takes lists of samples, each at its own length

    def describe(self, name: str, version: str) -> DenoiserSpec:
        downscale = self.pipe.vae_scale_factor
        turbo = "turbo" in name.lower()
        return DenoiserSpec(
            name=name,
            version=version,
            latent_channels=self.network.config.in_channels,
            downscale=downscale,
            noise="flow",
            shift=self.pipe.scheduler.config.shift,
            steps=8 if turbo else 50,
            guidance_scale=1.0 if turbo else 6.0,
            sides=range(SIDES.start, SIDES.stop, 2 * downscale),
            side=128 * downscale,
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        """Padded, so that rows of every length can be joined; the network is shown each at its own length."""
        states, _ = self.pipe.encode_prompt(
            list(descriptions), device=self.device, do_classifier_free_guidance=False, max_sequence_length=CONTEXT
        )
        padded = torch.nn.utils.rnn.pad_sequence(states, batch_first=True)
        room = CONTEXT - padded.shape[1]
        lengths = torch.tensor([len(row) for row in states])
        return {"states": torch.nn.functional.pad(padded, (0, 0, 0, room)), "length": lengths}

    def context(self, tokenizer: Any) -> int:
        return CONTEXT - tokens_before(tokenizer)

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        return sized_sigmas(steps, width * height / (2 * self.spec.downscale) ** 2, self.pipe.scheduler.config)

    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """x0 = x - sigma v; the network's time runs from noise, and it answers with -v."""
        arrays = conditioning.arrays
        states = [row[: int(length)] for row, length in zip(arrays["states"], arrays["length"], strict=True)]
        said = self.network(list(latents.to(self.dtype).unsqueeze(2)), 1 - sigmas.flatten(), states, return_dict=False)[
            0
        ]
        return latents + sigmas * torch.stack(list(said)).float().squeeze(2)
