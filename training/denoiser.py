"""denoiser: the flow-matching U-Net that paints latents from clip's text states and one pooled clip vector.

Convolutions at 16x16, transformer layers with cross-attention at 8x8 (on little compute, local bias wins). Trains on
rectified flow (Liu et al. 2022; Lipman et al. 2022), logit-normal times (Esser et al. 2024); predicts v = noise - x0.
"""

from __future__ import annotations

import math
import random
from itertools import accumulate, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.autoencoder import CHANNELS, Autoencoder, open_autoencoder
from training.clip import CONTEXT, DIM, Clip, open_clip, tokens_of
from training.grammar import describe, prompts
from training.latents import open_latents
from training.optimiser import Optimiser
from training.run import Stage, contact_sheet, load, take_up
from training.scenes import captioned
from training.transformer import Attention, RMSNorm, SwiGLU
from training.world import Scene

GALLERY = [
    "a cat in space",
    "a dog on the beach",
    "a red car on the road",
    "a rocket in the sky",
    "a panda",
    "an apple",
    "a castle in the snowy mountains at night",
    "a fish under the sea",
    "a cat to the left of a dog",
    "a robot in the city",
    "a tree above a house",
    "two balloons",
    "a unicorn in a meadow at sunset, 3d render",
    "a penguin on a blue background",
    "a sailboat on the sea at sunset",
    "a dinosaur in the forest",
]


class AdaptiveNorm(nn.Module):
    """RMSNorm over the channels, then a scale and shift read from the embedding (n, embedding)."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm, self.modulation = RMSNorm(width), nn.Linear(embedding, 2 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (n, ..., width)."""
        scale, shift = self.modulation(embedding).view(x.shape[0], *(1,) * (x.dim() - 2), -1).chunk(2, -1)
        return self.norm(x) * (1 + scale) + shift


class ConvBlock(nn.Module):
    """Residual block of two 3x3 convolutions, adaptive norm before each; x (n, c, h, w)."""

    def __init__(self, width: int, embedding: int, width_in: int | None = None) -> None:
        super().__init__()
        width_in = width_in or width
        self.norm_1, self.norm_2 = AdaptiveNorm(width_in, embedding), AdaptiveNorm(width, embedding)
        self.conv_1, self.conv_2 = (nn.Conv2d(n, width, 3, padding=1) for n in (width_in, width))
        self.skip = nn.Identity() if width_in == width else nn.Conv2d(width_in, width, 1)
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        y = self.conv_1(F.silu(last_to_first(self.norm_1(first_to_last(x), embedding))))
        y = self.conv_2(F.silu(last_to_first(self.norm_2(first_to_last(y), embedding))))
        return self.skip(x) + y


