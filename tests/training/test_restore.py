"""What training goes on from."""

from __future__ import annotations

import torch

from training.restore import grown


def test_a_head_that_gets_more_classes_keeps_those_it_knew_and_the_one_that_says_there_is_none() -> None:
    kept = {"trunk": torch.full((2, 2), 7.0), "head": torch.tensor([[1.0], [2.0], [9.0]])}
    fresh = {"trunk": torch.zeros(2, 2), "head": torch.full((5, 1), 0.5), "new": torch.ones(3)}
    found = grown(kept, fresh)
    assert torch.equal(found["trunk"], kept["trunk"])
    assert found["head"].flatten().tolist() == [1.0, 2.0, 0.5, 0.5, 9.0]
    assert torch.equal(found["new"], fresh["new"])
