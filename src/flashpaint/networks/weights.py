"""Weights of mini's networks out of the graphs that were exported from them, which keep their names."""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from flashpaint.errors import ModelDamaged

INT8, SCALE = ".int8", ".scale"  # the two parts of a weight in whole numbers


def weights_of(graph: Path, prefix: str = "") -> dict[str, Tensor]:
    """The named weights of an exported graph, in float32."""
    whole = onnx.load(graph).graph
    found = {w.name.removesuffix(".fp16"): numpy_helper.to_array(w) for w in whole.initializer}
    for node in whole.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in found:
            steps, scale = found.pop(node.input[0]), found.pop(node.input[1])
            axis = next(given.i for given in node.attribute if given.name == "axis")
            shape = [-1 if k == axis else 1 for k in range(steps.ndim)]
            found[node.output[0]] = steps.astype("float32") * scale.reshape(shape)
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
