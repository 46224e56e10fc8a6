"""distill: the denoiser's guided painting, in half the steps and without the second pass that guidance takes.

The student looks a quarter of the schedule ahead: its x0 estimate at any noise level is that from which one Euler step
lands where the teacher's guided steps land (progressive distillation, Salimans and Ho 2022; guidance folded in as by
Meng et al. 2023). It learns on the teacher's own trajectories, from noise: no pictures are needed. Starts from the
teacher's weights.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from flashpaint.models.graphs import open_traced
from flashpaint.networks.autoencoder import CHANNELS, Autoencoder
from flashpaint.networks.unet import GUIDANCE_INTERVAL, GUIDANCE_SCALE, CleanEstimate, Denoiser
from training.autoencoder import open_autoencoder
from training.clip import open_clip
from training.denoiser import (
    GALLERY,
    SHIFT,
    SIDE_LATENTS,
    Condition,
    blend,
    build,
    open_denoiser,
    quicken,
    read_texts,
    save_gallery,
    training_text,
)
from training.optimiser import Optimiser
from training.run import Stage, fast_arithmetic, take_up
from training.world import sample

STEPS = 4  # of the student; the teacher takes FINE of its own in each
FINE = 4
TOGETHER = 32  # trajectories that the teacher paints in one pass
UNGUIDED = 1 / 16  # of the trajectories, without a condition: what a caller's own guidance steers away from
KEPT = 24  # batches of trajectories that samples are drawn from
PER_PASS = 6  # steps of training for each new batch of trajectories

Teacher = Callable[[Tensor, Tensor, Condition], Tensor]


def sigma_of(t: Tensor) -> Tensor:
    """The model's schedule at t from 1 to 0 (Esser et al. 2024, eq. 23)."""
    return SHIFT * t / (1 + (SHIFT - 1) * t)


@dataclass(frozen=True)
class Trajectories:
    """t (k,) falling from 1 to 0; x (k, n, channels, h, w) fp16; condition of n rows."""

    t: Tensor
    x: Tensor
    condition: Condition

    def pairs(self) -> list[tuple[int, int]]:
        """(from, to) of positions that lie one step of the student apart."""
        found = []
        for k in range(len(self.t) - 1):
            aim = max(float(self.t[k]) - 1 / STEPS, 0.0)
            to = int((self.t - aim).abs().argmin())
            if abs(float(self.t[to]) - aim) < 1e-4:
                found.append((k, to))
        return found


def teacher_of(model: Denoiser) -> Teacher:
    """The teacher's x0 in OpenVINO's fastest precision: several times as fast as PyTorch."""
    example = (
        torch.randn(2, CHANNELS, SIDE_LATENTS, SIDE_LATENTS),
        torch.rand(2),
        torch.randn(2, 32, 256),
        torch.ones(2, 32),
        torch.randn(2, 256),
    )
    plain = model.to(memory_format=torch.contiguous_format)
    graph = open_traced(CleanEstimate(plain).eval(), example, [True] * 5)

    def estimate(x: Tensor, sigmas: Tensor, condition: Condition) -> Tensor:
        given = (x, sigmas, *condition)
        found = graph(**{name: part.numpy() for name, part in zip(graph.inputs, given, strict=True)})
        return torch.from_numpy(next(iter(found.values())))

    return estimate


def painted(teacher: Teacher, condition: Condition, guided: Tensor, t: Tensor) -> Trajectories:
    """guided (n,): which rows are."""
    low, high = GUIDANCE_INTERVAL
    x = torch.randn(len(guided), CHANNELS, SIDE_LATENTS, SIDE_LATENTS)
    null, levels, states = tuple(torch.zeros_like(c) for c in condition), sigma_of(t), [x.half()]
    weight = torch.where(guided, GUIDANCE_SCALE, 1.0).view(-1, 1, 1, 1)
    for sigma, below in pairwise(levels):
        if low <= float(sigma) <= high:
            both = tuple(torch.cat([a, b]) for a, b in zip(condition, null, strict=True))
            x0, without = teacher(torch.cat([x, x]), sigma.expand(2 * len(x)), both).chunk(2)  # type: ignore[arg-type]
            x0 = without + weight * (x0 - without)
        else:
            x0 = teacher(x, sigma.expand(len(x)), condition)
        x = x0 + (below / sigma) * (x - x0)  # Euler's step of the flow
        states.append(x.half())
    return Trajectories(t, torch.stack(states), condition)


def times(rng: random.Random) -> Tensor:
    """The teacher's grid from 1 to 0; half of the time shifted against the student's own levels, so that it learns to
    start anywhere."""
    number = STEPS * FINE
    first = 1.0 if rng.random() < 0.5 else rng.random()
    inner = [1 - (first + k) / number for k in range(number)]
    return torch.tensor([1.0, *(t for t in inner if t > 1e-6), 0.0])


