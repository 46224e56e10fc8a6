"""What tests share: the real embedded model, opened once, and a denoiser whose every answer is known in closed form."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from flashpaint import Studio
from flashpaint.models.folder import EMBEDDED
from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.schedule import flow_sigmas

settings.register_profile("flashpaint", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("flashpaint")


@pytest.fixture(autouse=True)
def own_memory(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the memory of whoever runs it."""
    monkeypatch.setenv("FLASHPAINT_MEMORY", str(tmp_path_factory.mktemp("memory")))


@pytest.fixture(scope="session")
def studio() -> Studio:
    return Studio.open()


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    """A copy of mini that a test may damage."""
    return Path(shutil.copytree(EMBEDDED["mini"], tmp_path / "mini"))


def heed_interrupts() -> None:
    """What a shell starts in the background inherits that Ctrl-C is ignored, and so would what a test starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class GaussianDenoiser:
    """The exact denoiser of latents drawn from N(mean, deviation^2): the posterior mean of x0 under flow noise.

    The pooled condition shifts the mean, so that guidance has something to act on.
    """

    engine = "closed form"

    def __init__(self, mean: float = 2.0, deviation: float = 0.5, interval: tuple[float, float] = (0.0, 1.0)) -> None:
        self.mean, self.deviation, self.calls = mean, deviation, list[int]()
        self.spec = DenoiserSpec(
            name="gaussian",
            version="1",
            steps=8,
            guidance_scale=1.0,
            sides=(64, 96),
            side=64,
            latent_channels=4,
            downscale=16,
            noise="flow",
            guidance_interval=interval,
        )

    def condition(self, descriptions: Sequence[str], guidance_scales: Sequence[float], loras: Any = ()) -> Conditioning:
        pooled = np.array([[len(d) / 10] for d in descriptions], np.float32)
        return Conditioning({"pooled": pooled})

    def null(self, conditioning: Conditioning) -> Conditioning:
        return conditioning.silent()

    def sigmas(self, steps: int, width: int, height: int) -> Any:
        return flow_sigmas(steps)

    def hold(self, array: Any) -> Any:
        return array

    def denoise(self, latents: Any, sigmas: Any, conditioning: Conditioning) -> Any:
        self.calls.append(len(latents))
        s, m = sigmas.reshape(-1, 1, 1, 1), self.mean + conditioning.arrays["pooled"].reshape(-1, 1, 1, 1)
        gain = self.deviation**2 * (1 - s) / (self.deviation**2 * (1 - s) ** 2 + s**2)
        return (m + gain * (latents - (1 - s) * m)).astype(np.float32)

    def encode(self, images: Sequence[Image.Image]) -> Any:
        raise NotImplementedError

    def decode(self, latents: Any) -> list[Image.Image]:
        return [Image.new("RGB", (row.shape[2] * 16, row.shape[1] * 16)) for row in latents]

    def preview(self, latents: Any) -> list[Image.Image]:
        return self.decode(latents)

    def notes_on(self, description: str) -> tuple[str, ...]:
        return ()

    def forget(self) -> None:
        pass


@pytest.fixture
def gaussian() -> GaussianDenoiser:
    return GaussianDenoiser()
