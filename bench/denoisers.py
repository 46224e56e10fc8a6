"""Models of the field's sizes with random weights: what a guided step costs in diffusers' own pipeline and in our loop
at each `--fast` level, and how many pictures a second several callers get. Random weights cost
what trained ones cost.

python bench/denoisers.py --model sd15 --side 256 --levels off balanced [--clients 1 4] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import diffusers
import torch
import transformers

from flashpaint.paint.diffusers.adapter import DiffusersDenoiser
from flashpaint.paint.diffusers.fast import LEVELS, speed_up
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.paint.painter import Order
from tests.paint.diffusers import tiny

CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
CLIP_G = {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20}


def encoder(size: dict[str, int], projection: bool = False) -> Any:
    config = transformers.CLIPTextConfig(
        **size, vocab_size=300, bos_token_id=0, eos_token_id=1, pad_token_id=1, projection_dim=size["hidden_size"]
    )
    return (transformers.CLIPTextModelWithProjection if projection else transformers.CLIPTextModel)(config).eval()


def autoencoder() -> Any:
    widths = [128, 256, 512, 512]
    return diffusers.AutoencoderKL(
        block_out_channels=widths,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        layers_per_block=2,
        latent_channels=4,
    ).eval()


def sd15() -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=autoencoder(),
        text_encoder=encoder(CLIP_L),
        tokenizer=tiny.clip_tokenizer(),
        unet=diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8).eval(),
        scheduler=tiny.euler_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> Any:
    unet = diffusers.UNet2DConditionModel(
        sample_size=128,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    return diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=encoder(CLIP_L),
        text_encoder_2=encoder(CLIP_G, projection=True),
        tokenizer=tiny.clip_tokenizer(),
        tokenizer_2=tiny.clip_tokenizer(),
        unet=unet.eval(),
        scheduler=tiny.euler_scheduler(),
        add_watermarker=False,
    )


MODELS: dict[str, tuple[Callable[[], Any], type[DiffusersDenoiser]]] = {
    "sd15": (sd15, StableDiffusion),
    "sdxl": (sdxl, StableDiffusionXL),
}


def order(seed: int, side: int, steps: int) -> Order:
    return Order(description="a cat in space", seed=seed, width=side, height=side, steps=steps, guidance_scale=7.5)


def step_seconds(paint: Callable[[int], Any], few: int = 2, many: int = 6, times: int = 3) -> float:
    """Of one guided step: what `many` steps take beyond `few`, so that reading and decoding fall out."""
    paint(few)

    def spent(steps: int) -> float:
        started = time.perf_counter()
        paint(steps)
        return time.perf_counter() - started

    return statistics.median((spent(many) - spent(few)) / (many - few) for _ in range(times))


def paint_one(painter: LoopPainter, side: int, steps: int) -> None:
    list(painter.steps([order(1, side, steps)])[0])


def throughput(painter: LoopPainter, clients: int, side: int, steps: int = 4) -> float:
    """Pictures a second of so many callers, two pictures each."""

    def call(seed: int) -> None:
        for k in range(2):
            list(painter.steps([order(seed * 2 + k, side, steps)])[0])

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(call, range(clients)))
    return 2 * clients / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=MODELS, default="sd15")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=["off", "balanced"])
    parser.add_argument("--clients", nargs="*", type=int, default=[])
    parser.add_argument("--json")
    asked = parser.parse_args()
    cuda = torch.cuda.is_available()
    torch.manual_seed(0)
    build, adapter = MODELS[asked.model]
    pipe = build().to("cuda" if cuda else "cpu", torch.bfloat16 if cuda else torch.float32)
    pipe.set_progress_bar_config(disable=True)
    figures: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        figures[name] = value
        print(f"{name:28} {value:.4g}", flush=True)

    where = torch.cuda.get_device_name() if cuda else f"{torch.get_num_threads()} cores, {platform.machine()}"
    print(f"{asked.model}, {asked.side} px, guided steps, on {where}", flush=True)
    plain = step_seconds(
        lambda steps: pipe("a cat in space", num_inference_steps=steps, height=asked.side, width=asked.side)
    )
    note("diffusers_step_s", plain)
    for level in asked.levels:
        denoiser = adapter(pipe, asked.model, "random weights")
        painter = LoopPainter(denoiser, batch=speed_up(denoiser, level))
        ours = step_seconds(partial(paint_one, painter, asked.side))
        note(f"{level}_step_s", ours)
        note(f"diffusers_over_{level}", plain / ours)
        for clients in asked.clients:
            note(f"{level}_pictures_per_s_{clients}", throughput(painter, clients, asked.side))
        painter.close()
    if cuda:
        note("peak_memory_gb", torch.cuda.max_memory_allocated() / 1e9)
    if asked.json:
        with open(asked.json, "w") as out:
            json.dump({"command": " ".join(["python", *sys.argv]), "figures": figures}, out, indent=1)


if __name__ == "__main__":
    main()
