"""The Denoiser of a model folder: its ONNX graphs in OpenVINO. Knows nothing of loops or requests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint.models.embedded import decoder_graph, denoiser_graph
from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import fastest_precision, open_graph
from flashpaint.models.pictures import to_array, to_pictures
from flashpaint.models.text_tower import open_text_tower
from flashpaint.paint.arrays import Array
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec, Loras
from flashpaint.paint.preview import LinearPreview
from flashpaint.paint.schedule import flow_sigmas

PREVIEW = "preview.safetensors"


class MiniDenoiser:
    """precision of denoiser and decoder: "f32", "bf16", or None for the fastest that the processor has in hardware."""

    def __init__(self, folder: ModelFolder, threads: int | None = None, precision: str | None = None) -> None:
        self._folder, self._threads, self._precision = folder, threads, precision
        self._text = open_text_tower(folder, threads)
        self._denoiser = denoiser_graph(folder, threads, precision)
        self._decoder = decoder_graph(folder, threads, precision)
        self.int8 = folder.manifest.denoiser.int8
        self.spec = spec_of(folder)
        self._preview = open_preview(folder)

    @property
    def engine(self) -> str:
        precision = self._denoiser.precision if self._precision else fastest_precision()
        return f"openvino {'int8 and ' if self.int8 else ''}{precision} cpu"

    def condition(
        self, descriptions: Sequence[str], guidance_scales: Sequence[float], loras: Loras = ()
    ) -> Conditioning:
        return Conditioning(self._text.read(descriptions))

    def null(self, conditioning: Conditioning) -> Conditioning:
        return conditioning.silent()

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        return flow_sigmas(steps, self.spec.shift)

    def hold(self, array: NDArray[np.float32]) -> Array:
        return array

    def denoise(self, latents: Array, sigmas: Array, conditioning: Conditioning) -> Array:
        return self._denoiser(latents=latents, sigmas=sigmas, **conditioning.arrays)["x0"]

    def encode(self, images: Sequence[Image.Image]) -> Array:
        # opened on first use: painting from noise never encodes
        graph = open_graph(self._folder.file("encoder.onnx"), self._threads)
        return graph(pictures=to_array(images))["latents"]

    def decode(self, latents: Array) -> list[Image.Image]:
        return to_pictures(self._decoder(latents=latents)["pictures"])

    def preview(self, latents: Array) -> list[Image.Image]:
        return self._preview(latents) if self._preview else self.decode(latents)

    def notes_on(self, description: str) -> tuple[str, ...]:
        return self._text.notes_on(description, "the painter")

    def forget(self) -> None:
        """Nothing is kept from pass to pass."""


def open_preview(folder: ModelFolder) -> LinearPreview | None:
    """None in a folder of before there was one: it decodes."""
    if PREVIEW not in folder.manifest.files:
        return None
    return LinearPreview.open(folder.file(PREVIEW), folder.manifest.latents.downscale)


def spec_of(folder: ModelFolder) -> DenoiserSpec:
    manifest = folder.manifest
    shape = manifest.denoiser
    return DenoiserSpec(
        name=manifest.name,
        version=manifest.version,
        latent_channels=manifest.latents.channels,
        downscale=manifest.latents.downscale,
        noise=shape.noise,
        shift=shape.shift,
        steps=shape.steps,
        guidance_scale=shape.guidance_scale,
        guidance_interval=shape.guidance_interval,
        sides=tuple(shape.sides),
        side=shape.sides[0],
        drafts=True,
        windowed=range(shape.sides[0] // 2, 2 * shape.sides[0] + 1, manifest.latents.downscale),
    )
