"""The plain recipe, the baseline of every comparison: CLIP sees, T5 tells with 5 beams, 50 steps paint at guidance 7.5.

Written straight on transformers and diffusers, one request at a time, in float32: no loop, memory or engine of ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from torch import Tensor

from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import open_traced
from flashpaint.networks import unet
from flashpaint.networks.autoencoder import CHANNELS, DOWNSCALE, Autoencoder
from flashpaint.networks.clip import CONTEXT, TextTower
from flashpaint.networks.teller import teller
from flashpaint.networks.unet import CleanEstimate, Denoiser
from flashpaint.networks.weights import filled, weights_of
from flashpaint.paint.arrays import Array
from flashpaint.paint.denoiser import Conditioning
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from flashpaint.tell.codes import code_words, codes_of

STEPS, GUIDANCE_SCALE = 50, 7.5
BEAMS: Mapping[str, Any] = {"num_beams": 5, "max_length": 50, "early_stopping": True}
WEIGHTS = Path(__file__).parents[3] / "training" / "weights"


@dataclass(frozen=True)
class Plain:
    """What the recipe made; seconds: see, tell, denoise (to the picture)."""

    picture: Image.Image
    description: str
    seconds: Mapping[str, float]


def weights(name: str) -> dict[str, Tensor]:
    """Of a network of mini's that the package does not hold in this form. Raises ModelNotFound outside a checkout."""
    path = WEIGHTS / f"{name}.safetensors"
    if not path.exists():
        raise ModelNotFound(
            f"this needs the {name}'s PyTorch weights, which are in the repository (training/weights) and not in the "
            "package: run it from a checkout with an editable install",
            param="model",
        )
    return {key: torch.from_numpy(w.astype(np.float32)) for key, w in load_file(path).items()}


class ManySteps(MiniDenoiser):
    """mini's denoiser before it was distilled, in mini's engine: a model of many guided steps.

    network: None for the one that the repository keeps.
    """

    def __init__(self, folder: ModelFolder, network: Denoiser | None = None, precision: str | None = None) -> None:
        super().__init__(folder, precision=precision)
        self.int8 = False  # its network is traced as it was trained
        if network is None:
            network = Denoiser()
            network.load_state_dict(weights("denoiser"))
        side = folder.manifest.denoiser.sides[0] // DOWNSCALE
        text = torch.randn(2, CONTEXT, 256), torch.ones(2, CONTEXT), torch.randn(2, 256)
        example = (torch.randn(2, CHANNELS, side, side), torch.tensor([1.0, 0.5]), *text)
        self.graph = open_traced(CleanEstimate(network).eval(), example, [True] * len(example), precision)
        self.spec = replace(
            self.spec,
            name="mini of many steps",
            steps=STEPS,
            drafts=False,
            guidance_scale=unet.GUIDANCE_SCALE,
            guidance_interval=unet.GUIDANCE_INTERVAL,
        )

    def denoise(self, latents: Array, sigmas: Array, conditioning: Conditioning) -> Array:
        arrays = conditioning.arrays
        given = (latents, sigmas, arrays["states"], arrays["mask"], arrays["pooled"])
        return self.graph(**dict(zip(self.graph.inputs, given, strict=True)))["output"]


