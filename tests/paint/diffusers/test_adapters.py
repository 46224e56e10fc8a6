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
from flashpaint.paint.diffusers.flux2 import Flux2
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.karlo import Karlo
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sana_sprint import SanaSprint
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.diffusers.zimage import ZImage
from flashpaint.paint.loop import DenoiseLoop
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.samplers import SamplerState, euler, lcm
from flashpaint.paint.trajectory import Trajectory
from tests.paint.diffusers import tiny
from tests.paint.diffusers.oracles import STEPS, TEXT, theirs

FAMILIES: dict[str, tuple[Callable[[], Any], type[Any]]] = {
    "sd": (tiny.sd, StableDiffusion),
    "sd, v prediction": (lambda: tiny.sd("v_prediction"), StableDiffusion),
    "sd turbo": (lambda: tiny.sd(spacing="trailing"), StableDiffusion),
    "sdxl": (tiny.sdxl, StableDiffusionXL),
    "pixart": (tiny.pixart, PixArt),
    "sana": (tiny.sana, Sana),
    "sana sprint": (lambda: tiny.sana(sprint=True), SanaSprint),
    "flux dev": (lambda: tiny.flux(dev=True), Flux),
    "flux schnell": (lambda: tiny.flux(dev=False), Flux),
    "flux.2 klein": (lambda: tiny.flux2_klein(distilled=True), Flux2),
    "flux.2 klein base": (lambda: tiny.flux2_klein(distilled=False), Flux2),
    "flux.2 dev": (tiny.flux2_dev, Flux2),
    "z-image": (tiny.zimage, ZImage),
    "kandinsky": (tiny.kandinsky, Kandinsky),
    "karlo": (tiny.karlo, Karlo),
}


@pytest.fixture(scope="module", params=FAMILIES)
def denoiser(request: pytest.FixtureRequest) -> Any:
    pipe, adapter = FAMILIES[request.param]
    return adapter(pipe(), request.param, "tiny")


def trajectory(denoiser: Any, seed: int, steps: int, text: str, scale: float) -> Trajectory:
    """By Euler's steps, but for consistency models, which take their own."""
    spec = denoiser.spec
    sigmas = denoiser.sigmas(steps, spec.side, spec.side)
    noise = seeded_noise(seed, (1, spec.latent_channels, spec.side // spec.downscale, spec.side // spec.downscale))
    return Trajectory(
        denoiser.hold(sigmas[0] * noise),
        sigmas,
        denoiser.condition([text], [scale]),
        1.0 if spec.reads_guidance else scale,
        lcm if spec.sampler == "lcm" else euler,
        SamplerState(spec.noise, seed),
    )


def finish(denoiser: Any, *trajectories: Trajectory) -> list[Any]:
    loop = DenoiseLoop(denoiser, batch=8)
    for ride in [loop.steps(t) for t in trajectories]:
        list(ride)
    return [t.latents for t in trajectories]


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_our_loop_paints_what_the_pipeline_paints(denoiser: Any, scale: float) -> None:
    spec = denoiser.spec
    if isinstance(denoiser, Flux | Flux2) and scale != 1 and spec.guidance_scale == 1:
        return  # distilled models know no guidance, and their pipelines ignore it
    ours = finish(denoiser, trajectory(denoiser, 3, STEPS, TEXT, scale))[0]
    side = spec.side // spec.downscale
    expected = theirs(denoiser, torch.from_numpy(seeded_noise(3, (1, spec.latent_channels, side, side))), scale)
    assert expected.std() > 0.1
    assert (ours - expected).abs().max() <= 1e-4 * max(1, expected.abs().max())


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


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_as_on_an_accelerator_paints_nearly_the_same(family: str) -> None:
    pipe, adapter = FAMILIES[family]
    whole, half = (adapter(pipe().to(dtype), family, "tiny") for dtype in (torch.float32, torch.bfloat16))
    assert half.engine == "torch bfloat16 cpu"
    expected, found = (finish(d, trajectory(d, 3, 3, "a cat", 3.0))[0] for d in (whole, half))
    assert found.dtype == torch.float32
    assert (found - expected).abs().mean() < 0.1 * expected.abs().mean()
    assert half.decode(half.encode(half.preview(found)))[0].size == (whole.spec.side, whole.spec.side)
