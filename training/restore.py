"""restore: start every stage from the committed weights instead of from nothing, so that training can go on anywhere.

Reads the graphs of src/flashpaint/mini, whose weights keep their names, and training/weights for what mini does not
hold in a trainable form (the teller before int8, and the judge). Optimisers start afresh. Existing checkpoints stay.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.autoencoder import Autoencoder
from training.clip import Clip, open_tokenizer
from training.denoiser import Denoiser
from training.export import KEPT, MINI, WEIGHTS
from training.run import Stage


def weights_of(graph: Path, prefix: str = "") -> dict[str, Tensor]:
    """The named weights of an exported graph, in float32."""
    found = {w.name.removesuffix(".fp16"): numpy_helper.to_array(w) for w in onnx.load(graph).graph.initializer}
    return {
        name.removeprefix(prefix): torch.from_numpy(values.astype("float32"))
        for name, values in found.items()
        if name.startswith(prefix)
    }


def filled(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's state with these weights; raises SystemExit when one has no weight of its shape."""
    state = model.state_dict()
    for name, value in state.items():
        if name.startswith("unit.") or name == "log_scale":
            continue  # the exporter folds the batch norm into the convolution before it: here it is the identity
        found = weights[f"{name}.T"].T if f"{name}.T" in weights else weights.get(name)
        if found is None or found.numel() != value.numel():
            raise SystemExit(f"the committed weights lack {name} in the shape {tuple(value.shape)}")
        state[name] = found.reshape(value.shape).clone()
    return state


def main() -> None:
    stage = Stage.from_arguments("restore", __doc__, minutes=1)
    minutes = json.loads((MINI / "manifest.json").read_text())["training"]["minutes"]
    stage.of("clip").mkdir(parents=True, exist_ok=True)
    shutil.copy(MINI / "tokenizer.json", stage.of("clip") / "tokenizer.json")
    stage.of("teller").mkdir(parents=True, exist_ok=True)
    codebook = load_file(MINI / "codebook.safetensors")["codebook"].float()
    save_file({"codebook": codebook}, stage.of("teller") / "codebook.safetensors")
    coded = {**weights_of(MINI / "encoder.onnx", "model."), **weights_of(MINI / "decoder.onnx", "model.")}
    towers = {f"text.{k}": v for k, v in weights_of(MINI / "clip_text.onnx").items()}
    towers |= {f"picture.{k}": v for k, v in weights_of(MINI / "clip_picture.onnx").items()}
    denoiser = filled(Denoiser(), weights_of(MINI / "denoiser.onnx", "model."))
    states: dict[str, dict[str, dict[str, Tensor]]] = {
        "autoencoder": {"model": filled(Autoencoder(), coded)},
        "clip": {"model": filled(Clip(open_tokenizer(stage).get_vocab_size()), towers)},
        "denoiser": {"model": denoiser, "average": denoiser},
    }
    for name in KEPT:
        kept = load_file(WEIGHTS / f"{name}.safetensors")
        states[name] = {"model": {k: v.float() if v.is_floating_point() else v for k, v in kept.items()}}
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
