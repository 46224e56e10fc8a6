"""z as a prefix of embeddings that an encoder reads before the prompt (ClipCap, Mokady et al. 2021). Needs the extra
"torch". Knows no language model but the width of its embeddings.

A folder holds prefix.safetensors and prefix.json: beside a model's own files, or apart, where it names the model.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from flashpaint.errors import ModelDamaged, OutOfRange

CARD, WEIGHTS = "prefix.json", "prefix.safetensors"


class Card(BaseModel):
    """seer, dim: whose features it was trained on, and their size. width: of the embeddings; length: how many it makes.
    form: the language model reads the bare "prompt", or the "request" with neighbours and concepts. teller: the folder
    or id of the language model, "" for the folder that the prefix lies in.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    seer: str
    dim: PositiveInt
    width: PositiveInt
    length: PositiveInt = 4
    form: Literal["prompt", "request"] = "request"
    teller: str = ""


class Prefix(nn.Module):
    """z (n, dim) of length 1 -> (n, length, width), in the scale of the embeddings `beside` which they are read."""

    def __init__(self, card: Card, beside: float = 1.0) -> None:
        super().__init__()
        self.card = card
        self.map = nn.Linear(card.dim, card.length * card.width)
        nn.init.normal_(self.map.weight, std=beside / card.dim**0.5)
        nn.init.zeros_(self.map.bias)

    def forward(self, z: Tensor) -> Tensor:
        mapped: Tensor = self.map(z * self.card.dim**0.5)  # features near 1, as optimisers expect them
        return mapped.reshape(len(z), self.card.length, self.card.width)


def read_card(folder: Path) -> Card | None:
    """None where the folder holds no prefix. Raises ModelDamaged."""
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        return Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as failure:
        raise ModelDamaged(f"{path} cannot be read ({failure}): make the prefix again", param="teller") from failure


def open_prefix(folder: Path, card: Card, seer: str, dim: int, width: int) -> Prefix:
    """Raises OutOfRange where it was made for another seer or language model, ModelDamaged where it is torn."""
    if (card.seer, card.dim) != (seer, dim):
        raise OutOfRange(
            f"{folder / CARD} reads the {card.dim} features of {card.seer}, not the {dim} of {seer}: name --seer "
            f"{card.seer}, or a teller without a prefix",
            param="teller",
        )
    if card.width != width:
        raise OutOfRange(
            f"{folder / CARD} is made for embeddings of width {card.width}, this language model's are {width} wide: "
            "name the one it was trained with",
            param="teller",
        )
    prefix = Prefix(card)
    try:
        prefix.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError) as failure:
        raise ModelDamaged(
            f"{folder / WEIGHTS} cannot be opened ({failure}): make the prefix again", param="teller"
        ) from failure
    return prefix.eval().requires_grad_(False)


def save_prefix(prefix: Prefix, folder: Path) -> None:
    """Each file whole or not at all; the card last, without which there is no prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{WEIGHTS}.partial"
    save_file({name: value.contiguous() for name, value in prefix.state_dict().items()}, partial)
    os.replace(partial, folder / WEIGHTS)
    partial = folder / f"{CARD}.partial"
    partial.write_text(prefix.card.model_dump_json(indent=1) + "\n", "utf-8")
    os.replace(partial, folder / CARD)


def with_prefix(prefixes: Tensor | None, embeds: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """prefixes (n, length, width), embeds (n, t, width), mask (n, t) -> both with the prefixes in front."""
    if prefixes is None:
        return embeds, mask
    seen = torch.ones(prefixes.shape[:2], dtype=mask.dtype, device=mask.device)
    return torch.cat([prefixes.to(embeds), embeds], 1), torch.cat([seen, mask], 1)