class PlainMini:
    """The recipe on mini's own weights in PyTorch, so that both sides of a comparison paint with the same model."""

    def __init__(self, folder: ModelFolder) -> None:
        self.words = Tokenizer.from_file(str(folder.file("tokenizer.json")))
        self.codebook = load_file(folder.file("codebook.safetensors"))["codebook"].astype(np.float32)
        self.clip, self.denoiser, self.autoencoder = TextTower(self.words.get_vocab_size()), Denoiser(), Autoencoder()
        coded = [weights_of(folder.file(f"{half}.onnx"), "model.") for half in ("encoder", "decoder")]
        self.clip.load_state_dict(filled(self.clip, weights_of(folder.file("clip_text.onnx"))))
        self.denoiser.load_state_dict(weights("denoiser"))
        self.autoencoder.load_state_dict(filled(self.autoencoder, coded[0] | coded[1]))
        self.teller: Any = teller(self.words.get_vocab_size())
        self.teller.load_state_dict(weights("teller"))
        self.scheduler: Any = FlowMatchEulerDiscreteScheduler(shift=folder.manifest.denoiser.shift)
        self.side = folder.manifest.denoiser.sides[0] // DOWNSCALE
        for network in (self.clip, self.denoiser, self.autoencoder, self.teller):
            network.eval()

    @torch.no_grad()
    def paint(self, prompt: str, seed: int) -> Plain:
        began = time.perf_counter()
        z = self.read(prompt)[2]
        saw = time.perf_counter()
        description = self.tell(prompt, z) or prompt
        told = time.perf_counter()
        picture = self.decode(self.denoise(description, seed))
        seconds = {"see": saw - began, "tell": told - saw, "denoise": time.perf_counter() - told}
        return Plain(picture, description, seconds)

    def read(self, text: str) -> tuple[Tensor, Tensor, Tensor]:
        """states (1, 32, 256), mask (1, 32), z (1, 256)."""
        tokens = torch.zeros(1, CONTEXT, dtype=torch.long)
        ids = self.words.encode(text).ids[:CONTEXT]
        tokens[0, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        states, z = self.clip(tokens)
        return states, (tokens != 0).float(), z

    def tell(self, prompt: str, z: Tensor) -> str:
        codes = code_words(codes_of(z.numpy(), self.codebook))[0]
        tail = [self.words.token_to_id(word) for word in ("<see>", *codes, "</s>")]
        found = self.teller.generate(torch.tensor([[*self.words.encode(prompt).ids[:64], *tail]]), **BEAMS)
        return str(self.words.decode(found[0].tolist())).strip()

    def denoise(self, description: str, seed: int) -> Tensor:
        condition = self.read(description)
        both = [torch.cat([part, torch.zeros_like(part)]) for part in condition]
        x = torch.from_numpy(seeded_noise(seed, (1, CHANNELS, self.side, self.side)))
        self.scheduler.set_timesteps(STEPS)
        for t, sigma in zip(self.scheduler.timesteps, self.scheduler.sigmas, strict=False):
            v, null = self.denoiser(torch.cat([x, x]), sigma.expand(2), *both).chunk(2)
            x = self.scheduler.step(null + GUIDANCE_SCALE * (v - null), t, x).prev_sample
        return x

    def decode(self, latents: Tensor) -> Image.Image:
        pixels = self.autoencoder.decode(latents)[0].clamp(0, 1).permute(1, 2, 0).mul(255).round().byte()
        return Image.fromarray(pixels.numpy())


class PlainStableDiffusion:
    """The recipe as it is usually put together: a CLIP, a T5 and a Stable Diffusion pipeline, each as its hub has it.

    pipe: diffusers' pipeline; clip, clip_words: transformers' CLIPModel and its tokenizer; t5, t5_words likewise.
    """

    def __init__(self, pipe: Any, clip: Any, clip_words: Any, t5: Any, t5_words: Any) -> None:
        self.pipe, self.clip, self.clip_words, self.t5, self.t5_words = pipe, clip, clip_words, t5, t5_words
        pipe.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def paint(self, prompt: str, seed: int) -> Plain:
        began = time.perf_counter()
        self.clip.get_text_features(**self.clip_words(prompt, return_tensors="pt", truncation=True))
        saw = time.perf_counter()
        ids = self.t5_words(f"describe the picture: {prompt}", return_tensors="pt").to(self.t5.device)
        description = self.t5_words.decode(self.t5.generate(**ids, **BEAMS)[0], skip_special_tokens=True) or prompt
        told = time.perf_counter()
        generator = torch.Generator(self.pipe.device).manual_seed(seed)
        picture = self.pipe(
            description, num_inference_steps=STEPS, guidance_scale=GUIDANCE_SCALE, generator=generator
        ).images[0]
        seconds = {"see": saw - began, "tell": told - saw, "denoise": time.perf_counter() - told}
        return Plain(picture, description, seconds)
