"""Does keeping deep features from step to step pay for mini's denoiser? Forms of caching against plain Euler with fewer
steps: what each computes, how near it stays to the full trajectory, how many held-out trials it meets. PyTorch float32;
prompts in English and Chinese by turns, described by mini's own teller.

python bench/caching.py [--steps 12 24 50] [--trials 48] [--threads 2] [--batch 8] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop

from flashpaint.bench.judge import Judge, both_languages
from flashpaint.bench.plain import met
from flashpaint.bench.recipe import PlainMini
from flashpaint.models.folder import ModelFolder
from flashpaint.models.manifest import DenoiserShape
from flashpaint.networks.unet import Denoiser, first_to_last, last_to_first
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.schedule import flow_sigmas
from flashpaint.tell.mini import MiniTeller
from flashpaint.tell.teller import Sight

FINE = 100  # steps of the trajectory that stands for the ODE's own end
# torch counts no attention on a CPU unless told how
ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: sdpa_flop(q, k, v)}


@dataclass(frozen=True)
class Form:
    """The deep part, all at 8x8 (mini has but two levels), is computed every so many steps, or once the first block's
    output has changed by more than `beyond` of itself (over the batch). fewer: this share of the steps."""

    name: str
    every: int = 1
    beyond: float | None = None
    taylor: bool = False
    fewer: float = 1


FULL, *PLAIN = (Form("plain", fewer=part) for part in (1, 0.42, 0.5, 0.58, 0.7, 0.85))
FORMS = [
    *(Form(f"deepcache N={n}", n) for n in (2, 3)),  # Ma et al. 2024
    *(Form(f"first block {t}", beyond=t) for t in (0.05, 0.1, 0.2)),  # First-Block-Cache, after TeaCache
    *(Form(f"taylor N={n}", n, taylor=True) for n in (2, 3)),  # TaylorSeer, Liu et al. 2025
]


@dataclass
class Walk:
    """One trajectory's passes; kept: (sigma, deep features, first block's output) of the last two full ones."""

    net: Denoiser
    form: Form
    kept: list[tuple[float, Tensor, Tensor]] = field(default_factory=list)
    spent: list[int] = field(default_factory=lambda: [0, 0])  # rows that went the short, the full way

    def __call__(self, k: int, latents: Tensor, sigma: float, condition: Sequence[Tensor]) -> Tensor:
        """latents (rows, 16, 16, 16): conditioned, then null; where guidance ends, the null rows leave."""
        net, rows, embedding = self.net, len(latents), self.net.embed(torch.full((len(latents),), sigma), *condition)
        first = net.before[0](net.enter(latents), embedding)
        x = net.before[1](first, embedding)  # (rows, 128, 16, 16)
        self.kept = [(at, deep[:rows], block[:rows]) for at, deep, block in self.kept]
        if full := self.full(k, first):
            self.kept = [*self.kept[-1:], (sigma, self.deep(x, embedding, condition), first)]
        self.spent[full] += rows
        y = net.after[1](net.after[0](torch.cat([x, self.deep_at(sigma)], 1), embedding), embedding)
        return net.leave(F.silu(last_to_first(net.leave_norm(first_to_last(y), embedding))))

    def full(self, k: int, first: Tensor) -> bool:
        if self.form.beyond is None or not self.kept:
            return k % self.form.every == 0
        block = self.kept[-1][2]
        return bool((first - block).abs().mean() > self.form.beyond * block.abs().mean())

    def deep(self, x: Tensor, embedding: Tensor, condition: Sequence[Tensor]) -> Tensor:
        """Down to 8x8 and back: (rows, 128, 16, 16)."""
        context, mask = self.net.read(*condition)
        y = first_to_last(self.net.middle(self.net.down(F.pixel_unshuffle(x, 2)), embedding)) + self.net.position
        for block in self.net.text:
            y = block(y, embedding, context, mask)
        return F.pixel_shuffle(self.net.up(last_to_first(y)), 2)

    def deep_at(self, sigma: float) -> Tensor:
        """As the last full pass left it, or on the line through the last two (TaylorSeer's first order, in sigma)."""
        (before, older, _), (last, deep, _) = self.kept[0], self.kept[-1]
        extrapolated = self.form.taylor and before != last
        return deep + (deep - older) * ((sigma - last) / (last - before)) if extrapolated else deep


def paint(walk: Walk, steps: int, condition: Sequence[Tensor], seeds: Sequence[int], shape: DenoiserShape) -> Tensor:
    """Final latents (n, 16, 16, 16): Euler, with guidance where the manifest wants it."""
    low, high = shape.guidance_interval
    x = torch.from_numpy(np.concatenate([seeded_noise(seed, (1, 16, 16, 16)) for seed in seeds]))
    both = [torch.cat([part, torch.zeros_like(part)]) for part in condition]
    for k, (sigma, following) in enumerate(pairwise(flow_sigmas(steps, shape.shift).tolist())):
        if low <= sigma <= high:
            v, null = walk(k, torch.cat([x, x]), sigma, both).chunk(2)
            v = null + shape.guidance_scale * (v - null)
        else:
            v = walk(k, x, sigma, condition)
        x = x + (following - sigma) * v
    return x


def flops(net: Denoiser) -> list[int]:
    """Of a row that goes the short and the full way; and a check that the walk is the network."""
    walk, counts = Walk(net, Form("twice", every=2)), list[int]()
    x, condition = torch.randn(1, 16, 16, 16), [torch.randn(1, 32, 256), torch.ones(1, 32), torch.randn(1, 256)]
    torch.testing.assert_close(walk(0, x, 0.7, condition), net(x, torch.tensor([0.7]), *condition), atol=1e-3, rtol=0)
    for k in (1, 2):
        with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
            walk(k, x, 0.7, condition)
        counts.append(counter.get_total_flops())
    return counts


class Bench:
    def __init__(self, trials: int, batch: int) -> None:
        folder = ModelFolder.open("mini")
        self.judge, self.recipe, self.shape = Judge(folder), PlainMini(folder), folder.manifest.denoiser
        self.trials, self.costs = self.judge.trials[:trials], flops(self.recipe.denoiser)
        self.batches = [range(k, min(k + batch, trials)) for k in range(0, trials, batch)]
        self.half = self.batches[: (len(self.batches) + 1) // 2]
        prompts = both_languages(self.trials)
        told = MiniTeller(folder).tell(prompts, [Sight(self.recipe.read(prompt)[2][0].numpy()) for prompt in prompts])
        read = [self.recipe.read(said.description or prompt) for said, prompt in zip(told, prompts, strict=True)]
        self.condition = [torch.cat(parts) for parts in zip(*read, strict=True)]
        self.fine = torch.cat([self.run(FULL, FINE, rows)[0] for rows in self.half])

    def run(self, form: Form, steps: int, rows: range) -> tuple[Tensor, float, float]:
        """Final latents (n, 4096), FLOPs, seconds."""
        walk, condition = Walk(self.recipe.denoiser, form), [part[rows.start : rows.stop] for part in self.condition]
        started = time.perf_counter()
        x = paint(walk, round(steps * form.fewer), condition, rows, self.shape)
        return x.flatten(1), float(np.dot(walk.spent, self.costs)), time.perf_counter() - started

    def measure(self, steps: int) -> dict[str, dict[str, float]]:
        """By turns: a batch by every form, then the next batch; times are against the full one of the same batch."""
        batches = self.half if steps >= 50 else self.batches
        made = [[self.run(form, steps, rows) for form in (FULL, *PLAIN, *FORMS)] for rows in batches]
        found = [self.row([turn[k] for turn in made], [turn[0] for turn in made]) for k in range(len(made[0]))]
        line = sorted(found[: 1 + len(PLAIN)], key=lambda row: row["flops"])
        for of in ("cosine", "cosine_fine", "met"):
            for row in found:
                row[f"plain_{of}"] = float(np.interp(row["flops"], *([r[key] for r in line] for key in ("flops", of))))
        names = [*(f"plain {round(steps * form.fewer)}" for form in (FULL, *PLAIN)), *(form.name for form in FORMS)]
        return dict(zip(names, found, strict=True))

    def row(self, made: Sequence[Any], full: Sequence[Any]) -> dict[str, float]:
        x, x_full = (torch.cat([part[0] for part in parts]) for parts in (made, full))
        pictures = [self.recipe.decode(latents.view(1, 16, 16, 16)) for latents in x]
        return {
            "flops": sum(part[1] for part in made) / sum(part[1] for part in full),
            "wall": statistics.median(a[2] / b[2] for a, b in zip(made, full, strict=True)),
            "cosine": float(F.cosine_similarity(x, x_full).mean()),
            "cosine_fine": float(F.cosine_similarity(x[: len(self.fine)], self.fine).mean()),
            "met": met(self.judge, self.trials[: len(x)], pictures),
        }


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", type=int, default=[12, 24, 50])
    parser.add_argument("--trials", type=int, default=48, help="half as many for fine, and at 50 steps and more")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="pictures painted at once")
    parser.add_argument("--json")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    command, figures, bench = " ".join(["python", *sys.argv]), {}, Bench(asked.trials, asked.batch)
    print(f"{command}\nFLOPs of a row, short and full: {bench.costs}; fine: {FINE} steps", flush=True)
    print("in brackets: plain Euler's at the same FLOPs, between the plain rows next to it\n", flush=True)
    print("| steps | form | FLOPs | wall | cosine to full | cosine to fine | met |\n|" + " --- |" * 7, flush=True)
    for steps in asked.steps:
        for name, r in bench.measure(steps).items():
            pairs = [f"{r[of]:.3f} ({r[f'plain_{of}']:.3f})" for of in ("cosine", "cosine_fine", "met")]
            print(f"| {steps} | {name} | {r['flops']:.2f} | {r['wall']:.2f} | {' | '.join(pairs)} |", flush=True)
            figures[f"{steps} {name}"] = r
    if asked.json:
        Path(asked.json).write_text(json.dumps({"command": command, "figures": figures}, indent=1), "utf-8")


if __name__ == "__main__":
    main()
