"""decoder: the autoencoder's decoder trained on by itself, against what the judge sees too.

The encoder, and with it the latents that the denoiser paints, stay as they are.
"""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn

from flashpaint.networks.autoencoder import Autoencoder
from training.autoencoder import NOISE, crops, difference, held_out_scenes, open_autoencoder, report
from training.judge import open_judge
from training.optimiser import Optimiser
from training.run import Stage, fast_arithmetic, take_up
from training.scenes import Painter

RATE = 5e-4
SEEN = (3, 5, 8)  # the judge's layers that are compared, of 4, 8 and 16 pixels a cell
SIGHT = 0.2  # the weight of what the judge sees


class Sight(nn.Module):
    """The L1 distance of two pictures' features in the judge's early layers (perceptual loss, Johnson et al. 2016)."""

    def __init__(self, trunk: nn.Sequential) -> None:
        super().__init__()
        self.trunk = trunk[: max(SEEN) + 1].eval().requires_grad_(False)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        total, x = torch.zeros(()), torch.cat([made, real]) * 2 - 1
        for k, layer in enumerate(self.trunk):
            x = layer(x)
            if k in SEEN:
                one, other = x.chunk(2)
                total = total + (one - other).abs().mean() / other.abs().mean().clamp_min(1e-3)
        return total / len(SEEN)


def main() -> None:
    stage = Stage.from_arguments("decoder", __doc__, minutes=120)
    torch.set_num_threads(stage.threads)
    painter, model = Painter(stage.runs, extra=0.2), open_autoencoder(stage)
    model.encoder.requires_grad_(False)
    sight = Sight(open_judge(stage).trunk).to(memory_format=torch.channels_last)
    optimiser = Optimiser(model.decoder, edges=("0.", "12."))
    step, batch = 0, 4 if stage.small else 16
    if state := stage.resume():
        step = take_up(state, model, optimiser)
    test, rng, mean_loss = held_out_scenes(painter, 8 if stage.small else 64), random.Random(1000 + step), 0.0
    report(stage, model, optimiser, step, mean_loss, test)
    while stage.progress < 1:
        model.eval()  # the latents' batch norm is settled
        real = crops(painter, rng, batch)
        with fast_arithmetic():
            with torch.no_grad():
                latents = model.encode(real)
            made = model.decode(latents + torch.randn_like(latents) * (NOISE * torch.rand(len(latents), 1, 1, 1)))
            loss = difference(made, real) + SIGHT * sight(made, real).float()
        model.decoder.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.decoder.parameters(), 1.0)
        optimiser.step(RATE * min(1, (step + 1) / 100) * max(0.01, 1 - stage.progress))
        mean_loss += (float(loss.detach()) - mean_loss) * (0.02 if step > 50 else 0.2)
        step += 1
        if step % 250 == 0:
            report(stage, model, optimiser, step, mean_loss, test)
    report(stage, model, optimiser, step, mean_loss, test)


def open_decoder(stage: Stage) -> Autoencoder | None:
    """The autoencoder with this stage's decoder, where it has run."""
    return open_autoencoder(stage, "decoder") if (stage.of("decoder") / "checkpoint.pt").exists() else None


if __name__ == "__main__":
    main()
