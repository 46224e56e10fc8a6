"""Opens tellers: the one place of `tell` that knows the implementations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flashpaint.errors import ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.tell.mini import MiniTeller
from flashpaint.tell.teller import Sight, Teller, Telling


class SilentTeller:
    """Says nothing: the prompt is painted as it is."""

    concepts = 0

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        return [Telling("", "there is no teller: the prompt itself is painted")] * len(prompts)


def open_teller(teller: str | Path, folder: ModelFolder, threads: int | None = None) -> Teller:
    """ "mini" for the model folder's own, "none", http://HOST/v1#MODEL of an OpenAI-compatible chat endpoint, or a
    language model of the field: a transformers folder, an added model or a hub's owner/name."""
    name = str(teller)
    if name == "mini":
        return MiniTeller(folder, threads)
    if name == "none":
        return SilentTeller()
    if name.startswith(("http://", "https://")):
        from flashpaint.tell.endpoint import EndpointTeller

        url, _, model = name.partition("#")
        return EndpointTeller(url, model)
    try:
        from flashpaint.models.transformers_folder import find_transformers
        from flashpaint.tell.chat import ChatTeller
        from flashpaint.tell.seq2seq import Seq2SeqTeller
    except ImportError as missing:
        raise ModelNotFound(
            f"{name} needs PyTorch and transformers ({missing}): pip install 'flashpaint[torch]'", param="teller"
        ) from missing
    path, config = find_transformers(teller)
    return Seq2SeqTeller(path, threads=threads) if config.get("is_encoder_decoder") else ChatTeller(path)
