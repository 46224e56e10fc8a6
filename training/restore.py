"""restore: start every stage from the committed weights instead of from nothing, so that training can go on anywhere.

Reads the graphs of src/flashpaint/mini, whose weights keep their names, and training/weights for what mini does not
hold in a trainable form (the teller before int8, the judge, the denoiser before it was distilled). A judge of fewer
things than the vocabulary has by now gets wider heads. Optimisers start afresh. Existing checkpoints stay.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from flashpaint.networks.autoencoder import Autoencoder
from flashpaint.networks.clip import Clip
from flashpaint.networks.unet import Denoiser
from flashpaint.networks.weights import filled, weights_of
from training.clip import open_tokenizer
from training.export import MINI
from training.judge import Judge
from training.kept import KEPT, WEIGHTS
from training.run import Stage
from training.teller import CODEBOOK


def grown(kept: dict[str, Tensor], fresh: dict[str, Tensor]) -> dict[str, Tensor]:
    """The kept weights in the shapes of fresh ones: a head with more classes than were kept keeps those and its last,
    which of things, places and grounds says that there is none; what is new stays fresh."""
    whole = dict(fresh)
    for name, weight in kept.items():
        if weight.shape == fresh[name].shape:
            whole[name] = weight
            continue
        whole[name] = fresh[name].clone()
        whole[name][: len(weight) - 1], whole[name][-1] = weight[:-1], weight[-1]
    return whole


def opened(path: Path) -> dict[str, Tensor]:
    return {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}


def main() -> None:
    stage = Stage.from_arguments("restore", __doc__, minutes=1)
    minutes = json.loads((MINI / "manifest.json").read_text())["training"]["minutes"]
    for name in ("clip", "teller"):
        stage.of(name).mkdir(parents=True, exist_ok=True)
    shutil.copy(MINI / "tokenizer.json", stage.of("clip") / "tokenizer.json")
    save_file(opened(MINI / CODEBOOK), stage.of("teller") / CODEBOOK)
    coded = {**weights_of(MINI / "encoder.onnx", "model."), **weights_of(MINI / "decoder.onnx", "model.")}
    towers = {f"text.{k}": v for k, v in weights_of(MINI / "clip_text.onnx").items()}
    towers |= {f"picture.{k}": v for k, v in weights_of(MINI / "clip_picture.onnx").items()}
    states: dict[str, dict[str, dict[str, Tensor]]] = {
        "autoencoder": {"model": filled(Autoencoder(), coded)},
        "clip": {"model": filled(Clip(open_tokenizer(stage).get_vocab_size()), towers)},
    }
    student = filled(Denoiser(), weights_of(MINI / "denoiser.onnx", "model."))
    states["distill"] = {"model": student, "average": student}
    for name in KEPT:
        weights = opened(WEIGHTS / f"{name}.safetensors")
        if name == "judge":
            weights = grown(weights, Judge().state_dict())
        states[name] = {"model": weights, "average": weights}
    for name, state in states.items():
        target = stage.of(name) / "checkpoint.pt"
        if target.exists():
            stage.log(f"{name}: has a checkpoint of its own, left as it is")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.save({**state, "step": 0, "spent": float(minutes.get(name, 0.0))}, target)
        stage.log(f"{name}: restored after {minutes.get(name, 0.0)} minutes of training")


if __name__ == "__main__":
    main()
