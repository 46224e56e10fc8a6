"""Runs ONNX graphs in OpenVINO: compiled once a process, arrays by name in and out. Knows no model's meaning."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flashpaint.models.beside import beside
from flashpaint.models.cache import cache_folder
from flashpaint.models.engine import openvino

Array = NDArray[Any]


@lru_cache(maxsize=1)
def _core() -> Any:
    core = openvino().Core()
    if cache := cache_folder():  # else compiled afresh each time: slower to start, nothing else
        core.set_property({"CACHE_DIR": str(cache)})
    return core


@dataclass(frozen=True)
class Compiled:
    request: Any
    inputs: dict[str, Any]
    outputs: list[str]
    precision: str


class Graph:
    """One compiled graph, called by any thread, one after the other: seer and painter may share one.

    It is compiled beside what the caller does next; the first use waits for it, and raises what went wrong.
    model: a file, or a model that OpenVINO has read. precision of the arithmetic: "f32", "bf16", or None for the
    fastest that the processor has in hardware; the attribute says which it is.
    """

    def __init__(self, model: Any, threads: int | None = None, precision: str | None = "f32") -> None:
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if precision:
            config["INFERENCE_PRECISION_HINT"] = precision
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = beside(partial(compiled, _core(), model, config))
        self._turn = threading.Lock()

    @property
    def precision(self) -> str:
        return self._compiled.result().precision

    @property
    def inputs(self) -> list[str]:
        return list(self._compiled.result().inputs)

    def __call__(self, **inputs: Array) -> dict[str, Array]:
        """Outputs by name, as arrays of their own."""
        graph = self._compiled.result()
        with self._turn:
            found = graph.request.infer({name: np.ascontiguousarray(value) for name, value in inputs.items()})
            return {name: np.array(found[i]) for i, name in enumerate(graph.outputs)}

    def rehearse(self) -> None:
        """Begin a first call, with a row of zeros, in which the kernels for one row are made; of a graph that leaves
        nothing else open."""
        beside(lambda: self(**{name: one_row(given) for name, given in self._compiled.result().inputs.items()}))


def one_row(given: Any) -> Array:
    """Zeros for an input."""
    return np.zeros([1, *(side.get_length() for side in list(given.partial_shape)[1:])], given.element_type.to_dtype())


def compiled(core: Any, model: Any, config: dict[str, Any]) -> Compiled:
    found = core.compile_model(model, "CPU", config)
    return Compiled(
        found.create_infer_request(),
        {given.any_name: given for given in found.inputs},
        [output.any_name for output in found.outputs],
        found.get_property("INFERENCE_PRECISION_HINT").to_string(),
    )


def fastest_precision() -> str:
    """What `precision=None` means on this processor: "f32" or "bf16"."""
    found: str = _core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    return found


def open_graph(path: Path, threads: int | None = None, precision: str | None = "f32") -> Graph:
    """The graph of this file, shared by all who ask for it in this process."""
    return _opened(path, threads, precision)


@lru_cache(maxsize=32)
def _opened(path: Path, threads: int | None, precision: str | None) -> Graph:
    return Graph(str(path), threads, precision)


def open_traced(module: Any, example: Sequence[Any], free: Sequence[bool], precision: str | None = None) -> Graph:
    """A PyTorch module of tensors, traced with the example; the first axis of its inputs stays free where told so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer tells of every shape that a network asks for
        model = openvino().convert_model(module, example_input=tuple(example))
    shapes = {}
    for k, (given, tensor, batched) in enumerate(zip(model.inputs, example, free, strict=True)):
        given.set_names({f"input_{k}"})
        shapes[given] = openvino().PartialShape([-1, *tensor.shape[1:]] if batched else list(tensor.shape))
    for output in model.outputs:
        output.set_names({"output"})
    model.reshape(shapes)
    return Graph(model, None, precision)
