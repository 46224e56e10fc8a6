"""Opening a diffusers model: a local folder or a hub's by id and revision. Safetensors only, never remote code."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.adding import find_model
from flashpaint.models.registry import record_of
from flashpaint.models.wanted import INDEX, PICKLES, variant_of
from flashpaint.paint.diffusers.adapter import DiffusersDenoiser
from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.flux2 import Flux2
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.karlo import Karlo
from flashpaint.paint.diffusers.kinds import paints_texts
from flashpaint.paint.diffusers.loras import load_loras
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sana_sprint import SanaSprint
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.sdxl import StableDiffusionXL
from flashpaint.paint.diffusers.whole import WholePipeline
from flashpaint.paint.diffusers.zimage import ZImage

FAMILIES: tuple[type[DiffusersDenoiser], ...] = (
    *(StableDiffusion, StableDiffusionXL, PixArt, Sana, SanaSprint),
    *(Flux, Flux2, ZImage, Kandinsky, Karlo),
)
ADAPTERS = {pipeline: family for family in FAMILIES for pipeline in family.pipelines}
DECODER, PRIOR = "KandinskyV22Pipeline", "kandinsky-community/kandinsky-2-2-prior"


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
    device = device or best_device()
    dtype = dtype or (torch.float32 if device == "cpu" else torch.bfloat16)
    pipe = loaded(folder, index, dtype)
    if index["_class_name"] == DECODER:
        pipe = with_prior(pipe, folder, dtype)
    known = record_of(folder)
    called, version = (known.id, known.revision) if known else (folder.name, revision or "local")
    load_loras(pipe, loras or {})
    family = ADAPTERS.get(index["_class_name"])
    return family(pipe.to(device), called, version) if family else WholePipeline(pipe.to(device), called, version)


def loaded(folder: Path, index: Mapping[str, Any], dtype: torch.dtype) -> Any:
    """The pipeline of a checked folder. Raises ModelDamaged."""
    import diffusers

    try:
        return getattr(diffusers, index["_class_name"]).from_pretrained(
            folder,
            dtype=dtype,
            variant=variant_of(folder),
            use_safetensors=True,
            local_files_only=True,
            **without_checker(index),
        )
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ImportError, RuntimeError) as failure:
        raise ModelDamaged(f"{folder}: {failure}", param="model") from failure


def with_prior(decoder: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Kandinsky 2.2 is published in two models, of which the decoder's README names the prior."""
    from diffusers import KandinskyV22CombinedPipeline
    from huggingface_hub import ModelCard

    readme = folder / "README.md"
    named = ModelCard.load(readme).data.to_dict().get("prior") if readme.is_file() else None
    found = find_model(named[0] if isinstance(named, list) and named else PRIOR)
    index = index_of(found)
    if index["_class_name"] != "KandinskyV22PriorPipeline":
        raise ModelNotFound(f"{folder} needs the prior of Kandinsky 2.2, and {found} is another model", param="model")
    check_parts(found, index)
    parts = loaded(found, index, dtype).components
    return KandinskyV22CombinedPipeline(  # type: ignore[no-untyped-call]
        **decoder.components, **{f"prior_{name}": part for name, part in parts.items()}
    )


def checked(folder: Path) -> dict[str, Any]:
    """model_index.json, once the folder is known to be whole, safe and of a family that we know."""
    index = index_of(folder)
    name = index["_class_name"]
    if not isinstance(name, str):
        raise ModelDamaged(f"{folder} brings a pipeline of its own ({name}), whose code is not run", param="model")
    if name not in ADAPTERS and not paints_texts(name):
        raise ModelNotFound(
            f"{folder} is a {name}: flashpaint opens {', '.join(sorted(ADAPTERS))} and diffusers' other pipelines from "
            "text to picture",
            param="model",
        )
    check_parts(folder, index)
    return index


def index_of(folder: Path) -> dict[str, Any]:
    found: Any = None
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((folder / INDEX).read_text())
    if not isinstance(found, dict) or "_class_name" not in found:
        raise ModelNotFound(f"{folder} is no diffusers model: there is no {INDEX} in it", param="model")
    return found


def check_parts(folder: Path, index: Mapping[str, Any]) -> None:
    """Raise ModelDamaged where a part is missing, of other code than diffusers' and transformers', or pickled."""
    for part, named in ((k, v) for k, v in index.items() if isinstance(v, list)):
        library = named[0] if named else None
        if library is None or part in ("safety_checker", "feature_extractor"):
            continue
        if not is_trusted(library):
            raise ModelDamaged(f"{folder} brings code of its own ({library}), which is not run", param="model")
        files = [path.suffix for path in (folder / part).glob("*")]
        if not files:
            raise ModelDamaged(f"{folder} lacks its {part}: fetch the model again", param="model")
        if any(suffix in PICKLES for suffix in files) and ".safetensors" not in files:
            raise ModelDamaged(
                f"{folder / part} holds pickled weights, which can run code: take a revision with safetensors",
                param="model",
            )


def is_trusted(library: Any) -> bool:
    """diffusers, transformers, or one of the modules that diffusers keeps its pipelines in, by its name alone."""
    if not isinstance(library, str):
        return False
    return library in ("diffusers", "transformers") or isinstance(module_of(library), ModuleType)


def module_of(library: str) -> Any:
    """diffusers' module of pipelines of this name, put back where it was if it has been moved since."""
    from diffusers import pipelines

    if not hasattr(pipelines, library) and isinstance(old := getattr(pipelines.deprecated, library, None), ModuleType):
        setattr(pipelines, library, old)  # models saved before (Karlo) name the old place
    return getattr(pipelines, library, None)


def without_checker(index: Mapping[str, Any]) -> dict[str, Any]:
    """Stable Diffusion's picture filter is a model of its own; it is the caller's to add."""
    return {"safety_checker": None, "requires_safety_checker": False} if "safety_checker" in index else {}


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
