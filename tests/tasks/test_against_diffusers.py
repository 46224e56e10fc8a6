"""A source in our loop is what diffusers calls image to image, and with a mask its inpainting with a plain network."""

# ruff: noqa: E402

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra: pip install -e '.[torch]'")
diffusers = pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import torch
from PIL import Image

from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.orders import order_of
from flashpaint.paint.trajectory import tick
from flashpaint.request import PaintRequest, Source
from tests.paint.diffusers import tiny

STEPS, SEED = 6, 11


def ours(denoiser: StableDiffusion, mask: Image.Image | None, strength: float) -> Any:
    """The last latents, before they are rounded to be kept."""
    side, painter = denoiser.spec.side, LoopPainter(denoiser)
    source = Source(Image.new("RGB", (side, side)), mask, strength)
    request = PaintRequest("a cat", seed=SEED, steps=STEPS, guidance_scale=3.0, source=source)
    trajectory = painter.trajectories([order_of(request, denoiser.spec, "a cat", SEED)])[0]
    while not trajectory.finished:
        tick(denoiser, [trajectory])
    return trajectory.latents


# full strength without a mask is painting from noise here, where diffusers leaves a trace of the picture
@pytest.mark.parametrize(
    ("masked", "strength"), [(False, 0.35), (False, 0.75), (True, 0.35), (True, 0.75), (True, 1.0)]
)
def test_a_source_is_diffusers_image_to_image_and_inpainting(masked: bool, strength: float) -> None:
    denoiser = StableDiffusion(tiny.sd(), "sd", "tiny")
    spec, scale = denoiser.spec, denoiser.spec.downscale
    shape = (1, spec.latent_channels, spec.side // scale, spec.side // scale)
    start = torch.from_numpy(np.random.default_rng(3).standard_normal(shape, np.float32))
    mask = Image.new("L", (spec.side, spec.side))
    mask.paste(255, (0, 0, spec.side // 2, spec.side))
    common: dict[str, Any] = {"prompt": "a cat", "image": start, "strength": strength, "num_inference_steps": STEPS}
    common |= {"guidance_scale": 3.0, "output_type": "latent"}
    kind, module = diffusers.AutoPipelineForImage2Image, "img2img"
    if masked:
        kind, module = diffusers.AutoPipelineForInpainting, "inpaint"
        hole = torch.from_numpy(np.asarray(mask, np.float32)[None, None] / 255)
        common |= {"mask_image": hole, "masked_image_latents": start, "height": spec.side, "width": spec.side}
    pipe = kind.from_pipe(denoiser.pipe)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.from_numpy(seeded_noise(SEED, shape))
    place = f"diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_{module}.randn_tensor"
    with mock.patch(place, return_value=noise):
        theirs = pipe(**common).images
    with mock.patch.object(denoiser, "encode", return_value=start):
        found = ours(denoiser, mask if masked else None, strength)
    assert (found - theirs).abs().max() < 1e-4 * max(1.0, float(theirs.abs().max()))
    if masked:
        assert torch.equal(found[..., shape[-1] // 2 :], start[..., shape[-1] // 2 :])
