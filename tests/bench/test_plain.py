"""The plain recipe: it paints what our engine paints from the same weights, and the benchmark measures both."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra: pip install -e '.[torch]'")

import torch
import transformers

from flashpaint import PaintRequest, Studio
from flashpaint.bench.plain import plain
from flashpaint.bench.recipe import ManySteps, PlainMini, PlainStableDiffusion
from flashpaint.models.folder import ModelFolder
from flashpaint.networks.unet import Denoiser
from flashpaint.networks.weights import filled, weights_of
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from tests.paint.diffusers import tiny


@pytest.fixture(scope="module")
def recipe() -> PlainMini:
    return PlainMini(ModelFolder.open("mini"))


def test_minis_pytorch_and_openvino_forms_agree_at_every_step(recipe: PlainMini) -> None:
    folder = ModelFolder.open("mini")
    exact, fast = (MiniDenoiser(folder, precision=p) for p in ("f32", None))
    network = Denoiser().eval()
    network.load_state_dict(filled(network, weights_of(folder.file("denoiser.onnx"), "model.")))
    condition = recipe.read("a cat in space")
    x = seeded_noise(3, (1, 16, 16, 16))
    for sigma, below in zip(exact.sigmas(8, 256, 256), exact.sigmas(8, 256, 256)[1:], strict=False):
        with torch.no_grad():
            v = network(torch.from_numpy(x), torch.tensor([sigma]), *condition).numpy()
        x0 = x - sigma * v
        for engine in (exact, fast):
            ours = engine.denoise(x, np.array([sigma], np.float32), engine.condition(["a cat in space"], [1.0]))
            # int8 in a part of the products moves the estimate by 2 to 5 %
            assert (ours * x0).sum() / (np.linalg.norm(ours) * np.linalg.norm(x0)) >= 0.998
        x = x0 + below / sigma * (x - x0)


def test_the_recipe_paints_the_same_picture_as_our_loop_with_its_settings(recipe: PlainMini) -> None:
    """Guidance over all sigmas, 50 steps at 7.5, f32: one model, two implementations."""
    few = Studio.open(precision="f32")
    denoiser = ManySteps(ModelFolder.open("mini"), precision="f32")
    denoiser.spec = replace(denoiser.spec, guidance_interval=(0.0, float("inf")))
    studio = Studio(few.seer, few.teller, LoopPainter(denoiser))
    made = recipe.paint("太空中的一只猫", 5)
    assert made.description, "what its T5 says with five beams"
    ours = studio.paint(PaintRequest(made.description, seed=5, steps=50, guidance_scale=7.5, describe=False))
    assert made.description == ours.description
    assert np.abs(np.asarray(made.picture, int) - np.asarray(ours.picture, int)).mean() < 1.5


def test_the_recipe_runs_on_clip_t5_and_stable_diffusion() -> None:
    torch.manual_seed(0)
    clip: Any = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 300}
            | {"bos_token_id": 0, "eos_token_id": 1},
            vision_config={"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32},
        )
    )
    t5: Any = transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4, vocab_size=120, decoder_start_token_id=0
        )
    )
    recipe = PlainStableDiffusion(tiny.sd(), clip, tiny.clip_tokenizer(), t5, tiny.t5_tokenizer())
    made = recipe.paint("a cat", 1)
    assert made.picture.size == (32, 32)
    assert made.description
    assert set(made.seconds) == {"see", "tell", "denoise"}


def test_bench_plain_times_and_judges_both() -> None:
    report = plain(runs=4)
    assert report.figures["plain_over_ours"] > 1
    assert 0 <= report.figures["alignment_ours"] <= 1
    assert {"flashpaint", "plain recipe"} <= {name for name, *_ in report.rows}
