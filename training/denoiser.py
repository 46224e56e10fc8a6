"""denoiser: trains `flashpaint.networks.unet` to paint latents from clip's text states and one pooled clip vector.

Rectified flow (Liu et al. 2022; Lipman et al. 2022), logit-normal times (Esser et al. 2024); predicts v = noise - x0.
"""

from __future__ import annotations

import random
from itertools import accumulate, pairwise

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from flashpaint.networks.autoencoder import CHANNELS, Autoencoder
from flashpaint.networks.clip import CONTEXT, Clip
from flashpaint.networks.unet import AdaptiveNorm, Denoiser
from training.autoencoder import open_autoencoder
from training.clip import open_clip, tokens_of
from training.grammar import describe, prompts
from training.latents import open_latents
from training.optimiser import Optimiser
from training.run import Stage, contact_sheet, fast_arithmetic, load, take_up
from training.scenes import captioned
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


def build(stage: Stage) -> Denoiser:
    model = Denoiser(32, 96, 1) if stage.small else Denoiser()
    return model.to(memory_format=torch.channels_last)


def quicken(model: Denoiser) -> None:
    """Fuse what each adaptive norm does: after seconds of compiling, a pass and its gradients take 0.9 of the time."""
    torch._dynamo.config.recompile_limit = 64  # of each width and shape, with gradients and without
    for module in model.modules():
        if isinstance(module, AdaptiveNorm):
            module.compile(dynamic=False)


def open_denoiser(stage: Stage) -> Denoiser:
    """The averaged weights of this run."""
    model = averaged(stage, "denoiser")
    if model is None:
        raise SystemExit("train the denoiser first: python -m training.denoiser")
    return model


def open_student(stage: Stage) -> Denoiser | None:
    """What `training.distill` has made of it, if it ran."""
    return averaged(stage, "distill")


def averaged(stage: Stage, name: str) -> Denoiser | None:
    state = load(stage.of(name))
    if state is None:
        return None
    model = build(stage)
    model.load_state_dict(state["average"])
    return model.eval()


SHIFT = 4.0  # of the schedule that it paints by
SIDE_LATENTS = 16

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
    if not stage.small:
        quicken(model)
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
    """How often a scene is trained on: single things and the default style most, as prompts ask for them most, and
    several things are painted apart."""
    return (1.0 if scene.style == 0 else 0.6) * (1.0 if len(scene.items) <= 1 else 0.2)


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
    with fast_arithmetic():
        condition = read_texts(clip, tokenizer, texts)
    condition = drop(condition, torch.from_numpy(features[chosen].astype(np.float32)), rng)
    noise, sigmas = torch.randn_like(x0), torch.sigmoid(torch.randn(len(x0)) + LOGIT_MEAN)
    s = sigmas.view(-1, 1, 1, 1)
    # on a CPU, the plain products are three times as fast as the fused kernel in bf16
    with fast_arithmetic(), sdpa_kernel(SDPBackend.MATH):
        v = model((1 - s) * x0 + s * noise, sigmas, *condition)
    return F.mse_loss(v, noise - x0)


@torch.no_grad()
def blend(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Exponential moving average of the weights."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)


@torch.no_grad()
def sheet(stage: Stage, model: Denoiser, autoencoder: Autoencoder, clip: Clip, tokenizer: object) -> None:
    noise = torch.randn(len(GALLERY), CHANNELS, 16, 16, generator=torch.Generator().manual_seed(1))
    with fast_arithmetic():
        x = paint(model, read_texts(clip, tokenizer, GALLERY), noise.contiguous(memory_format=torch.channels_last))
    save_gallery(stage, autoencoder, x)


@torch.no_grad()
def save_gallery(stage: Stage, autoencoder: Autoencoder, latents: Tensor) -> None:
    """The pictures of GALLERY on one sheet."""
    with fast_arithmetic():
        pictures = autoencoder.decode(latents).clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    contact_sheet(
        [captioned(Image.fromarray(p), t) for p, t in zip(pictures, GALLERY, strict=True)],
        8,
        stage.folder / "gallery.png",
    )


if __name__ == "__main__":
    main()
