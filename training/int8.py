"""A graph's large products in whole numbers, where that changes little. Knows graphs, no model.

A weight gets 127 steps up to the largest of each output channel; what it is multiplied with gets 127 steps up to one
bound for the tensor, that by which a calibration's values move least. Each is left as it is where by itself it would
move what the graph gives by more than MOST. Written as ONNX's QuantizeLinear and DequantizeLinear, which engines fold
into products of int8 (Jacob et al. 2018, eq. 7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from flashpaint.models.engine import openvino
from flashpaint.networks.weights import INT8, SCALE

Array = NDArray[np.float32]
STEPS = 127  # to either side of zero
LARGE = 10_000  # weights of a product that is worth it
MOST = 0.01  # of the root mean square of the graph's first output
DRAWN = 4096  # values of each tensor and sample that its bound is chosen by
ROUNDED = ".rounded"  # after the name of what is


@dataclass(frozen=True)
class Product:
    """The tensor that comes in, its weight, and the axis of that weight's output channels."""

    given: str
    weight: str
    axis: int


def in_int8(graph: onnx.ModelProto, samples: Sequence[Mapping[str, Array]]) -> onnx.ModelProto:
    """samples: inputs by name, as the graph will meet them; the last is what its output is compared on."""
    found = products(graph)
    bounds = {name: bound(values) for name, values in values_of(graph, {p.given for p in found}, samples).items()}
    was = given_by(graph, samples[-1])

    def harmless(weights: Collection[str], inputs: Mapping[str, float]) -> bool:
        now = given_by(rounded(graph, found, weights, inputs), samples[-1])
        return float(np.mean((now - was) ** 2)) <= MOST**2 * float(np.mean(was**2))

    weights = [product.weight for product in found if harmless([product.weight], {})]
    inputs = {name: largest for name, largest in bounds.items() if harmless([], {name: largest})}
    return rounded(graph, found, weights, inputs)


def products(graph: onnx.ModelProto) -> list[Product]:
    """What is multiplied with a large weight of the graph's own."""
    weights = {weight.name: weight for weight in graph.graph.initializer}
    found = []
    for node in graph.graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("Conv", "Gemm", "MatMul") else None
        if weight is not None and np.prod(weight.dims) >= LARGE:
            turned = any(given.name == "transB" and given.i for given in node.attribute)
            first = node.op_type == "Conv" or turned
            found.append(Product(node.input[0], weight.name, 0 if first else len(weight.dims) - 1))
    return found


def rounded(
    graph: onnx.ModelProto, found: Sequence[Product], weights: Collection[str], inputs: Mapping[str, float]
) -> onnx.ModelProto:
    """A copy with these weights in int8, and these inputs of products, up to their bounds, where the weight is too or
    no weight is."""
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    axes = {product.weight: product.axis for product in found if product.weight in weights}
    there = {weight.name: weight for weight in graph.graph.initializer}
    new, making = list[onnx.TensorProto](), list[onnx.NodeProto]()
    for name, axis in axes.items():
        parts, node = divided(there.pop(name), axis)
        new += parts
        making.append(node)
    taking = {(p.given, p.weight) for p in found if p.given in inputs and (p.weight in axes or not axes)}
    for node in whole.graph.node:
        if tuple(node.input[:2]) in taking:
            node.input[0] += ROUNDED
    taken = {name for name, _ in taking}
    new += [numpy_helper.from_array(np.float32(inputs[name] / STEPS), name + SCALE) for name in sorted(taken)]
    nodes = [*making, *with_rounding(whole, taken)]
    del whole.graph.initializer[:], whole.graph.node[:], whole.graph.value_info[:]
    whole.graph.initializer.extend([*there.values(), *new])
    whole.graph.node.extend(nodes)
    return whole


def divided(weight: onnx.TensorProto, axis: int) -> tuple[list[onnx.TensorProto], onnx.NodeProto]:
    """A weight as int8 and a scale for each output channel, and the node that makes it of them."""
    values = numpy_helper.to_array(weight)
    others = tuple(k for k in range(values.ndim) if k != axis)
    largest = np.abs(values).max(others)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(STEPS)
    steps = np.rint(values / np.expand_dims(scale, others)).astype(np.int8)
    parts = [numpy_helper.from_array(steps, weight.name + INT8), numpy_helper.from_array(scale, weight.name + SCALE)]
    return parts, helper.make_node("DequantizeLinear", [part.name for part in parts], [weight.name], axis=axis)


def with_rounding(graph: onnx.ModelProto, names: Collection[str]) -> Iterator[onnx.NodeProto]:
    """The graph's nodes in their order, each of these tensors' rounding as soon as it is there."""
    for given in graph.graph.input:
        yield from rounding(given.name) if given.name in names else ()
    for node in graph.graph.node:
        yield node
        for name in node.output:
            yield from rounding(name) if name in names else ()


def rounding(name: str) -> list[onnx.NodeProto]:
    """To int8 and back."""
    return [
        helper.make_node("QuantizeLinear", [name, name + SCALE], [name + INT8], output_dtype=onnx.TensorProto.INT8),
        helper.make_node("DequantizeLinear", [name + INT8, name + SCALE], [name + ROUNDED]),
    ]


def values_of(graph: onnx.ModelProto, names: set[str], samples: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Values that these tensors take, drawn by lot from each sample."""
    whole = onnx.ModelProto()
    whole.CopyFrom(graph)
    entering = {given.name for given in whole.graph.input}
    for name in sorted(names - entering):
        whole.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    request, rng, found = opened(whole), np.random.default_rng(0), {name: list[Array]() for name in names}
    for sample in samples:
        results = {name: values for output, values in request.infer(dict(sample)).items() for name in output.names}
        for name in names:
            values = np.ravel(sample[name] if name in entering else results[name])
            found[name].append(values[rng.integers(0, values.size, DRAWN)])
    return {name: np.concatenate(parts) for name, parts in found.items()}


def bound(values: Array) -> float:
    """The bound up to which rounding moves the values least, in the root of their mean square."""
    edges = max(float(np.abs(values).max()), 1e-12) * np.linspace(0.2, 1, 33)
    steps = [np.clip(np.rint(values * STEPS / edge), -STEPS, STEPS) for edge in edges]
    moved = [float(np.mean((step * edge / STEPS - values) ** 2)) for step, edge in zip(steps, edges, strict=True)]
    return float(edges[int(np.argmin(moved))])


def given_by(graph: onnx.ModelProto, sample: Mapping[str, Array]) -> Array:
    """The graph's first output."""
    request = opened(graph)
    request.infer(dict(sample))
    return np.array(request.get_output_tensor(0).data)


def opened(graph: onnx.ModelProto) -> Any:
    core = openvino().Core()
    model = core.read_model(graph.SerializeToString())
    return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
