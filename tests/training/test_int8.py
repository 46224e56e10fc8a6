"""Products in whole numbers: what is rounded, and how little that changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from torch import Tensor, nn

from flashpaint.networks.weights import INT8, weights_of
from training.export import write_graph
from training.int8 import MOST, STEPS, bound, divided, given_by, products


class Small(nn.Module):
    """A residual stream beside a branch of two convolutions, then one that sees both."""

    def __init__(self, loud: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.enter, self.branch = nn.Conv2d(4, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1)
        self.leave, self.loud = nn.Conv2d(64, 64, 3, padding=1), loud
        nn.init.normal_(self.branch.weight, std=0.005)

    def forward(self, x: Tensor) -> Tensor:
        y = self.enter(x)
        y = y + self.branch(torch.relu(y))
        # a few values are loud: rounding up to them leaves little of the others
        first, others = y[:, :1], y[:, 1:]
        return self.leave(torch.cat([self.loud * first, others], 1)) - (self.loud - 1) * self.leave(
            torch.cat([first, 0 * others], 1)
        )


SAMPLES = [{"x": np.random.default_rng(k).standard_normal((2, 4, 8, 8)).astype(np.float32)} for k in range(6)]


def exported(path: Path, model: nn.Module, whole_numbers: bool) -> onnx.ModelProto:
    write_graph(model, {"x": torch.zeros(2, 4, 8, 8)}, ["y"], path, SAMPLES if whole_numbers else ())
    return onnx.load(path)


def roundings(graph: onnx.ModelProto) -> int:
    return sum(node.op_type == "QuantizeLinear" for node in graph.graph.node)


def test_large_products_are_of_whole_numbers_and_the_graph_gives_nearly_the_same(tmp_path: Path) -> None:
    plain, whole = exported(tmp_path / "a.onnx", Small(), False), exported(tmp_path / "b.onnx", Small(), True)
    kinds = {w.name: w.data_type for w in whole.graph.initializer}
    assert kinds["branch.weight" + INT8] == kinds["leave.weight" + INT8] == onnx.TensorProto.INT8
    assert "enter.weight" in kinds or "enter.weight.fp16" in kinds  # few weights: not worth it
    assert roundings(whole) == 2
    was, now = given_by(plain, SAMPLES[0]), given_by(whole, SAMPLES[0])
    assert np.sqrt(np.mean((was - now) ** 2)) < 3 * MOST * np.sqrt(np.mean(was**2))
    assert (tmp_path / "b.onnx").stat().st_size < 0.75 * (tmp_path / "a.onnx").stat().st_size


def test_an_input_that_few_large_values_would_coarsen_stays_as_it_is(tmp_path: Path) -> None:
    assert roundings(exported(tmp_path / "a.onnx", Small(loud=300.0), True)) == 1


def test_training_reads_the_weights_back_to_within_half_a_step(tmp_path: Path) -> None:
    model = Small()
    exported(tmp_path / "a.onnx", model, True)
    back, weight = weights_of(tmp_path / "a.onnx")["branch.weight"], model.branch.weight.detach()
    step = weight.abs().amax((1, 2, 3), keepdim=True) / STEPS
    assert ((back - weight).abs() <= 0.501 * step).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_each_output_channel_has_its_own_scale_and_one_of_zeros_stays_so(axis: int) -> None:
    values = np.outer([1e-3, 1.0, 50.0, 0.0], [0.5, -1.0, 0.25]).astype(np.float32)
    values = values if axis == 0 else values.T.copy()
    (steps, scale), _ = divided(numpy_helper.from_array(values, "w"), axis)
    scales = np.expand_dims(numpy_helper.to_array(scale), 1 - axis)
    assert np.abs(numpy_helper.to_array(steps)).max(1 - axis).tolist() == [STEPS, STEPS, STEPS, 0]
    assert np.allclose(numpy_helper.to_array(steps) * scales, values, atol=0.5 * scales.max(), rtol=0.01)


@given(st.integers(0, 1000), st.floats(0.1, 50))
def test_a_bound_moves_values_no_more_than_the_largest_of_them_would(seed: int, outlier: float) -> None:
    values = np.append(np.random.default_rng(seed).standard_normal(500), outlier).astype(np.float32)

    def moved(edge: float) -> float:
        back = np.clip(np.rint(values * STEPS / edge), -STEPS, STEPS) * edge / STEPS
        return float(np.mean((back - values) ** 2))

    largest = float(np.abs(values).max())
    assert 0 < bound(values) <= largest * 1.0001
    assert moved(bound(values)) <= moved(largest) * 1.0001


def test_products_are_named_with_the_axis_of_their_output(tmp_path: Path) -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(128, 128), nn.Linear(128, 192, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(torch.relu(self.a(x[:, None] + x[:, :, None])))

    write_graph(Three(), {"x": torch.zeros(2, 128)}, ["y"], tmp_path / "a.onnx")
    graph = onnx.load(tmp_path / "a.onnx")
    casts = {node.output[0]: node.input[0] for node in graph.graph.node if node.op_type == "Cast"}
    halves = {w.name: w for w in graph.graph.initializer}
    for name, half in casts.items():
        halves[half].name = name
    shapes = {w.name: list(w.dims) for w in graph.graph.initializer}
    assert sorted(shapes[p.weight][p.axis] for p in products(graph)) == [128, 192]
