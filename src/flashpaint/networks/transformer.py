"""The transformer layer that clip's towers and the denoiser share: RMSNorm before, qk-norm, SwiGLU. Knows no task."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Zhang & Sennrich 2019. Over the last axis, in float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.scale


class Attention(nn.Module):
    """Attention of x (n, t, width) to `context` (n, s, context_width), or to itself; mask (n, s), 1 = may be read."""

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(context_width or width, 2 * width, bias=False)
        self.query_norm, self.key_norm = RMSNorm(width // heads), RMSNorm(width // heads)
        self.out = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (n, heads, t, width / heads)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        query = self.query_norm(self.split(self.query(x)))
        key, value = (self.split(t) for t in self.key_value(x if context is None else context).chunk(2, -1))
        key = self.key_norm(key)
        bias = None if mask is None else ((1 - mask.float()) * -1e4)[:, None, None, :]
        query, key = query.to(value.dtype), key.to(value.dtype)
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=None if bias is None else bias.to(value.dtype))
        return self.out(y.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """Shazeer 2020."""

    def __init__(self, width: int, factor: float = 8 / 3) -> None:
        super().__init__()
        hidden = int(width * factor) // 32 * 32
        self.gate, self.out = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.gate(x).chunk(2, -1)
        return self.out(F.silu(gate) * value)


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = RMSNorm(width), RMSNorm(width)
        self.attention, self.mlp = Attention(width, heads), SwiGLU(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm_1(x), mask=mask)
        return x + self.mlp(self.norm_2(x))
