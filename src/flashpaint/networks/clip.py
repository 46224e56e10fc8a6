"""mini's clip: a tower for prompts in English and Chinese and one for pictures, into one space of 256 dimensions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashpaint.networks.transformer import Layer, RMSNorm

DIM = 256
CONTEXT = 32
SIDE = 128


class TextTower(nn.Module):
    """tokens (n, t) int64, 0 = padding -> states (n, t, 256), pooled (n, 256) of length 1."""

    def __init__(self, vocabulary: int, width: int = DIM, depth: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(0.02 * torch.randn(CONTEXT, width))
        self.layers = nn.ModuleList(Layer(width, 4) for _ in range(depth))
        self.norm, self.head = RMSNorm(width), nn.Linear(width, DIM, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        mask = (tokens != 0).float()
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, mask)
        states = self.norm(x) * mask[..., None]
        mean = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return states, F.normalize(self.head(mean).float(), dim=-1)


class PictureTower(nn.Module):
    """pictures (n, 3, 128, 128) in [0, 1] -> pooled (n, 256) of length 1. A convolutional stem, then 64 patches."""

    def __init__(self, width: int = DIM, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 64, 3, padding=1),
            nn.GELU(),
            nn.PixelUnshuffle(2),
            nn.Conv2d(256, 128, 1),
            nn.GELU(),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.GELU(),
            nn.PixelUnshuffle(2),
            nn.Conv2d(512, width, 1),
        )
        self.position = nn.Parameter(0.02 * torch.randn(64, width))
        self.layers = nn.ModuleList(Layer(width, 4) for _ in range(depth))
        self.norm, self.head = RMSNorm(width), nn.Linear(width, DIM, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.stem(pictures * 2 - 1).flatten(2).transpose(1, 2) + self.position  # (n, 64, width)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(self.head(self.norm(x).mean(1)).float(), dim=-1)


class Clip(nn.Module):
    def __init__(self, vocabulary: int, small: bool = False) -> None:
        super().__init__()
        self.text = TextTower(vocabulary, depth=1 if small else 3)
        self.picture = PictureTower(depth=1 if small else 3)
        self.log_scale = nn.Parameter(torch.tensor(2.7))
