"""Muon's part of the optimiser, beside torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim._muon import _zeropower_via_newtonschulz

from training.optimiser import COEFFICIENTS, Optimiser, orthogonal


@pytest.mark.parametrize("amx", [True, False])
@pytest.mark.parametrize("shape", [(24, 24), (16, 144), (90, 20)])
def test_a_matrix_made_orthogonal_is_the_one_that_torch_makes(
    shape: tuple[int, int], amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    torch_s = _zeropower_via_newtonschulz(given, COEFFICIENTS, 5, 1e-7).float()
    found = orthogonal(given)
    assert torch.linalg.matrix_norm(found - torch_s) < 0.03 * torch.linalg.matrix_norm(found)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.3
    assert values.max() < 1.5


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped() -> None:
    def fresh() -> tuple[nn.Module, Optimiser]:
        torch.manual_seed(1)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3)).to(memory_format=torch.channels_last)
        return model, Optimiser(model, edges=("0",))

    def train(model: nn.Module, optimiser: Optimiser, seeds: range) -> None:
        for seed in seeds:
            x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
            optimiser.zero_grad()
            model(x).square().mean().backward()
            optimiser.step(1e-2)

    whole, half = fresh(), fresh()
    train(*whole, range(4))
    train(*half, range(2))
    model, optimiser = fresh()
    model.load_state_dict(half[0].state_dict())
    optimiser.load_state_dict(half[1].state_dict())
    train(model, optimiser, range(2, 4))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, whole[0].state_dict()[name])
