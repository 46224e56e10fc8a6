"""How far two sets of pictures lie apart, by the features that a network reads of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def kernel_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """KID of (n, d) and (m, d): the unbiased squared MMD with the cubic kernel (x y + 1)^3 (Binkowski et al. 2018, who
    scale x y by 1 / d: divide features that are not of length 1 by its root)."""

    def kernel(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        grown: NDArray[np.float64] = (x @ y.T + 1) ** 3
        return grown

    x, y = a.astype(np.float64), b.astype(np.float64)
    within = [(kernel(z, z).sum() - np.trace(kernel(z, z))) / (len(z) * (len(z) - 1)) for z in (x, y)]
    return float(sum(within) - 2 * kernel(x, y).mean())
