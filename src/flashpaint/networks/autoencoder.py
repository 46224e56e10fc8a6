"""mini's autoencoder: pictures <-> latents 16 times smaller on a side.

A convolutional autoencoder without norms (in the manner of TAESD, O. B. Bohan 2023) whose stem and head are pixel
shuffles, so that no convolution runs at full size. Its latents are pinned to unit variance by a batch norm without
scale, and the decoder sees them with noise, so that it forgives a denoiser's small errors.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 16
DOWNSCALE = 16


def conv(n_in: int, n_out: int) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1)


class Block(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class Encoder(nn.Sequential):
    """(n, 3, H, W) in [0, 1] -> (n, 16, H/16, W/16)."""

    def __init__(self, width: int = 96) -> None:
        deep = 2 * width
        super().__init__(
            nn.PixelUnshuffle(8),
            nn.Conv2d(192, width, 1),
            Block(width),
            Block(width),
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * width, deep, 1),
            Block(deep),
            Block(deep),
            conv(deep, CHANNELS),
        )


class Decoder(nn.Sequential):
    """(n, 16, h, w) -> (n, 3, 16h, 16w), about [0, 1]."""

    def __init__(self, width: int = 96) -> None:
        deep = 2 * width
        super().__init__(
            conv(CHANNELS, deep),
            Block(deep),
            Block(deep),
            nn.Conv2d(deep, 4 * width, 1),
            nn.PixelShuffle(2),
            Block(width),
            Block(width),
            Block(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.PixelShuffle(2),
            Block(width // 2),
            nn.ReLU(),
            conv(width // 2, 48),
            nn.PixelShuffle(4),
        )


class Autoencoder(nn.Module):
    centre: Tensor
    spread: Tensor

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(width), Decoder(width)
        self.unit = nn.BatchNorm2d(CHANNELS, affine=False, momentum=0.01)
        # once trained, what is left of mean and deviation: the denoiser wants unit latents
        self.register_buffer("centre", torch.zeros(CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(CHANNELS, 1, 1))

    def encode(self, pictures: Tensor) -> Tensor:
        return (self.unit(self.encoder(pictures).float()) - self.centre) / self.spread

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(latents * self.spread + self.centre).float()

    @torch.no_grad()
    def settle(self, pictures: Tensor) -> None:
        """Bring the latents of these pictures to zero mean and unit deviation, channel by channel."""
        found = self.encode(pictures).transpose(0, 1).flatten(1)
        self.centre += self.spread * found.mean(1).view_as(self.centre)
        self.spread *= found.std(1).view_as(self.spread)
