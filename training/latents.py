"""latents: paint scenes and keep what the denoiser trains on: latents, clip features of the picture, the scene itself.

Each run appends one shard of as many scenes as its minutes allow; run it twice at once with other --seed for two cores.
"""

from __future__ import annotations

import dataclasses
import json
import os
import random
import sys

import numpy as np
import torch
import torch.nn.functional as F

from flashpaint.networks.clip import SIDE
from training.autoencoder import as_tensor, open_autoencoder
from training.clip import open_clip
from training.run import Stage, fast_arithmetic
from training.scenes import Painter
from training.world import Item, Scene, sample


def scene_to_json(scene: Scene) -> str:
    return json.dumps(dataclasses.asdict(scene))


def scene_from_json(line: str) -> Scene:
    fields = json.loads(line)
    return Scene(**{**fields, "items": tuple(Item(**item) for item in fields["items"])})


def open_latents(stage: Stage) -> tuple[np.ndarray, np.ndarray, list[Scene]]:
    """All shards: latents (n, 16, 16, 16) float16, picture features (n, 256) float16, scenes."""
    paths = sorted(stage.of("latents").glob("shard-*.npz"))
    if not paths:
        raise SystemExit("make latents first: python -m training.latents")
    shards = [np.load(path) for path in paths]
    scenes = [scene_from_json(str(line)) for shard in shards for line in shard["scenes"]]
    return np.concatenate([s["latents"] for s in shards]), np.concatenate([s["features"] for s in shards]), scenes


@torch.no_grad()
def main() -> None:
    seed = int(sys.argv.pop(sys.argv.index("--seed") + 1)) if "--seed" in sys.argv else 0
    sys.argv = [a for a in sys.argv if a != "--seed"]
    stage = Stage.from_arguments("latents", __doc__, minutes=8)
    torch.set_num_threads(stage.threads)
    painter, rng = Painter(stage.runs), random.Random(f"latents {seed}")
    autoencoder, (clip, _) = open_autoencoder(stage), open_clip(stage)
    latents, features, scenes = [], [], []
    while stage.progress < 1:
        part = [sample(rng) for _ in range(16)]
        pictures = as_tensor([painter.paint(scene, rng) for scene in part])
        with fast_arithmetic():
            latents.append(autoencoder.encode(pictures).half().numpy())
            features.append(clip.picture(F.interpolate(pictures, size=SIDE, mode="area")).half().numpy())
        scenes += [scene_to_json(scene) for scene in part]
    path = stage.folder / f"shard-{seed}.npz"
    np.savez(
        path.with_suffix(".partial.npz"),
        latents=np.concatenate(latents),
        features=np.concatenate(features),
        scenes=np.array(scenes),
    )
    os.replace(path.with_suffix(".partial.npz"), path)
    stage.log(f"{path.name}: {len(scenes)} scenes")


if __name__ == "__main__":
    main()
