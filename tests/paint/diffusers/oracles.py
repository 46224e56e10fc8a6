"""What diffusers' own pipeline of each family paints: 5 steps from given noise, as latents of ours."""

from __future__ import annotations

import hashlib
from functools import singledispatch
from typing import Any
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers.schedulers import scheduling_scm
from torch import Tensor

from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.flux2 import Flux2
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.karlo import Karlo
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sana_sprint import SanaSprint
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.diffusers.zimage import ZImage
from flashpaint.paint.noise import seeded_noise

TEXT, STEPS = "a cat in space", 5
LEVELS = np.linspace(1, 0, STEPS + 1)[:-1].tolist()  # of a flow, before they are shifted


def called(denoiser: Any, latents: Tensor, scale: float, **own: Any) -> Any:
    denoiser.pipe.set_progress_bar_config(disable=True)
    asked = {"num_inference_steps": STEPS, "guidance_scale": scale, "latents": latents.clone(), "output_type": "latent"}
    side = denoiser.spec.side
    return denoiser.pipe(prompt=TEXT, **{**asked, "height": side, "width": side, **own}).images


@singledispatch
def theirs(denoiser: Any, noise: Tensor, scale: float) -> Any:
    """noise: standard normal, (1, channels, h, w)."""
    raise NotImplementedError


@theirs.register
def _(denoiser: StableDiffusion, noise: Tensor, scale: float) -> Any:
    return called(denoiser, noise, scale, negative_prompt="")


@theirs.register
def _(denoiser: StableDiffusionXL, noise: Tensor, scale: float) -> Any:
    return called(denoiser, noise, scale)


@theirs.register
def _(denoiser: PixArt, noise: Tensor, scale: float) -> Any:
    return called(denoiser, noise, scale, negative_prompt="", use_resolution_binning=False)


@theirs.register
def _(denoiser: Sana, noise: Tensor, scale: float) -> Any:
    return called(denoiser, noise, scale, negative_prompt="", use_resolution_binning=False, sigmas=LEVELS)


@theirs.register
def _(denoiser: SanaSprint, noise: Tensor, scale: float, steps: int = STEPS) -> Any:
    """The noise that its scheduler adds is that of our sampler."""
    draws = iter(range(1, steps + 1))
    with mock.patch.object(
        scheduling_scm, "randn_tensor", lambda shape, **_: torch.from_numpy(seeded_noise(3, tuple(shape), next(draws)))
    ):
        own = {"num_inference_steps": steps, "intermediate_timesteps": 1.3 if steps == 2 else None}
        return called(denoiser, noise, scale, use_resolution_binning=False, **own)


@theirs.register
def _(denoiser: Flux, noise: Tensor, scale: float) -> Any:
    _, channels, height, width = noise.shape
    packed = denoiser.pipe._pack_latents(noise, 1, channels, height, width)
    found = called(denoiser, packed, scale, sigmas=LEVELS)
    return denoiser.pipe._unpack_latents(found, denoiser.spec.side, denoiser.spec.side, denoiser.pipe.vae_scale_factor)


@theirs.register
def _(denoiser: Flux2, noise: Tensor, scale: float) -> Any:
    """klein's pipeline gives the autoencoder's latents, dev's the network's tokens."""
    found = called(denoiser, noise, scale, sigmas=LEVELS)
    return found.mT.reshape(noise.shape) if found.ndim == 3 else denoiser.to_unit(found)


@theirs.register
def _(denoiser: ZImage, noise: Tensor, scale: float) -> Any:
    """There, a scale of 0 is none."""
    return called(denoiser, noise, scale - 1, negative_prompt="", sigmas=LEVELS)


@theirs.register
def _(denoiser: Kandinsky, noise: Tensor, scale: float) -> Any:
    """Its DDIM without noise is Euler's step; its latents are of unit variance."""
    side, decoder = denoiser.spec.side, denoiser.pipe.decoder_pipe
    sigma = float(denoiser.sigmas(STEPS, side, side)[0])
    decoder.set_progress_bar_config(disable=True)
    return decoder(
        image_embeds=denoiser.condition([TEXT], [scale]).arrays["picture"],
        negative_image_embeds=denoiser.empty().arrays["picture"],
        num_inference_steps=STEPS,
        guidance_scale=scale,
        height=side,
        width=side,
        latents=noise * sigma / (1 + sigma**2) ** 0.5,
        output_type="latent",
    ).images


class FirstOrder(diffusers.DPMSolverMultistepScheduler):
    """DPM-Solver++ of the first order, which is DDIM, at unCLIP's steps; its dynamic threshold of 1 is a clip to 1."""

    found: Any = None

    def set_timesteps(self, steps: int, device: Any = None) -> None:  # type: ignore[override]
        at = diffusers.UnCLIPScheduler()
        at.set_timesteps(steps)
        super().set_timesteps(timesteps=at.timesteps.tolist(), device=device)

    def step(self, said: Tensor, t: Any, x: Tensor, prev_timestep: Any = None, generator: Any = None) -> Any:  # type: ignore[override]
        self.found = super().step(said, t, x, generator)
        return self.found


@theirs.register
def _(denoiser: Karlo, noise: Tensor, scale: float) -> Any:
    """The whole pipeline, prior included, with the ODE in place of its decoder's scheduler."""
    own = {"algorithm_type": "dpmsolver++", "solver_order": 1, "thresholding": True, "sample_max_value": 1.0}
    solver = FirstOrder(beta_schedule="squaredcos_cap_v2", variance_type="learned_range", **own)
    seed = int.from_bytes(hashlib.sha256(TEXT.encode()).digest()[:7], "big")
    denoiser.pipe.set_progress_bar_config(disable=True)
    with mock.patch.object(denoiser.pipe, "decoder_scheduler", solver):
        denoiser.pipe(
            TEXT,
            decoder_num_inference_steps=STEPS,
            decoder_guidance_scale=scale,
            decoder_latents=noise.clone(),
            generator=torch.Generator().manual_seed(seed),
        )
    return solver.found.prev_sample
