"""Schedules: which noise levels a trajectory visits. Knows no model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def flow_sigmas(steps: int, shift: float = 1.0) -> NDArray[np.float32]:
    """(steps + 1,) levels from 1 to 0; shift > 1 spends more steps at high noise (Esser et al. 2024, eq. 23)."""
    t = np.linspace(1, 0, steps + 1)
    return (shift * t / (1 + (shift - 1) * t)).astype(np.float32)
