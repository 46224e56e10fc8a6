"""SANA-Sprint (Chen et al. 2025): SANA distilled to one to four steps, a consistency model that reads its guidance.

It was trained in TrigFlow (Lu & Song 2025): y = cos(t) x0 + sin(t) noise. Divided by sin(t) + cos(t), that is a flow's
x at sigma = sin(t) / (sin(t) + cos(t)), which is also what its network sees, and its answer is a flow's velocity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flashpaint.paint.denoiser import Conditioning, DenoiserSpec
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.painter import CHOICES

MIDDLE = 1.3  # where the second of two steps begins, which its authors found best


class SanaSprint(Sana):
    """Its SCM sampler, x0 with fresh noise at each level, is `lcm`."""

    pipelines: ClassVar[tuple[str, ...]] = ("SanaSprintPipeline",)

    def describe(self, name: str, version: str) -> DenoiserSpec:
        return replace(
            super().describe(name, version),
            steps=2,
            sampler="lcm",
            reads_guidance=True,
            heeds=CHOICES - {"negative"},
        )

    def read(self, descriptions: Sequence[str], guidance_scales: Sequence[float]) -> dict[str, Tensor]:
        scales = torch.tensor(list(guidance_scales)).float().to(self.device)
        return {**self.encoded(list(descriptions), self.instruction), "guidance": scales}

    def empty(self) -> Conditioning:
        return self.condition([""], [1.0])

    @torch.no_grad()
    def encoded(self, texts: list[str], instruction: list[str] | None) -> dict[str, Tensor]:
        states, mask = self.pipe.encode_prompt(texts, device=self.device, complex_human_instruction=instruction)
        return {"states": states, "mask": mask}

    def sigmas(self, steps: int, width: int, height: int) -> NDArray[np.float32]:
        t = np.array([np.pi / 2, MIDDLE, 0]) if steps == 2 else np.linspace(np.pi / 2, 0, steps + 1)
        return np.asarray(np.sin(t) / (np.sin(t) + np.cos(t)), np.float32)

    def told(self, sigmas: Tensor, conditioning: Conditioning) -> dict[str, Any]:
        scale = self.network.config.guidance_embeds_scale
        return {"timestep": sigmas.flatten(), "guidance": scale * conditioning.arrays["guidance"]}
