"""One optimiser in two parts: Muon for the hidden matrices, AdamW for everything else. Knows no model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic that takes singular values to one (Jordan et al. 2024)


@torch.no_grad()
def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Near the nearest orthogonal matrix of the same shape, by Newton and Schulz's iteration, whichever way this
    processor takes fastest: on two cores with AMX, bfloat16 makes a step of the denoiser's optimiser four times as
    fast."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    found = iterated(x, steps) if torch.cpu._is_amx_tile_supported() else iterated_among_grams(x, steps)
    return found.T if tall else found


def iterated(x: Tensor, steps: int) -> Tensor:
    """X becomes (a + b G + c G^2) X with G = X X^T, several times over, in bfloat16 (Jordan et al. 2024)."""
    a, b, c = COEFFICIENTS
    x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.float()


def iterated_among_grams(x: Tensor, steps: int) -> Tensor:
    """The same in float32: as all factors are polynomials of the first G, they are multiplied among themselves, small
    as they are, and X is multiplied once. Without AMX, a third of the time of bfloat16; in bfloat16, errors would grow
    from G to G."""
    a, b, c = COEFFICIENTS
    gram, product = x @ x.T, None
    for left in reversed(range(steps)):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    assert product is not None
    return product @ x


class Optimiser:
    """Muon (Jordan et al. 2024) takes each hidden matrix's momentum to the nearest orthogonal matrix, at the step size
    of Liu et al. 2025 (update of root mean square 0.2 x rate). `edges` names what enters and leaves the network by
    prefixes: that, and all that is no matrix, is AdamW's, at half the rate.

    A convolution is a matrix of (out, height x width x in): with channels last, a view of its weight.
    """

    def __init__(self, model: nn.Module, edges: tuple[str, ...], weight_decay: float = 0.01) -> None:
        named = list(model.named_parameters())
        self.hidden = {
            name: p for name, p in named if p.dim() in (2, 4) and p.shape[1] > 1 and not name.startswith(edges)
        }
        if any(p.data_ptr() != matrix(p.data).data_ptr() for p in self.hidden.values()):
            raise ValueError("convolutions must be in channels_last, so that their matrices are views")
        self.momenta = {name: torch.zeros_like(matrix(p.data)) for name, p in self.hidden.items()}
        self.adam = torch.optim.AdamW(
            [p for name, p in named if name not in self.hidden],
            betas=(0.9, 0.99),
            weight_decay=weight_decay,
            fused=True,
        )
        self.model, self.weight_decay = model, weight_decay

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for group in self.adam.param_groups:
            group["lr"] = rate / 2
        self.adam.step()
        for name, parameter in self.hidden.items():
            if parameter.grad is None:
                continue
            gradient, momentum, weight = matrix(parameter.grad), self.momenta[name], matrix(parameter.data)
            momentum.lerp_(gradient, 1 - MOMENTUM)
            update = orthogonal(gradient.lerp(momentum, MOMENTUM))
            weight.mul_(1 - rate * self.weight_decay)
            weight.add_(update, alpha=-0.2 * rate * max(weight.shape) ** 0.5)

    def zero_grad(self) -> None:
        self.model.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A checkpoint of another optimiser has neither part: both start afresh."""
        if state.keys() == {"momenta", "adam"}:
            for name, momentum in self.momenta.items():
                momentum.copy_(state["momenta"][name])
            self.adam.load_state_dict(state["adam"])


def matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).flatten(1) if weight.dim() == 4 else weight
