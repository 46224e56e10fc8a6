"""Which files of a model are taken: safetensors of one variant, configurations, tokenizers. Reads no file.

Names come from a hub or a stranger's folder: whatever is not a plain name, at most one folder deep, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from flashpaint.errors import ModelDamaged, ModelNotFound, RequestInvalid

Kind = Literal["diffusers", "transformers"]

INDEX = "model_index.json"  # a diffusers model has it, and names its parts in it
TEXTS = ("*.json", "*.txt", "*.model", "*.jinja")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
UNUSED = ("safety_checker",)  # a model of its own, which we do not open
HALF, FULL = "fp16", "full"

_PLAIN = re.compile(r"[A-Za-z0-9_][\w.\-]*")
_WEIGHTS = re.compile(
    r"(?:model|diffusion_pytorch_model)(?:\.(?P<variant>\w+))?(?:-\d+-of-\d+)?(?:\.(?P<late>\w+))?\.safetensors"
)
_SHARDS = re.compile(r"(?:model|diffusion_pytorch_model)\.safetensors\.index(?:\.(?P<variant>\w+))?\.json")


def kind_of(names: Iterable[str], model: str) -> Kind:
    """Raises ModelNotFound where it is neither kind."""
    found = set(names)
    if INDEX in found:
        return "diffusers"
    if "config.json" in found:
        return "transformers"
    raise ModelNotFound(
        f"{model} holds neither {INDEX} (diffusers) nor config.json (transformers): name a model in one of these forms",
        param="model",
    )


def parts_of(index: Mapping[str, Any]) -> list[str]:
    """The folders that a model_index.json names and that we open."""
    named = (name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None)
    return [name for name in named if name not in UNUSED and _PLAIN.fullmatch(name)]


def wanted(names: Iterable[str], parts: Iterable[str] | None, variant: str | None, model: str) -> dict[str, str]:
    """The files to take -> the variant of each ("" for those that are no weights).

    parts: of a diffusers model, None for a transformers model, which is all in one folder. variant: "fp16", "full" or
    the hub's own word; None for fp16 where there is one, else full. A part that lacks the variant gives its full one.
    Raises ModelDamaged (no safetensors, no such part) or RequestInvalid (no part has the variant).
    """
    inside = _by_folder(names)
    folders = [""] if parts is None else list(parts)
    there = {v for folder in folders for v in _variants(inside.get(folder, []))}
    if variant is not None and variant not in there and there:
        raise RequestInvalid(f"{model} has no variant {variant!r}: it has {', '.join(sorted(there))}", param="variant")
    taken = dict.fromkeys((n for n in inside.get("", []) if parts is not None and _is_text(n)), "")
    for folder in folders:
        if not inside.get(folder):
            raise ModelDamaged(f"{model} lacks its {folder}: take another revision", param="model")
        for name, of in _of_part(inside[folder], variant, f"{model}/{folder}".rstrip("/")).items():
            taken[f"{folder}/{name}" if folder else name] = of
    if not any(taken.values()):
        raise _unsafe(model, inside.get("", []))
    return taken


def variant_of(folder: Path) -> str | None:
    """What diffusers must be told so that it finds a folder's weights: None where every part has full ones."""
    names = [path.relative_to(folder).as_posix() for path in folder.glob("*/*.safetensors")]
    parts = [found for files in _by_folder(names).values() if (found := _variants(files))]
    return next((min(found) for found in parts if FULL not in found), None)


def _of_part(files: list[str], variant: str | None, part: str) -> dict[str, str]:
    there = _variants(files)
    if not there and any(PurePosixPath(name).suffix in PICKLES for name in files):
        raise _unsafe(part, files)
    chosen = _choice(there, variant)
    taken = {name: chosen for name in files if _variant(name) == chosen}
    return taken | dict.fromkeys((n for n in files if _is_text(n) and _shards_of(n) in (None, chosen)), "")


def _choice(there: set[str], variant: str | None) -> str:
    for choice in (variant or HALF, FULL):
        if choice in there:
            return choice
    return min(there, default="")


def _unsafe(part: str, files: list[str]) -> ModelDamaged:
    pickled = any(PurePosixPath(name).suffix in PICKLES for name in files)
    why = "holds only pickled weights, which can run code" if pickled else "holds no weights"
    return ModelDamaged(f"{part} {why}: take a revision or a copy with safetensors", param="model")


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    """Plain names by their folder, "" for the top."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        pieces = name.split("/")
        if len(pieces) <= 2 and all(_PLAIN.fullmatch(piece) for piece in pieces):
            found.setdefault("/".join(pieces[:-1]), []).append(pieces[-1])
    return found


def _variants(files: Iterable[str]) -> set[str]:
    return {variant for name in files if (variant := _variant(name))}


def _variant(name: str) -> str | None:
    """Of a file of weights; None for all else, such as single-file checkpoints beside the parts."""
    found = _WEIGHTS.fullmatch(name)
    return (found["variant"] or found["late"] or FULL) if found else None


def _shards_of(name: str) -> str | None:
    """The variant whose shards this file lists; None where it lists none."""
    found = _SHARDS.fullmatch(name)
    return (found["variant"] or FULL) if found else None


def _is_text(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in TEXTS)