class TextBlock(nn.Module):
    """Self-attention, cross-attention to the text, and SwiGLU with a depthwise convolution; x (n, h, w, width)."""

    def __init__(self, width: int, embedding: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(AdaptiveNorm(width, embedding) for _ in range(3))
        self.attention, self.cross = Attention(width, heads), Attention(width, heads, DIM)
        self.mlp = SwiGLU(width)
        self.local = nn.Conv2d(width, width, 3, padding=1, groups=width)
        for last in (self.attention.out, self.cross.out, self.mlp.out):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        n, h, w, c = x.shape
        x = x + self.attention(self.norms[0](x, embedding).view(n, h * w, c)).view(n, h, w, c)
        x = x + self.cross(self.norms[1](x, embedding).view(n, h * w, c), context, mask).view(n, h, w, c)
        y = self.norms[2](x, embedding)
        return x + self.mlp(y + first_to_last(self.local(last_to_first(y))))


def first_to_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def last_to_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


class Denoiser(nn.Module):
    """latents (n, 16, 16, 16), sigmas (n,), states (n, t, 256), mask (n, t), pooled (n, 256) -> v (n, 16, 16, 16).

    The null condition is zeros everywhere.
    """

    def __init__(self, width: int = 128, deep: int = 384, depth: int = 3, embedding: int = 384) -> None:
        super().__init__()
        self.frequencies = embedding // 3
        self.time = nn.Sequential(nn.Linear(self.frequencies, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.pooled, self.summary = nn.Linear(DIM, embedding), nn.Linear(DIM, embedding)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.refine = nn.Sequential(RMSNorm(DIM), nn.Linear(DIM, DIM), nn.SiLU(), nn.Linear(DIM, DIM))
        self.null, self.pooled_token = nn.Parameter(0.02 * torch.randn(1, 1, DIM)), nn.Linear(DIM, DIM)
        self.position = nn.Parameter(0.02 * torch.randn(8, 8, deep))
        self.enter = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.before = nn.ModuleList(ConvBlock(width, embedding) for _ in range(2))
        self.down = nn.Conv2d(4 * width, deep, 1)
        self.middle = ConvBlock(deep, embedding)
        self.text = nn.ModuleList(TextBlock(deep, embedding, heads=6) for _ in range(depth))
        self.up = nn.Conv2d(deep, 4 * width, 1)
        self.after = nn.ModuleList(ConvBlock(width, embedding, w_in) for w_in in (2 * width, width))
        self.leave_norm, self.leave = AdaptiveNorm(width, embedding), nn.Conv2d(width, CHANNELS, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def embed(self, sigmas: Tensor, states: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        half = self.frequencies // 2
        angles = 1000 * sigmas[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
        mean = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        # a unit vector's entries are about 1/16: brought to unit variance
        return self.mix(
            self.time(torch.cat([angles.cos(), angles.sin()], 1)) + self.pooled(16 * pooled) + self.summary(mean)
        )

    def read(self, states: Tensor, mask: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """What the cross-attention reads: a null token, the pooled vector, the text."""
        n = states.shape[0]
        context = torch.cat(
            [self.null.expand(n, 1, -1), self.pooled_token(16 * pooled)[:, None], states + self.refine(states)], 1
        )
        return context, torch.cat([torch.ones(n, 2), mask], 1)

    def forward(self, latents: Tensor, sigmas: Tensor, states: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        embedding = self.embed(sigmas, states, mask, pooled)
        context, context_mask = self.read(states, mask, pooled)
        x = self.enter(latents)
        for block in self.before:
            x = block(x, embedding)
        y = self.middle(self.down(F.pixel_unshuffle(x, 2)), embedding)
        y = first_to_last(y) + self.position
        for block in self.text:
            y = block(y, embedding, context, context_mask)
        x = torch.cat([x, F.pixel_shuffle(self.up(last_to_first(y)), 2)], 1)
        for block in self.after:
            x = block(x, embedding)
        return self.leave(F.silu(last_to_first(self.leave_norm(first_to_last(x), embedding)))).float()


def build(stage: Stage) -> Denoiser:
    model = Denoiser(32, 96, 1) if stage.small else Denoiser()
    return model.to(memory_format=torch.channels_last)


def open_denoiser(stage: Stage) -> Denoiser:
    """The averaged weights of this run."""
    state = load(stage.of("denoiser"))
    if state is None:
        raise SystemExit("train the denoiser first: python -m training.denoiser")
    model = build(stage)
    model.load_state_dict(state["average"])
    return model.eval()


# Latents of flat drawings hold little: what is painted is decided at high noise, so times lean that way.
LOGIT_MEAN = 0.8
BATCH = 64

Condition = tuple[Tensor, Tensor, Tensor]


@torch.no_grad()
def read_texts(clip: Clip, tokenizer: object, texts: list[str]) -> Condition:
    """states (n, 32, 256), mask (n, 32), pooled (n, 256), padded to CONTEXT."""
    tokens = tokens_of(tokenizer, texts)  # type: ignore[arg-type]
    states, pooled = clip.text(tokens)
    room = CONTEXT - tokens.shape[1]
    return F.pad(states.float(), (0, 0, 0, room)), F.pad((tokens != 0).float(), (0, room)), pooled.float()


def drop(condition: Condition, features: Tensor, rng: random.Random) -> Condition:
    """A tenth of the samples lose their condition; another tenth keep a picture's features alone."""
    states, mask, pooled = (t.clone() for t in condition)
    for i in range(len(pooled)):
        chance = rng.random()
        if chance < 0.2:
            states[i], mask[i] = 0, 0
            pooled[i] = 0 if chance < 0.1 else features[i]
    return states, mask, pooled


def training_text(scene: Scene, rng: random.Random) -> str:
    """Mostly the canonical description; a quarter raw prompts, for painting without the teller."""
    return describe(scene) if rng.random() < 0.75 else prompts(scene, rng, rng.choice(["en", "zh"]))


@torch.no_grad()
def paint(model: Denoiser, condition: Condition, noise: Tensor, steps: int = 10, guidance_scale: float = 3.0) -> Tensor:
    """Euler from sigma 1 to 0 with guidance: for contact sheets; the product's own loop is in flashpaint."""
    x, null = noise, tuple(torch.zeros_like(t) for t in condition)
    both = tuple(torch.cat([a, b]) for a, b in zip(condition, null, strict=True))
    levels = torch.linspace(1, 0, steps + 1)
    for sigma, below in pairwise(levels):
        v, v_null = model(torch.cat([x, x]), sigma.expand(2 * len(x)), *both).chunk(2)
        x = x + (below - sigma) * (v_null + guidance_scale * (v - v_null))
    return x


def main() -> None:
    stage = Stage.from_arguments("denoiser", __doc__, minutes=120)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(0)
    latents, features, scenes = open_latents(stage)
    autoencoder, (clip, tokenizer) = open_autoencoder(stage), open_clip(stage)
    model, average = build(stage), build(stage)
    optimiser = Optimiser(model, edges=("enter", "leave", "time", "pooled", "summary", "null", "position"))
    step, size = 0, 4 if stage.small else BATCH
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    average.load_state_dict(state["average"] if state else model.state_dict())
    stage.log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f}M parameters, {len(scenes)} scenes")
    weights = list(accumulate(weight_of(scene) for scene in scenes))
    samples = state.get("samples", 16 * step) if state else 0
    rng, mean_loss = random.Random(step), None
    while stage.progress < 1:
        # constant, then linear to zero over the last half of the budget
        rate = 2e-3 * min(1, (step + 1) / 100) * max(0.01, min(1, 2 * (1 - stage.progress)))
        chosen = rng.choices(range(len(scenes)), cum_weights=weights, k=size)
        loss = flow_loss(model, clip, tokenizer, chosen, latents, features, scenes, rng)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(rate)
        step, samples = step + 1, samples + size
        blend(average, model, min(0.995, 1 - 8 / (step + 10)))
        now = float(loss.detach())
        mean_loss = now if mean_loss is None else mean_loss + (now - mean_loss) * 0.02
        if step % 50 == 0:
            stage.log(f"step {step}  samples {samples}  loss {mean_loss:.4f}  rate {rate:.1e}")
        if step % 150 == 0 or stage.progress >= 1:
            average.eval()
            sheet(stage, average, autoencoder, clip, tokenizer)
            stage.save(
                {
                    "model": model.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step,
                    "samples": samples,
                }
            )


def weight_of(scene: Scene) -> float:
    """How often a scene is trained on: single things and the default style most, as prompts ask for them most."""
    return (1.0 if scene.style == 0 else 0.4) * (1.0 if len(scene.items) == 1 else 0.6)


def flow_loss(
    model: nn.Module,
    clip: Clip,
    tokenizer: object,
    chosen: list[int],
    latents: np.ndarray,
    features: np.ndarray,
    scenes: list[Scene],
    rng: random.Random,
) -> Tensor:
    x0 = torch.from_numpy(latents[chosen].astype(np.float32)).contiguous(memory_format=torch.channels_last)
    texts = [training_text(scenes[i], rng) for i in chosen]
    with torch.autocast("cpu", torch.bfloat16):
        condition = read_texts(clip, tokenizer, texts)
    condition = drop(condition, torch.from_numpy(features[chosen].astype(np.float32)), rng)
    noise, sigmas = torch.randn_like(x0), torch.sigmoid(torch.randn(len(x0)) + LOGIT_MEAN)
    s = sigmas.view(-1, 1, 1, 1)
    # on a CPU, the plain products are three times as fast as the fused kernel in bf16
    with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
        v = model((1 - s) * x0 + s * noise, sigmas, *condition)
    return F.mse_loss(v, noise - x0)


@torch.no_grad()
def blend(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Exponential moving average of the weights."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)


@torch.no_grad()
def sheet(stage: Stage, model: Denoiser, autoencoder: Autoencoder, clip: Clip, tokenizer: object) -> None:
    noise = torch.randn(len(GALLERY), CHANNELS, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        x = paint(model, read_texts(clip, tokenizer, GALLERY), noise.contiguous(memory_format=torch.channels_last))
        pictures = autoencoder.decode(x).clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    contact_sheet(
        [captioned(Image.fromarray(p), t) for p, t in zip(pictures, GALLERY, strict=True)],
        8,
        stage.folder / "gallery.png",
    )


if __name__ == "__main__":
    main()
