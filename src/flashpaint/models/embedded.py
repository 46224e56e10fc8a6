"""The graphs of a model folder of mini's type: of which file, in which precision. Knows nothing of what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from flashpaint.models.graphs import Graph, open_graph


class Files(Protocol):
    def file(self, name: str) -> Path:
        """A file's path, once it is checked."""
        ...


def text_graph(files: Files, threads: int | None = None) -> Graph:
    return open_graph(files.file("clip_text.onnx"), threads)


def picture_graph(files: Files, threads: int | None = None) -> Graph:
    # in the processor's fastest precision: a cosine moves by 0.001 at most
    return open_graph(files.file("clip_picture.onnx"), threads, None)


def denoiser_graph(files: Files, threads: int | None = None, precision: str | None = None) -> Graph:
    return open_graph(files.file("denoiser.onnx"), threads, precision)


def decoder_graph(files: Files, threads: int | None = None, precision: str | None = None) -> Graph:
    return open_graph(files.file("decoder.onnx"), threads, precision)


def begin_graphs(files: Files, look: bool) -> None:
    """Begin to compile what a picture takes and to run it once, in the order of its work, for whoever opens the same
    after this; look: at the picture too."""
    graphs = [text_graph(files), denoiser_graph(files), decoder_graph(files)]
    if look:
        graphs.append(picture_graph(files))
    for graph in graphs:
        graph.rehearse()
