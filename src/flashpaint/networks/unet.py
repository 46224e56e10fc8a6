"""mini's denoiser: a flow-matching U-Net that reads clip's text states and one pooled clip vector.

Convolutions at 16x16, transformer layers with cross-attention at 8x8 (on little compute, local bias wins).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashpaint.networks.autoencoder import CHANNELS
from flashpaint.networks.clip import DIM
from flashpaint.networks.transformer import Attention, RMSNorm, SwiGLU

# how it is painted with by the sweep in docs/performance.md, before it is distilled: guidance on sigmas above 0.4
GUIDANCE_SCALE, GUIDANCE_INTERVAL = 4.5, (0.4, 1.0)


def silence(last: nn.Conv2d | nn.Linear) -> None:
    """Zero weights: a block that begins so changes nothing until it has learned to."""
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


class AdaptiveNorm(nn.Module):
    """RMSNorm over the channels, then a scale and shift read from the embedding (n, embedding)."""

    def __init__(self, width: int, embedding: int) -> None:
        super().__init__()
        self.norm, self.modulation = RMSNorm(width), nn.Linear(embedding, 2 * width)
        silence(self.modulation)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """x (n, ..., width)."""
        scale, shift = self.modulation(embedding).view(x.shape[0], *(1,) * (x.dim() - 2), -1).chunk(2, -1)
        return self.norm(x) * (1 + scale) + shift


class ConvBlock(nn.Module):
    """Residual block of two 3x3 convolutions, adaptive norm before each; x (n, c, h, w)."""

    def __init__(self, width: int, embedding: int, width_in: int | None = None) -> None:
        super().__init__()
        width_in = width_in or width
        self.norm_1, self.norm_2 = AdaptiveNorm(width_in, embedding), AdaptiveNorm(width, embedding)
        self.conv_1, self.conv_2 = (nn.Conv2d(n, width, 3, padding=1) for n in (width_in, width))
        self.skip = nn.Identity() if width_in == width else nn.Conv2d(width_in, width, 1)
        silence(self.conv_2)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        y = self.conv_1(F.silu(last_to_first(self.norm_1(first_to_last(x), embedding))))
        y = self.conv_2(F.silu(last_to_first(self.norm_2(first_to_last(y), embedding))))
        return self.skip(x) + y


class TextBlock(nn.Module):
    """Self-attention, cross-attention to the text, and SwiGLU with a depthwise convolution; x (n, h, w, width)."""

    def __init__(self, width: int, embedding: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(AdaptiveNorm(width, embedding) for _ in range(3))
        self.attention, self.cross = Attention(width, heads), Attention(width, heads, DIM)
        self.mlp = SwiGLU(width)
        self.local = nn.Conv2d(width, width, 3, padding=1, groups=width)
        for last in (self.attention.out, self.cross.out, self.mlp.out):
            nn.init.zeros_(last.weight)

    def forward(self, x: Tensor, embedding: Tensor, context: Tensor, mask: Tensor) -> Tensor:
        n, h, w, c = x.shape
        x = x + self.attention(self.norms[0](x, embedding).view(n, h * w, c)).view(n, h, w, c)
        x = x + self.cross(self.norms[1](x, embedding).view(n, h * w, c), context, mask).view(n, h, w, c)
        y = self.norms[2](x, embedding)
        return x + self.mlp(y + first_to_last(self.local(last_to_first(y))))


def first_to_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def last_to_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


class Denoiser(nn.Module):
    """latents (n, 16, 16, 16), sigmas (n,), states (n, t, 256), mask (n, t), pooled (n, 256) -> v (n, 16, 16, 16).

    The null condition is zeros everywhere.
    """

    def __init__(self, width: int = 128, deep: int = 384, depth: int = 3, embedding: int = 384) -> None:
        super().__init__()
        self.frequencies = embedding // 3
        self.time = nn.Sequential(nn.Linear(self.frequencies, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.pooled, self.summary = nn.Linear(DIM, embedding), nn.Linear(DIM, embedding)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(embedding, embedding), nn.SiLU())
        self.refine = nn.Sequential(RMSNorm(DIM), nn.Linear(DIM, DIM), nn.SiLU(), nn.Linear(DIM, DIM))
        self.null, self.pooled_token = nn.Parameter(0.02 * torch.randn(1, 1, DIM)), nn.Linear(DIM, DIM)
        self.position = nn.Parameter(0.02 * torch.randn(8, 8, deep))
        self.enter = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.before = nn.ModuleList(ConvBlock(width, embedding) for _ in range(2))
        self.down = nn.Conv2d(4 * width, deep, 1)
        self.middle = ConvBlock(deep, embedding)
        self.text = nn.ModuleList(TextBlock(deep, embedding, heads=6) for _ in range(depth))
        self.up = nn.Conv2d(deep, 4 * width, 1)
        self.after = nn.ModuleList(ConvBlock(width, embedding, w_in) for w_in in (2 * width, width))
        self.leave_norm, self.leave = AdaptiveNorm(width, embedding), nn.Conv2d(width, CHANNELS, 3, padding=1)
        silence(self.leave)

    def embed(self, sigmas: Tensor, states: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        half = self.frequencies // 2
        angles = 1000 * sigmas[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
        mean = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        # a unit vector's entries are about 1/16: brought to unit variance
        return self.mix(
            self.time(torch.cat([angles.cos(), angles.sin()], 1)) + self.pooled(16 * pooled) + self.summary(mean)
        )

    def read(self, states: Tensor, mask: Tensor, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """What the cross-attention reads: a null token, the pooled vector, the text."""
        n = states.shape[0]
        context = torch.cat(
            [self.null.expand(n, 1, -1), self.pooled_token(16 * pooled)[:, None], states + self.refine(states)], 1
        )
        return context, torch.cat([torch.ones(n, 2), mask], 1)

    def forward(self, latents: Tensor, sigmas: Tensor, states: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        embedding = self.embed(sigmas, states, mask, pooled)
        context, context_mask = self.read(states, mask, pooled)
        x = self.enter(latents)
        for block in self.before:
            x = block(x, embedding)
        y = self.middle(self.down(F.pixel_unshuffle(x, 2)), embedding)
        y = first_to_last(y) + self.position
        for block in self.text:
            y = block(y, embedding, context, context_mask)
        x = torch.cat([x, F.pixel_shuffle(self.up(last_to_first(y)), 2)], 1)
        for block in self.after:
            x = block(x, embedding)
        return self.leave(F.silu(last_to_first(self.leave_norm(first_to_last(x), embedding)))).float()


class CleanEstimate(nn.Module):
    """The denoiser as flashpaint asks it: x0 = x - sigma * v."""

    def __init__(self, model: Denoiser) -> None:
        super().__init__()
        self.model = model

    def forward(self, latents: Tensor, sigmas: Tensor, states: Tensor, mask: Tensor, pooled: Tensor) -> Tensor:
        return latents - sigmas[:, None, None, None] * self.model(latents, sigmas, states, mask, pooled)
