"""Weights of mini's networks out of the graphs that were exported from them, which keep their names."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from flashpaint.errors import ModelDamaged


def weights_of(graph: Path, prefix: str = "") -> dict[str, Tensor]:
    """The named weights of an exported graph, in float32."""
    found = {w.name.removesuffix(".fp16"): numpy_helper.to_array(w) for w in onnx.load(graph).graph.initializer}
    return {
        name.removeprefix(prefix): torch.from_numpy(values.astype("float32"))
        for name, values in found.items()
        if name.startswith(prefix)
    }


def filled(model: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's state with these weights; raises ModelDamaged when one has no weight of its shape."""
    state = model.state_dict()
    for name, value in state.items():
        if name.startswith("unit.") or name == "log_scale":
            continue  # the exporter folds the batch norm into the convolution before it: here it is the identity
        found = weights[f"{name}.T"].T if f"{name}.T" in weights else weights.get(name)
        if found is None or found.numel() != value.numel():
            raise ModelDamaged(f"the graph holds no {name} of the shape {tuple(value.shape)}", param="model")
        state[name] = found.reshape(value.shape).clone()
    return state
