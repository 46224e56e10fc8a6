"""What the exported graphs will meet: inputs of denoiser and decoder on the way of pictures that the model paints."""

from __future__ import annotations

import random

import numpy as np
import torch
from numpy.typing import NDArray

from flashpaint.networks.autoencoder import CHANNELS
from flashpaint.networks.unet import Denoiser
from training.clip import open_clip
from training.denoiser import SIDE_LATENTS, read_texts, training_text
from training.distill import UNGUIDED, way
from training.run import Stage
from training.world import sample

Inputs = dict[str, NDArray[np.float32]]
BATCHES, TOGETHER = 10, 16


@torch.no_grad()
def met(stage: Stage, model: Denoiser) -> tuple[list[Inputs], list[Inputs]]:
    """By the denoiser, all its steps in each batch, and by the decoder after the last."""
    torch.manual_seed(0)
    clip, tokenizer = open_clip(stage)
    rng, steps, ends = random.Random("met"), list[Inputs](), list[Inputs]()
    for _ in range(2 if stage.small else BATCHES):
        condition = read_texts(clip, tokenizer, [training_text(sample(rng), rng) for _ in range(TOGETHER)])
        bare = torch.tensor([rng.random() < UNGUIDED for _ in range(TOGETHER)])
        for part in condition:
            part[bare] = 0
        x = torch.randn(TOGETHER, CHANNELS, SIDE_LATENTS, SIDE_LATENTS)
        for latents, sigma in way(model, condition, x):
            if sigma:
                given = dict(zip(("states", "mask", "pooled"), (part.numpy() for part in condition), strict=True))
                steps.append({"latents": latents.numpy(), "sigmas": sigma.expand(TOGETHER).numpy(), **given})
            else:
                ends.append({"latents": latents.numpy()})
    return mixed(steps, rng), ends


def mixed(batches: list[Inputs], rng: random.Random) -> list[Inputs]:
    """The same rows by lot."""
    rows = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    order = rng.sample(range(len(batches) * TOGETHER), len(batches) * TOGETHER)
    return [
        {name: values[order[k : k + TOGETHER]] for name, values in rows.items()} for k in range(0, len(order), TOGETHER)
    ]
