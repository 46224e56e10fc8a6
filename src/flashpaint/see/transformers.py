"""CLIP models of the field, opened with transformers: CLIP, SigLIP, Chinese CLIP, AltCLIP. Needs the extra "torch"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image

from flashpaint.errors import ModelNotFound
from flashpaint.models.transformers_folder import find_transformers, opening, unread_by
from flashpaint.models.transformers_parts import LOCAL, auto, open_model, open_words

FAMILIES = ("clip", "siglip", "siglip2", "chinese_clip", "altclip")


class TransformersSeer:
    """A two-tower model of a transformers folder. batch: how many texts or pictures share a pass."""

    def __init__(self, model: str | Path, revision: str | None = None, batch: int = 32) -> None:
        folder, config = find_transformers(model, revision)
        if config["model_type"] not in FAMILIES:
            raise ModelNotFound(
                f"{folder} is a {config['model_type']}, which does not see texts and pictures in one space: name a "
                f"{', '.join(FAMILIES)} model",
                param="seer",
            )
        self.name, self.batch = folder.name, batch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = open_model(folder, auto.AutoModel).to(self.device)  # in float32, in which features are compared
        self.words = open_words(folder)
        self.eyes: Any = opening(folder, lambda: auto.AutoImageProcessor.from_pretrained(folder, **LOCAL))
        text = self.model.config.text_config
        # RoBERTa's positions begin after the padding's
        positions = text.max_position_embeddings - (2 if text.model_type.startswith("altclip") else 0)
        self.context = min(positions, self.words.model_max_length)
        # SigLIP was trained on texts that fill its context
        self.padding = "max_length" if config["model_type"].startswith("siglip") else True
        self.dim: int = self.see_text(["a"]).shape[1]

    @torch.no_grad()
    def see_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = []
        for k in range(0, len(texts), self.batch):
            read = self.words(
                list(texts[k : k + self.batch]),
                padding=self.padding,
                truncation=True,
                max_length=self.context,
                return_tensors="pt",
            ).to(self.device)
            rows.append(self.model.get_text_features(**read))
        return unit(rows)

    @torch.no_grad()
    def see_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        rows = []
        for k in range(0, len(images), self.batch):
            read = self.eyes(images=[i.convert("RGB") for i in images[k : k + self.batch]], return_tensors="pt")
            rows.append(self.model.get_image_features(**read.to(self.device)))
        return unit(rows)

    def notes_on(self, text: str) -> tuple[str, ...]:
        return unread_by(self.name, self.words, text, self.context)


def unit(rows: Sequence[Any]) -> NDArray[np.float32]:
    """(n, dim) of length 1; older and newer transformers answer with the features or with an output that holds them."""
    features = torch.cat([getattr(row, "pooler_output", row) for row in rows]).float()
    found: NDArray[np.float32] = F.normalize(features, dim=-1).cpu().numpy()
    return found
