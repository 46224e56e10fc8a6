"""What every stage shares."""

from __future__ import annotations

import pytest
import torch

from training.run import fast_arithmetic


@pytest.mark.parametrize(
    ("avx512_bf16", "amx", "arithmetic"),
    [
        (False, False, torch.float32),
        (True, False, torch.float32),
        (False, True, torch.bfloat16),
    ],
)
def test_a_step_is_taken_in_bf16_only_where_the_processor_has_amx(
    monkeypatch: pytest.MonkeyPatch, avx512_bf16: bool, amx: bool, arithmetic: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    layer = torch.nn.Linear(4, 4)
    with fast_arithmetic():
        assert layer(torch.zeros(1, 4)).dtype == arithmetic
    assert layer(torch.zeros(1, 4)).dtype == torch.float32
