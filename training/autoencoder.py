"""autoencoder: pictures <-> latents 16 times smaller on a side. Trains `flashpaint.networks.autoencoder`."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from flashpaint.networks.autoencoder import Autoencoder
from training.run import Stage, contact_sheet, fast_arithmetic, load, set_rate, take_up
from training.scenes import Painter
from training.world import sample

CROP = 128
NOISE = 0.15  # largest standard deviation of the noise that the decoder learns to forgive


def difference(made: Tensor, real: Tensor) -> Tensor:
    """L1 + L2 + L1 of the picture's gradients (which keeps outlines crisp)."""
    error = made - real
    edges = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    return error.abs().mean() + 4 * error.square().mean() + 0.5 * edges


def as_tensor(pictures: list[Image.Image]) -> Tensor:
    """RGB pictures of one size -> (n, 3, H, W) in [0, 1], channels last."""
    stacked = torch.from_numpy(np.stack([np.asarray(p) for p in pictures]))
    return stacked.permute(0, 3, 1, 2).float().div(255).contiguous(memory_format=torch.channels_last)


def crops(painter: Painter, rng: random.Random, number: int) -> Tensor:
    """Two crops of CROP pixels from each of number / 2 scenes."""
    pictures = []
    for _ in range(number // 2):
        picture = painter.paint(sample(rng), rng)
        for _ in range(2):
            x, y = rng.randrange(0, picture.width - CROP, 4), rng.randrange(0, picture.height - CROP, 4)
            pictures.append(picture.crop((x, y, x + CROP, y + CROP)))
    return as_tensor(pictures)


@torch.no_grad()
def psnr(model: Autoencoder, pictures: Tensor) -> float:
    made = model.decode(model.encode(pictures)).clamp(0, 1)
    return float((-10 * torch.log10((made - pictures).square().mean((1, 2, 3)))).mean())


def held_out_scenes(painter: Painter, number: int) -> Tensor:
    rng = random.Random(999)
    return as_tensor([painter.paint(sample(rng, keep_held_out=True), rng) for _ in range(number)])


def build(stage: Stage) -> Autoencoder:
    return Autoencoder(32 if stage.small else 96).to(memory_format=torch.channels_last)


def open_autoencoder(stage: Stage, of: str = "autoencoder") -> Autoencoder:
    """The autoencoder that a stage of this run has trained, for those after it."""
    state = load(stage.of(of))
    if state is None:
        raise SystemExit("train the autoencoder first: python -m training.autoencoder")
    model = build(stage)
    model.load_state_dict(state["model"])
    return model.eval()


def main() -> None:
    stage = Stage.from_arguments("autoencoder", __doc__, minutes=60)
    torch.set_num_threads(stage.threads)
    painter = Painter(stage.runs, extra=0.2)
    model = build(stage)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    step, batch, best_rate = 0, 4 if stage.small else 16, 1e-3
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    test, rng, mean_loss = held_out_scenes(painter, 8 if stage.small else 64), random.Random(step), 0.0
    while stage.progress < 1:
        set_rate(optimiser, best_rate * min(1, (step + 1) / 100) * max(0.01, 1 - stage.progress))
        if stage.progress > 0.4:  # the latents' scale has settled: stop its estimate from shaking with each batch
            model.unit.eval()
        real = crops(painter, rng, batch)
        with fast_arithmetic():
            latents = model.encode(real)
            noise = torch.randn_like(latents) * (NOISE * torch.rand(len(latents), 1, 1, 1))
            made = model.decode(latents + noise)
        loss = difference(made, real)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        mean_loss += (float(loss.detach()) - mean_loss) * (0.02 if step > 50 else 0.2)
        step += 1
        if step % 250 == 0:
            report(stage, model, optimiser, step, mean_loss, test)
    model.eval()
    model.settle(test)
    report(stage, model, optimiser, step, mean_loss, test)


def report(stage: Stage, model: Autoencoder, optimiser: Any, step: int, loss: float, test: Tensor) -> None:
    model.eval()
    stage.log(f"step {step}  loss {loss:.4f}  held-out PSNR {psnr(model, test):.2f} dB")
    with torch.no_grad():
        made = model.decode(model.encode(test[:8])).clamp(0, 1)
    both = torch.cat([test[:8], made]).mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    contact_sheet([Image.fromarray(p) for p in both], 8, stage.folder / "pairs.png")
    stage.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step})
    model.train()


if __name__ == "__main__":
    main()
