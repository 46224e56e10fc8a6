"""preview: the linear map from latents to small pictures, by least squares on scenes; no training loop.

Writes weight.npy and its PSNR on held-out scenes; training.export --preview puts it into the model folder.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from PIL import Image

from flashpaint.networks.autoencoder import CHANNELS, DOWNSCALE
from flashpaint.paint.preview import CELL, blocks, neighbourhoods, pixels
from training.autoencoder import as_tensor, open_autoencoder
from training.run import Stage, contact_sheet, fast_arithmetic
from training.scenes import Painter
from training.world import sample

RIDGE = 10.0
TOGETHER = 16


@torch.no_grad()
def main() -> None:
    stage = Stage.from_arguments("preview", __doc__, minutes=1.5)
    torch.set_num_threads(stage.threads)
    autoencoder, painter, rng = open_autoencoder(stage), Painter(stage.runs), random.Random("preview")

    def scenes(held_out: bool) -> tuple[np.ndarray, np.ndarray]:
        """(read, meant) of some scenes: the latents' neighbourhoods and the small pictures' blocks."""
        drawn = [sample(rng, keep_held_out=held_out) for _ in range(TOGETHER)]
        pictures = as_tensor([painter.paint(scene, rng) for scene in drawn])
        with fast_arithmetic():
            latents = autoencoder.encode(pictures).float().numpy()
        small = torch.nn.functional.avg_pool2d(pictures, DOWNSCALE // CELL).numpy()
        return neighbourhoods(latents), blocks(small)

    width, number = CHANNELS * 9 + 1, 0
    gram, both = RIDGE * np.eye(width), np.zeros((width, 3 * CELL * CELL))
    while stage.progress < 1:
        read, meant = (part.reshape(-1, part.shape[-1]) for part in scenes(held_out=False))
        gram, both, number = gram + read.T @ read, both + read.T @ meant, number + TOGETHER
    weight = np.linalg.solve(gram, both).astype(np.float32)
    test = [scenes(held_out=True) for _ in range(1 if stage.small else 4)]
    made = np.concatenate([pixels(read @ weight) for read, _ in test]).clip(0, 1)
    real = np.concatenate([pixels(meant) for _, meant in test])
    psnr = float((-10 * np.log10(((made - real) ** 2).mean((1, 2, 3)))).mean())
    np.save(stage.folder / "weight.npy", weight)
    rows = [(255 * part[:8]).round().astype(np.uint8).transpose(0, 2, 3, 1) for part in (real, made)]
    contact_sheet([Image.fromarray(p).resize((128, 128)) for row in rows for p in row], 8, stage.folder / "sheet.png")
    stage.log(f"fitted on {number} scenes; {psnr:.1f} dB on {len(made)} held-out ones at a quarter of the side")


if __name__ == "__main__":
    main()
