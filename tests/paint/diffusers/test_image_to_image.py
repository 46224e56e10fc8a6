"""A warm start is what diffusers calls image to image: the same latents, noise, level and steps."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra: pip install -e '.[torch]'")
pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import diffusers
import torch

from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.painter import Order, WarmPainter
from tests.paint.diffusers import tiny

STEPS, SKIPPED, SEED = 6, 2, 11
FAMILIES: dict[str, tuple[Any, Any, Any]] = {
    "sd": (tiny.sd, StableDiffusion, "stable_diffusion"),
    "sdxl": (tiny.sdxl, StableDiffusionXL, "stable_diffusion_xl"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_warm_start_is_diffusers_image_to_image(family: str) -> None:
    build, adapter, module = FAMILIES[family]
    denoiser = adapter(build(), family, "tiny")
    spec, pipe = denoiser.spec, diffusers.AutoPipelineForImage2Image.from_pipe(denoiser.pipe)
    shape = (spec.latent_channels, spec.side // spec.downscale, spec.side // spec.downscale)
    start = np.random.default_rng(3).standard_normal(shape).astype(np.float16)
    order = Order(
        description="a cat",
        seed=SEED,
        width=spec.side,
        height=spec.side,
        steps=STEPS,
        guidance_scale=3.0,
        start=start,
        skipped=SKIPPED,
    )
    painter = LoopPainter(denoiser)
    assert isinstance(painter, WarmPainter)
    ours = list(painter.steps([order])[0])
    noise = torch.from_numpy(seeded_noise(SEED, (1, *shape)))
    pipe.set_progress_bar_config(disable=True)
    with mock.patch(f"diffusers.pipelines.{module}.pipeline_{module}_img2img.randn_tensor", return_value=noise):
        theirs = pipe(
            prompt="a cat",
            image=torch.from_numpy(start[None].astype(np.float32)),
            strength=(STEPS - SKIPPED) / STEPS,
            num_inference_steps=STEPS,
            guidance_scale=3.0,
            output_type="latent",
        ).images
    assert [step.position for step in ours] == [3, 4, 5, 6]
    assert ours[-1].latents is not None
    difference = np.abs(ours[-1].latents.astype(np.float32) - theirs[0].numpy())
    assert difference.max() < 2e-3 * np.abs(theirs.numpy()).max(), "what half precision keeps"
