"""Opening a diffusers model: a local folder or a hub's by id and revision. Safetensors only, never remote code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.adding import find_model
from flashpaint.models.registry import record_of
from flashpaint.models.wanted import PICKLES, variant_of
from flashpaint.paint.diffusers.adapter import DiffusersDenoiser
from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.flux2 import Flux2
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.karlo import Karlo
from flashpaint.paint.diffusers.loras import load_loras
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sana_sprint import SanaSprint
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.diffusers.whole import WholePipeline, paints_texts
from flashpaint.paint.diffusers.zimage import ZImage

FAMILIES: tuple[type[DiffusersDenoiser], ...] = (
    *(StableDiffusion, StableDiffusionXL, PixArt, Sana, SanaSprint),
    *(Flux, Flux2, ZImage, Kandinsky, Karlo),
)
ADAPTERS = {pipeline: family for family in FAMILIES for pipeline in family.pipelines}
TRUSTED = ("diffusers", "transformers", "deprecated")  # diffusers keeps its older pipelines' parts under "deprecated"


def open_diffusers(
    model: str | Path,
    revision: str | None = None,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    loras: Mapping[str, Path] | None = None,
) -> DiffusersDenoiser | WholePipeline:
    """A Denoiser of the model's family, or where none of ours knows it, a Painter that calls its pipeline whole.

    model: a folder as diffusers saves it, an added model by name, or "owner/name" on the hub, which is added first.
    revision: of the hub, best a commit. device: "cuda", "mps", "cpu", None for the best there is. dtype: None for bf16
    on an accelerator, else float32. loras: files by the name that requests will use. Raises ModelNotFound or
    ModelDamaged before any weight is read.
    """
    folder = find_model(model, revision)
    index = checked(folder)
    name = index["_class_name"]
    device = device or best_device()
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    import diffusers

    kind = getattr(diffusers, name)
    try:
        pipe = kind.from_pretrained(
            folder,
            dtype=dtype,
            variant=variant_of(folder),
            use_safetensors=True,
            local_files_only=True,
            **without_checker(index),
        )
    except (OSError, ValueError) as failure:
        raise ModelDamaged(f"{folder}: {failure}", param="model") from failure
    known = record_of(folder)
    called, version = (known.id, known.revision) if known else (folder.name, revision or "local")
    load_loras(pipe, loras or {})
    family = ADAPTERS.get(name)
    return family(pipe.to(device), called, version) if family else WholePipeline(pipe.to(device), called, version)


def checked(folder: Path) -> dict[str, Any]:
    """model_index.json, once the folder is known to be whole, safe and of a family that we know."""
    index: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        index = json.loads((folder / "model_index.json").read_text())
    name = index.get("_class_name")
    if name is None:
        raise ModelNotFound(f"{folder} is no diffusers model: there is no model_index.json in it", param="model")
    import diffusers

    if name not in ADAPTERS and not (hasattr(diffusers, name) and paints_texts(getattr(diffusers, name))):
        raise ModelNotFound(
            f"{folder} is a {name}: flashpaint opens {', '.join(sorted(ADAPTERS))} and diffusers' other pipelines from "
            "text to picture",
            param="model",
        )
    for part, (library, _) in ((k, v) for k, v in index.items() if isinstance(v, list)):
        if library is None or part in ("safety_checker", "feature_extractor"):
            continue
        if library.split(".")[0] not in TRUSTED:
            raise ModelDamaged(f"{folder} brings code of its own ({library}), which is not run", param="model")
        files = [path.suffix for path in (folder / part).glob("*")]
        if not files:
            raise ModelDamaged(f"{folder} lacks its {part}: fetch the model again", param="model")
        if any(suffix in PICKLES for suffix in files) and ".safetensors" not in files:
            raise ModelDamaged(
                f"{folder / part} holds pickled weights, which can run code: take a revision with safetensors",
                param="model",
            )
    return index


def without_checker(index: Mapping[str, Any]) -> dict[str, Any]:
    """Stable Diffusion's picture filter is a model of its own; it is the caller's to add."""
    return {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in index else {}


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
