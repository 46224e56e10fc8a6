"""The arrays of `paint`: NumPy's or PyTorch's, whichever the model's engine holds; the loop uses what both share."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = Any


def array_namespace(array: Array) -> Any:
    """The functions that the array standard names, for this array. NumPy's own since NumPy 2, without a layer between,
    whose import would take longer than a picture."""
    if isinstance(array, np.ndarray):
        return np
    from array_api_compat import array_namespace as found

    return found(array)


def kept(latents: Array) -> NDArray[np.float16]:
    """Latents as they are kept, whatever holds them and wherever."""
    if not isinstance(latents, np.ndarray):
        from array_api_compat import to_device

        whole = array_namespace(latents).astype(latents, array_namespace(latents).float32)  # NumPy knows no bfloat16
        latents = np.asarray(to_device(whole, "cpu"))
    return np.asarray(latents, np.float16)
