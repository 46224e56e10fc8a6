"""The arrays of `paint`: NumPy's or PyTorch's, whichever the model's engine holds; the loop uses what both share."""

from __future__ import annotations

from typing import Any, TypeAlias

Array: TypeAlias = Any
