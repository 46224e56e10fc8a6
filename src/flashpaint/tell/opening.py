"""Opens tellers: the one place of `tell` that knows the implementations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flashpaint.errors import ModelNotFound, OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.tell.mini import MiniTeller
from flashpaint.tell.teller import Sight, Teller, Telling

OWN_THREADS = 1  # of mini's teller: so small that a second one, waited for at every product, costs more than it brings


class SilentTeller:
    """Says nothing: the prompt is painted as it is."""

    name = "none"
    concepts = 0

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        return [Telling("", "there is no teller: the prompt itself is painted")] * len(prompts)


def open_teller(
    teller: str | Path, folder: ModelFolder, threads: int | None = None, seen: tuple[str, int] | None = None
) -> Teller:
    """ "mini" for the model folder's own, another folder of mini's type, "none", http://HOST/v1#MODEL of an
    OpenAI-compatible chat endpoint, or a language model of the field: a transformers folder, an added model or a hub's
    owner/name, both with @revision if need be; or the folder of a prefix that names one of these.

    seen: name and dim of the seer whose z it will be shown, for tellers that read z.
    """
    name = str(teller)
    if name == "mini":
        return MiniTeller(folder, OWN_THREADS)
    if name == "none":
        return SilentTeller()
    if name.startswith(("http://", "https://")):
        from flashpaint.tell.endpoint import EndpointTeller

        url, _, model = name.partition("#")
        return EndpointTeller(url, model)
    if (Path(teller) / "manifest.json").is_file():
        return open_mini(Path(teller), seen)
    return open_local(teller, threads, seen)


def open_mini(path: Path, seen: tuple[str, int] | None) -> Teller:
    folder = ModelFolder.open(path)
    whose = (folder.title, folder.manifest.clip.dim)
    if seen not in (None, whose):
        raise OutOfRange(
            f"the teller of {path} reads the codes of its own clip, {whose[0]}: name it as --seer too", param="teller"
        )
    return MiniTeller(folder, OWN_THREADS)


def open_local(teller: str | Path, threads: int | None, seen: tuple[str, int] | None) -> Teller:
    try:
        from flashpaint.models.transformers_folder import find_transformers
        from flashpaint.models.transformers_parts import is_encoder_decoder
        from flashpaint.tell.chat import ChatTeller
        from flashpaint.tell.prefix import read_card
        from flashpaint.tell.seq2seq import Seq2SeqTeller
    except ImportError as missing:
        raise ModelNotFound(
            f"{teller} needs PyTorch and transformers ({missing}): pip install 'flashpaint[torch]'", param="teller"
        ) from missing
    prefix = Path(teller)
    card = read_card(prefix)
    apart = card is not None and bool(card.teller)
    path, _ = find_transformers(card.teller if card is not None and apart else teller)
    if is_encoder_decoder(path):
        return Seq2SeqTeller(path, threads=threads, prefix=prefix if apart else None, seen=seen)
    if card is not None:
        raise OutOfRange(f"{prefix} is a prefix, which only an encoder reads, and {path} has none", param="teller")
    return ChatTeller(path)