def drawn(kept: deque[Trajectories], number: int, rng: random.Random) -> tuple[Tensor, Tensor, Condition, Tensor]:
    """x, sigmas, condition and the v that leads in one step to where the teacher went."""
    rows = []
    for _ in range(number):
        one = rng.choice(kept)
        (k, to), n = rng.choice(one.pairs()), rng.randrange(one.x.shape[1])
        sigma, below = sigma_of(one.t[k]), sigma_of(one.t[to])
        x, landed = one.x[k, n].float(), one.x[to, n].float()
        rows.append((x, sigma, *(part[n] for part in one.condition), (x - landed) / (sigma - below)))
    x, sigmas, states, mask, pooled, v = (torch.stack(column) for column in zip(*rows, strict=True))
    return x.contiguous(memory_format=torch.channels_last), sigmas, (states, mask, pooled), v


def main() -> None:
    stage = Stage.from_arguments("distill", __doc__, minutes=60)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(0)
    clip, tokenizer = open_clip(stage)
    autoencoder = open_autoencoder(stage)
    model, average = build(stage), build(stage)
    model.load_state_dict(open_denoiser(stage).state_dict())
    optimiser = Optimiser(model, edges=("enter", "leave", "time", "pooled", "summary", "null", "position"))
    step, size = 0, 4 if stage.small else 64
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    average.load_state_dict(state["average"] if state else model.state_dict())
    if not stage.small:
        quicken(model)
    teacher, rng, mean_loss = teacher_of(open_denoiser(stage)), random.Random(step), None
    kept: deque[Trajectories] = deque(maxlen=KEPT)

    def more() -> Trajectories:
        texts = [training_text(sample(rng), rng) for _ in range(4 if stage.small else TOGETHER)]
        with fast_arithmetic():
            condition = read_texts(clip, tokenizer, texts)
        guided = torch.tensor([rng.random() >= UNGUIDED for _ in texts])
        for part in condition:
            part[~guided] = 0
        return painted(teacher, condition, guided, times(rng))

    held = deque([more() for _ in range(1 if stage.small else 2)])
    while stage.progress < 1:
        if step % PER_PASS == 0 or not kept:
            kept.append(more())
            while len(kept) < (1 if stage.small else 6):
                kept.append(more())
        rate = 6e-4 * min(1, (step + 1) / 50) * max(0.02, min(1, 1.6 * (1 - stage.progress)))
        x, sigmas, condition, wanted = drawn(kept, size, rng)
        # on a CPU, the plain products are three times as fast as the fused kernel in bf16
        with fast_arithmetic(), sdpa_kernel(SDPBackend.MATH):
            loss = F.mse_loss(model(x, sigmas, *condition), wanted)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step(rate)
        step += 1
        blend(average, model, min(0.99, 1 - 4 / (step + 5)))
        now = float(loss.detach())
        mean_loss = now if mean_loss is None else mean_loss + (now - mean_loss) * 0.03
        if step % 25 == 0:
            stage.log(f"step {step}  loss {mean_loss:.4f}  rate {rate:.1e}")
        if step % 100 == 0 or stage.progress >= 1:
            stage.log(f"held-out loss {held_out_loss(average.eval(), held):.4f}")
            sheet(stage, average, autoencoder, clip, tokenizer)
            stage.save(
                {
                    "model": model.state_dict(),
                    "average": average.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "step": step,
                }
            )


@torch.no_grad()
def held_out_loss(model: Denoiser, held: deque[Trajectories]) -> float:
    """On the same samples of trajectories that are not trained on."""
    x, sigmas, condition, wanted = drawn(held, 64, random.Random(0))
    with fast_arithmetic(), sdpa_kernel(SDPBackend.MATH):
        return float(F.mse_loss(model(x, sigmas, *condition), wanted))


@torch.no_grad()
def sheet(stage: Stage, model: Denoiser, autoencoder: Autoencoder, clip: object, tokenizer: object) -> None:
    """The gallery by the student's own few steps, without guidance."""
    x = torch.randn(len(GALLERY), CHANNELS, SIDE_LATENTS, SIDE_LATENTS, generator=torch.Generator().manual_seed(1))
    with fast_arithmetic():
        condition = read_texts(clip, tokenizer, GALLERY)  # type: ignore[arg-type]
        *_, (painted_latents, _) = way(model, condition, x)
    save_gallery(stage, autoencoder, painted_latents)


def way(model: Denoiser, condition: Condition, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Latents and sigma of a picture in the student's steps: from noise, at sigma 1, to what it painted, at 0."""
    levels = sigma_of(torch.linspace(1, 0, STEPS + 1))
    yield x, levels[0]
    for sigma, below in pairwise(levels):
        v = model(x.contiguous(memory_format=torch.channels_last), sigma.expand(len(x)), *condition)
        x = x + (below - sigma) * v
        yield x, below


if __name__ == "__main__":
    main()
