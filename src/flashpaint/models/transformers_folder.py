"""A folder as transformers saves it: found, and known to be whole and safe before a weight is read. Loads no engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.adding import find_model
from flashpaint.models.wanted import PICKLES

Opened = TypeVar("Opened")


def find_transformers(model: str | Path, revision: str | None = None) -> tuple[Path, dict[str, Any]]:
    """The folder and its config.json. Raises ModelNotFound or ModelDamaged."""
    folder = find_model(model, revision)
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as failure:
        raise ModelNotFound(
            f"{folder} is no transformers model: there is no config.json in it that can be read", param="model"
        ) from failure
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ModelNotFound(f"{folder / 'config.json'} names no model_type: is it a transformers model?", param="model")
    suffixes = {path.suffix for path in folder.iterdir()}
    if ".safetensors" not in suffixes:
        if suffixes & set(PICKLES):
            raise ModelDamaged(
                f"{folder} holds pickled weights, which can run code: take a revision with safetensors", param="model"
            )
        raise ModelDamaged(f"{folder} holds no weights: fetch the model again", param="model")
    return folder, config


def opening(folder: Path, open_it: Callable[[], Opened]) -> Opened:
    """What `open_it` opens in the folder; whatever transformers says of torn or foreign files as ModelDamaged."""
    try:
        return open_it()
    except ImportError as missing:
        raise ModelNotFound(
            f"{folder} needs more than is installed ({missing}): pip install 'flashpaint[torch]'", param="model"
        ) from missing
    except Exception as failure:  # safetensors' and tokenizers' own errors have no base that can be named here
        raise ModelDamaged(f"{folder} cannot be opened ({failure}): fetch the model again", param="model") from failure


def unread_by(reader: str, tokenizer: Any, text: str, context: int) -> tuple[str, ...]:
    """Says where a reader of so many tokens, marks of begin and end included, stops before the text's end."""
    ids, limit = tokenizer(text, add_special_tokens=False).input_ids, context - tokenizer.num_special_tokens_to_add()
    if len(ids) <= limit:
        return ()
    unread = tokenizer.decode(ids[limit:]).strip()
    return (f"{reader} reads the first {limit} of {len(ids)} tokens: it did not read “{unread}”",)
