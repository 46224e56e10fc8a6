"""A diffusers network as an OpenVINO graph, for a CPU. Knows no family.

The graph is traced at the first call of each form (arguments, sizes, LoRAs); the batch stays free.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from flashpaint.models.graphs import Graph, open_traced

log = logging.getLogger(__name__)


class Traced(nn.Module):
    """A call of the network as a function of its tensors alone, everything else as it was in one example."""

    def __init__(self, network: nn.Module, leaves: Sequence[Any], spec: pytree.TreeSpec) -> None:
        super().__init__()
        self.network, self.leaves, self.spec = network, list(leaves), spec

    def forward(self, *tensors: Tensor) -> Tensor:
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        found: Tensor = self.network(*args, **kwargs, return_dict=False)[0]
        return found


class OpenVinoNetwork:
    """Called as the network is, answers with its `sample`. precision: as `Graph` takes it."""

    def __init__(self, network: Any, precision: str | None = None) -> None:
        self.network, self.config, self.precision = network, network.config, precision
        self._graphs: dict[tuple[Any, ...], Graph] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)

    def set_adapters(self, names: Sequence[str], weights: Sequence[float]) -> None:
        self._graphs.clear()  # other weights are another graph
        self.network.set_adapters(names, weights)

    def disable_adapters(self) -> None:
        self._graphs.clear()
        self.network.disable_adapters()

    @torch.no_grad()
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        form = (spec, *(tuple(t.shape[1:]) if isinstance(t, Tensor) else t for t in leaves))
        if form not in self._graphs:
            log.info("tracing the network for OpenVINO: once for each size")
            self._graphs[form] = self.traced(leaves, spec, tensors)
        graph = self._graphs[form]
        found = graph(**{name: t.cpu().numpy() for name, t in zip(graph.inputs, tensors, strict=True)})
        return SimpleNamespace(sample=torch.from_numpy(next(iter(found.values()))).to(tensors[0].dtype))

    def traced(self, leaves: Sequence[Any], spec: pytree.TreeSpec, tensors: Sequence[Tensor]) -> Graph:
        """Traced with two samples, so that no axis of one is taken for a constant; in float32 where they show that the
        faster precision gives no numbers (seen with AMX, of networks with few channels)."""
        batch = len(tensors[0])
        twice = [torch.cat([t[:1]] * 2) if t.ndim and len(t) == batch else t for t in tensors]
        free = [bool(t.ndim) and len(t) == batch for t in tensors]
        network = Traced(self.network, leaves, spec).eval()
        graph = open_traced(network, twice, free, self.precision)
        found = graph(**{name: t.cpu().numpy() for name, t in zip(graph.inputs, twice, strict=True)})
        if all(np.isfinite(array).all() for array in found.values()):
            return graph
        log.warning("the network gives no numbers in this processor's fastest precision: float32 instead")
        return open_traced(network, twice, free, "f32")
