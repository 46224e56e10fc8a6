"""What all diffusers adapters share: the device, latents to pictures and back. Knows no family.

A family's adapter says how a description becomes its conditioning and how its network estimates x0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from flashpaint.models.pictures import to_array, to_pictures
from flashpaint.models.transformers_folder import unread_by
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec, Loras
from flashpaint.paint.diffusers.loras import text_encoders, wear

SIDES = range(32, 2049, 8)


class DiffusersDenoiser(ABC):
    """A diffusers pipeline's models, in our loop. `pipe` only opens and holds them: its own loop is never run.

    pipelines: the class names of model_index.json that the family serves; network_name, vae_name: the parts that
    denoise and that decode; traceable: whether the network is a function of tensors, as OpenVINO wants it.
    """

    pipelines: ClassVar[tuple[str, ...]]
    network_name: ClassVar[str] = "transformer"
    vae_name: ClassVar[str] = "vae"
    traceable: ClassVar[bool] = True

    def __init__(self, pipe: Any, name: str, version: str) -> None:
        self.pipe, self.network = pipe, getattr(pipe, self.network_name)
        self.vae = getattr(pipe, self.vae_name)
        self.device, self.dtype = torch.device(pipe.device), self.network.dtype
        loras = tuple(getattr(self.network, "peft_config", {}))
        self.spec = replace(self.describe(name, version), loras=loras)
        self.engine = f"torch {str(self.dtype).removeprefix('torch.')} {self.device.type}"
        self.cached = False  # whether the network keeps something from pass to pass
        self._worn: Loras = ()

    @abstractmethod
    def describe(self, name: str, version: str) -> DenoiserSpec:
        """The model's constants, read from its configuration."""

    @abstractmethod
    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        """The arrays of a Conditioning, one row a description."""

    @abstractmethod
    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]: ...

    @abstractmethod
    def estimate(self, latents: Tensor, sigmas: Tensor, conditioning: Conditioning) -> Tensor:
        """x0 of latents (n, channels, h, w) at sigmas (n, 1, 1, 1), all on the device."""

    @torch.no_grad()
    def condition(
        self, descriptions: Sequence[str], guidance_scales: Sequence[float], loras: Loras = ()
    ) -> Conditioning:
        for encoder in text_encoders(self.pipe):
            wear(encoder, loras)
        return Conditioning(self.read(descriptions, guidance_scales), loras)

    def null(self, conditioning: Conditioning) -> Conditioning:
        return replace(Conditioning.join([self._empty] * len(conditioning)), loras=conditioning.loras)

    @cached_property
    def _empty(self) -> Conditioning:
        return self.empty()

    def empty(self) -> Conditioning:
        """One row that says nothing: the empty prompt, where a family has nothing better."""
        return self.condition([""], [1.0])

    def hold(self, array: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    @torch.no_grad()
    def denoise(self, latents: Tensor, sigmas: NDArray[np.float32], conditioning: Conditioning) -> Tensor:
        levels = torch.from_numpy(sigmas).to(self.device).view(-1, 1, 1, 1)
        if conditioning.loras != self._worn:
            wear(self.network, conditioning.loras)
            self._worn = conditioning.loras
        with self.network.cache_context("pass") if self.cached else nullcontext():
            return self.estimate(latents, levels, conditioning).float()

    @torch.no_grad()
    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        pictures = self.hold(to_array(images)).to(self.dtype) * 2 - 1
        found = self.vae.encode(pictures)
        return self.to_unit(found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latent).float()

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        pictures = self.vae.decode(self.from_unit(latents).to(self.dtype)).sample
        return to_pictures((pictures.float() / 2 + 0.5).cpu().numpy())

    def preview(self, latents: Tensor) -> list[Image.Image]:
        """A quarter of the size in latents, decoded, and enlarged: a sixteenth of the work."""
        height, width = latents.shape[-2:]
        smaller = torch.nn.functional.interpolate(latents, size=(max(8, height // 4), max(8, width // 4)), mode="area")
        scale = self.spec.downscale
        return [p.resize((width * scale, height * scale), Image.Resampling.BICUBIC) for p in self.decode(smaller)]

    def notes_on(self, description: str) -> tuple[str, ...]:
        """Where the text encoder that reads furthest stops, if it does before the end."""
        tokenizers = [t for t in (getattr(self.pipe, f"tokenizer{k}", None) for k in ("", "_2", "_3")) if t is not None]
        if not tokenizers:
            return ()
        tokenizer = max(tokenizers, key=self.context)
        return unread_by(self.spec.name, tokenizer, description, self.context(tokenizer))

    def context(self, tokenizer: Any) -> int:
        """Tokens of a description that this tokenizer's encoder reads, marks of begin and end included."""
        return int(tokenizer.model_max_length)

    def forget(self) -> None:
        """What the network's caches kept of its last passes."""
        if self.cached:
            self.network._reset_stateful_cache()

    def to_unit(self, latents: Tensor) -> Tensor:
        """The autoencoder's latents -> those that the denoiser knows."""
        config = self.vae.config
        moved: Tensor = (latents - (getattr(config, "shift_factor", None) or 0.0)) * config.scaling_factor
        return moved

    def from_unit(self, latents: Tensor) -> Tensor:
        config = self.vae.config
        moved: Tensor = latents / config.scaling_factor + (getattr(config, "shift_factor", None) or 0.0)
        return moved
