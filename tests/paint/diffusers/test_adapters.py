"""Every family's adapter in our loop against diffusers' own pipeline: the same weights, noise, levels and guidance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra: pip install -e '.[torch]'")
pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import torch
from PIL import Image

from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.diffusers.zimage import ZImage
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.samplers import SamplerState
from flashpaint.paint.trajectory import Trajectory
from tests.paint.diffusers import tiny

FAMILIES: dict[str, tuple[Callable[[], Any], type[Any]]] = {
    "sd": (tiny.sd, StableDiffusion),
    "sd, v prediction": (lambda: tiny.sd("v_prediction"), StableDiffusion),
    "sd turbo": (lambda: tiny.sd(spacing="trailing"), StableDiffusion),
    "sdxl": (tiny.sdxl, StableDiffusionXL),
    "pixart": (tiny.pixart, PixArt),
    "sana": (tiny.sana, Sana),
    "flux dev": (lambda: tiny.flux(dev=True), Flux),
    "flux schnell": (lambda: tiny.flux(dev=False), Flux),
    "z-image": (tiny.zimage, ZImage),
    "kandinsky": (tiny.kandinsky, Kandinsky),
}


@pytest.fixture(scope="module", params=FAMILIES)
def denoiser(request: pytest.FixtureRequest) -> Any:
    pipe, adapter = FAMILIES[request.param]
    return adapter(pipe(), request.param, "tiny")


def trajectory(denoiser: Any, seed: int, steps: int, text: str, scale: float) -> Trajectory:
    spec = denoiser.spec
    sigmas = denoiser.sigmas(steps, spec.side, spec.side)
    noise = seeded_noise(seed, (1, spec.latent_channels, spec.side // spec.downscale, spec.side // spec.downscale))
    return Trajectory(
        denoiser.hold(sigmas[0] * noise),
        sigmas,
        denoiser.condition([text], [scale]),
        1.0 if spec.reads_guidance else scale,
        state=SamplerState(spec.noise, seed),
    )


def finish(denoiser: Any, *trajectories: Trajectory) -> list[Any]:
    loop = DenoiseLoop(denoiser, batch=8)
    for ride in [loop.steps(t) for t in trajectories]:
        list(ride)
    return [t.latents for t in trajectories]


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_our_loop_paints_what_the_pipeline_paints(denoiser: Any, scale: float) -> None:
    spec = denoiser.spec
    if isinstance(denoiser, Flux) and scale != 1 and not spec.reads_guidance:
        return  # FLUX schnell knows no guidance, and its pipeline ignores it
    ours = finish(denoiser, trajectory(denoiser, 3, 5, "a cat in space", scale))[0]
    if isinstance(denoiser, Kandinsky):
        assert (ours - by_ddim(denoiser, scale)).abs().max() <= 1e-4 * max(1, ours.abs().max())
        return
    side = spec.side // spec.downscale
    denoiser.pipe.set_progress_bar_config(disable=True)
    noise = torch.from_numpy(seeded_noise(3, (1, spec.latent_channels, side, side)))
    if isinstance(denoiser, Flux):
        noise = denoiser.pipe._pack_latents(noise, 1, spec.latent_channels, side, side)
    if isinstance(denoiser, ZImage):
        scale -= 1  # there, 0 is none
    own: dict[str, Any] = {"use_resolution_binning": False} if isinstance(denoiser, (PixArt, Sana)) else {}
    if spec.noise == "flow":
        own["sigmas"] = np.linspace(1, 0, 6)[:-1].tolist()
    theirs = denoiser.pipe(
        "a cat in space",
        negative_prompt=None if isinstance(denoiser, (StableDiffusionXL, Flux)) else "",
        num_inference_steps=5,
        guidance_scale=scale,
        latents=noise.clone(),
        output_type="latent",
        height=spec.side,
        width=spec.side,
        **own,
    ).images
    if isinstance(denoiser, Flux):
        theirs = denoiser.pipe._unpack_latents(theirs, spec.side, spec.side, denoiser.pipe.vae_scale_factor)
    assert theirs.std() > 0.1
    assert (ours - theirs).abs().max() <= 1e-4 * max(1, theirs.abs().max())


def by_ddim(denoiser: Any, scale: float) -> Any:
    """Kandinsky's decoder pipeline, whose DDIM without noise is Euler's step; its latents are of unit variance."""
    spec = denoiser.spec
    side, sigma = spec.side // spec.downscale, float(denoiser.sigmas(5, spec.side, spec.side)[0])
    noise = torch.from_numpy(seeded_noise(3, (1, spec.latent_channels, side, side)))
    decoder = denoiser.pipe.decoder_pipe
    decoder.set_progress_bar_config(disable=True)
    return decoder(
        image_embeds=denoiser.condition(["a cat in space"], [scale]).arrays["picture"],
        negative_image_embeds=denoiser.empty().arrays["picture"],
        num_inference_steps=5,
        guidance_scale=scale,
        height=spec.side,
        width=spec.side,
        latents=noise * sigma / (1 + sigma**2) ** 0.5,
        output_type="latent",
    ).images


def test_a_picture_does_not_depend_on_who_shared_its_batch(denoiser: Any) -> None:
    asked = [(1, 3, "a cat", 5.0), (2, 4, "two dogs", 1.0), (3, 2, "a red car at night", 2.0)]
    together = finish(denoiser, *(trajectory(denoiser, *a) for a in asked))
    for a, latents in zip(asked, together, strict=True):
        alone = finish(denoiser, trajectory(denoiser, *a))[0]
        assert (latents - alone).abs().max() <= 1e-4 * max(1, alone.abs().max())


def test_latents_become_pictures_and_pictures_latents_of_the_right_size(denoiser: Any) -> None:
    side, scale = denoiser.spec.side, denoiser.spec.downscale
    latents = denoiser.encode([Image.new("RGB", (side, side), "red")] * 2)
    assert latents.shape == (2, denoiser.spec.latent_channels, side // scale, side // scale)
    assert [p.size for p in denoiser.decode(latents)] == [(side, side)] * 2
    assert [p.size for p in denoiser.preview(latents)] == [(side, side)] * 2


def test_another_prompt_is_another_picture(denoiser: Any) -> None:
    a, b = finish(denoiser, *(trajectory(denoiser, 3, 3, text, 1.0) for text in ("a cat", "a very small house")))
    assert np.abs((a - b).numpy()).max() > 1e-5
