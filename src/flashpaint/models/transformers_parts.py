"""The parts of a transformers folder: nothing fetched, no code run, no pickle read, no weight left to chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from flashpaint.models.transformers_folder import opening

auto: Any = transformers  # its Auto classes are typed for no caller
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def is_encoder_decoder(folder: Path) -> bool:
    """By its config.json; older ones leave to their family to say so."""
    return bool(opening(folder, lambda: auto.AutoConfig.from_pretrained(folder, **LOCAL)).is_encoder_decoder)


def open_words(folder: Path) -> Any:
    """The tokenizer. Raises ModelDamaged."""
    return opening(folder, lambda: auto.AutoTokenizer.from_pretrained(folder, **LOCAL))


def open_model(folder: Path, kind: Any, dtype: torch.dtype = torch.float32) -> Any:
    """kind: one of transformers' Auto classes. Raises ModelDamaged."""
    return opening(folder, lambda: whole(kind, folder, dtype=dtype)).eval()


def whole(kind: Any, folder: str | Path, **settings: Any) -> Any:
    """Raises ValueError where the files lack weights: transformers would fill them with chance."""
    model, found = kind.from_pretrained(folder, use_safetensors=True, output_loading_info=True, **LOCAL, **settings)
    if found["missing_keys"]:
        raise ValueError(f"it lacks {min(found['missing_keys'])} and {len(found['missing_keys']) - 1} other weights")
    return model
