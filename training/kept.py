"""The trained weights that mini does not hold in a trainable form, in fp16: the teller before int8, the judge, and the
denoiser before it was distilled. training.restore starts from them."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file

from training.run import Stage, load

WEIGHTS = Path(__file__).parent / "weights"
KEPT = ("teller", "judge", "denoiser")


def keep(stage: Stage) -> None:
    WEIGHTS.mkdir(exist_ok=True)
    for name in KEPT:
        if state := load(stage.of(name)):
            weights = state.get("average", state["model"])
            halved = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
            save_file({k: v.clone().contiguous() for k, v in halved.items()}, WEIGHTS / f"{name}.safetensors")
