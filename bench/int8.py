"""What whole numbers gain mini, and cost: its graphs as they ship, and the same weights multiplied as floats.

Milliseconds a call, by turns, of denoiser and decoder in the processor's fastest precision and in float32; how far the
pictures of held-out prompts are from those in float32 throughout; and the share of the judge's trials that each meets.
Needs the extra "train".

python -m bench.int8 --json int8.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image
from rich.console import Console
from rich.table import Table

from flashpaint import PaintRequest, Studio
from flashpaint.bench.judge import Judge, Trial, both_languages
from flashpaint.bench.report import machine, write_figures
from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import Graph
from flashpaint.networks.weights import weights_of
from flashpaint.paint.loop_painter import LoopPainter

COMMAND = "python -m bench.int8"
GRAPHS = ("denoiser.onnx", "decoder.onnx")
FLOATS = {"fastest": None, "float32": "f32"}


def in_floats(path: Path) -> onnx.ModelProto:
    """The graph without its rounding: the weights as they are read back, the inputs of products as they come."""
    graph, weights = onnx.load(path), weights_of(path)
    there = {weight.name: weight for weight in graph.graph.initializer}
    instead, nodes = dict[str, str](), list[onnx.NodeProto]()
    for node in graph.graph.node:
        if node.op_type == "QuantizeLinear":
            instead[node.output[0]] = node.input[0]
        elif node.op_type == "DequantizeLinear" and node.input[0] in there:
            for part in node.input:
                del there[part]
            there[node.output[0]] = numpy_helper.from_array(weights[node.output[0]].numpy(), node.output[0])
        elif node.op_type == "DequantizeLinear":
            instead[node.output[0]] = instead[node.input[0]]
        else:
            node.input[:] = [instead.get(name, name) for name in node.input]
            nodes.append(node)
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(there.values())
    graph.graph.node.extend(nodes)
    return graph


def asked(name: str, rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    latents = rng.standard_normal((rows, 16, 16, 16), np.float32)
    if name == "decoder.onnx":
        return {"latents": latents}
    read = {"states": rng.standard_normal((rows, 32, 256), np.float32), "mask": np.ones((rows, 32), np.float32)}
    pooled = rng.standard_normal((rows, 256), np.float32) / 16
    return {"latents": latents, "sigmas": np.full(rows, 0.8, np.float32), **read, "pooled": pooled}


def by_turns(graphs: dict[str, Graph], name: str, rows: int, runs: int) -> dict[str, float]:
    """Median milliseconds of a call of each."""
    given, spent = asked(name, rows), {key: list[float]() for key in graphs}
    for _ in range(runs + 2):
        for key, graph in graphs.items():
            started = time.perf_counter()
            graph(**given)
            spent[key].append(time.perf_counter() - started)
    return {key: 1000 * statistics.median(seconds[2:]) for key, seconds in spent.items()}


def painted(graphs: Sequence[Graph] | None, trials: Sequence[Trial], compose: bool) -> list[Image.Image]:
    """English and Chinese by turns. graphs: denoiser and decoder in the stead of mini's own."""
    studio = Studio.open()
    if graphs:
        assert isinstance(studio.painter, LoopPainter)
        studio.painter.denoiser._denoiser, studio.painter.denoiser._decoder = graphs  # type: ignore[attr-defined]
    prompts = both_languages(trials)
    requests = [PaintRequest(text, seed=k, compose=compose) for k, text in enumerate(prompts)]
    return [painting.picture for painting in studio.paint_many(requests)]


def decibels(pictures: Sequence[Image.Image], others: Sequence[Image.Image]) -> float:
    """The median PSNR of pairs."""
    found = []
    for one, other in zip(pictures, others, strict=True):
        error = np.mean((np.asarray(one, np.float64) - np.asarray(other, np.float64)) ** 2)
        found.append(10 * np.log10(255**2 / max(error, 1e-3)))
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60, help="held-out prompts, their kinds by turns")
    parser.add_argument("--runs", type=int, default=20, help="calls of each graph")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    folder, figures = ModelFolder.open("mini"), dict[str, object]()
    judge = Judge(folder)
    table = Table("", "rows", "int8 ms", *(f"{name} ms" for name in FLOATS), title=f"{COMMAND}: {machine()}")
    floats: dict[str, list[Graph]] = {name: [] for name in FLOATS}
    with tempfile.TemporaryDirectory() as scratch:
        for name in GRAPHS:
            path = Path(scratch) / name
            onnx.save(in_floats(folder.file(name)), path)
            graphs = {"int8": Graph(str(folder.file(name)), None, None)}
            for kind, precision in FLOATS.items():
                floats[kind].append(Graph(str(path), None, precision))
                graphs[kind] = floats[kind][-1]
            for rows in (1, 4):
                found = by_turns(graphs, name, rows, options.runs)
                figures[f"{name}, {rows}"] = found
                cells = [f"{ms:.1f} ({ms / found['int8']:.2f})" for key, ms in found.items() if key != "int8"]
                table.add_row(name, str(rows), f"{found['int8']:.1f}", *cells)
        trials = judge.trials[: options.trials]
        rows = {"int8": None, **floats}
        for compose in (True, False):
            made = {kind: painted(graphs_, trials, compose) for kind, graphs_ in rows.items()}
            how = "as it is used" if compose else "all at once"
            for kind, pictures in made.items():
                met = statistics.fmean(t.met(v) for t, v in zip(trials, judge.verdicts(pictures), strict=True))
                near = decibels(pictures, made["float32"])
                figures[f"{kind}, {how}"] = {"met": met, "psnr": near}
                print(f"{kind}, {how}: {met:.3f} of {len(trials)} met, {near:.1f} dB from float32")
    Console(highlight=False).print(table)
    if options.json:
        write_figures(options.json, COMMAND, figures, trials=len(trials))


if __name__ == "__main__":
    main()
