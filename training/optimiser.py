"""One optimiser in two parts: Muon for the hidden matrices, AdamW for everything else. Knows no model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Optimiser:
    """Muon (Jordan et al. 2024) takes each hidden matrix's momentum to the nearest orthogonal matrix, at the step size
    of Liu et al. 2025 (update of root mean square 0.2 x rate). `edges` names what enters and leaves the network by
    prefixes: that, and all that is no matrix, is AdamW's, at half the rate.

    A convolution is a matrix of (out, height x width x in): with channels last, a view of its weight.
    """

    def __init__(self, model: nn.Module, edges: tuple[str, ...], weight_decay: float = 0.01) -> None:
        named = list(model.named_parameters())
        hidden = [p for name, p in named if p.dim() in (2, 4) and p.shape[1] > 1 and not name.startswith(edges)]
        taken = {id(p) for p in hidden}
        self.pairs = [(p, p if p.dim() == 2 else nn.Parameter(matrix(p.data))) for p in hidden]
        if any(p.data_ptr() != m.data_ptr() for p, m in self.pairs):
            raise ValueError("convolutions must be in channels_last, so that their matrices are views")
        self.muon = torch.optim.Muon(
            [m for _, m in self.pairs], momentum=0.95, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self.adam = torch.optim.AdamW(
            [p for _, p in named if id(p) not in taken], betas=(0.9, 0.99), weight_decay=weight_decay, fused=True
        )
        self.model = model

    def step(self, rate: float) -> None:
        for part, its_rate in ((self.muon, rate), (self.adam, rate / 2)):
            for group in part.param_groups:
                group["lr"] = its_rate
        for parameter, view in self.pairs:
            if view is not parameter and parameter.grad is not None:
                view.grad = matrix(parameter.grad)
        self.muon.step()
        self.adam.step()

    def zero_grad(self) -> None:
        self.model.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A checkpoint of another optimiser has neither part: both start afresh."""
        if state.keys() == {"muon", "adam"}:
            self.muon.load_state_dict(state["muon"])
            self.adam.load_state_dict(state["adam"])


def matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.dim() == 4 else weight
