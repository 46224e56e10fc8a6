"""LoRAs (Hu et al. 2021) on a diffusers pipeline: loaded once by name, worn by request. Knows no family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.paint.denoiser import Loras


def load_loras(pipe: Any, loras: Mapping[str, Path]) -> None:
    """Give the pipeline these LoRAs, worn by nobody yet. Raises ModelNotFound or ModelDamaged."""
    for name, path in loras.items():
        if not path.is_file():
            raise ModelNotFound(f"there is no LoRA file {path}: give a .safetensors file", param="loras")
        if path.suffix != ".safetensors":
            raise ModelDamaged(f"{path} is no safetensors file: others can run code and are not opened", param="loras")
        if not hasattr(pipe, "load_lora_weights"):
            raise ModelNotFound(f"a {type(pipe).__name__} wears no LoRAs: leave them out", param="loras")
        try:
            pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as failure:
            raise ModelDamaged(f"{path} does not fit this model: {failure}", param="loras") from failure
    for part in pipe.components.values():
        wear(part, ())


def text_encoders(pipe: Any) -> Iterator[Any]:
    return (part for name, part in pipe.components.items() if name.startswith("text_encoder"))


def wear(module: Any, loras: Loras) -> None:
    """Let a module use these of its LoRAs at these weights, and no others; one that has none of them uses none."""
    config = getattr(module, "peft_config", None)
    if not config:
        return
    held = [(name, weight) for name, weight in loras if name in config]
    names, weights = [name for name, _ in held], [weight for _, weight in held]
    if hasattr(module, "disable_adapters") and hasattr(module, "set_adapters"):  # diffusers' networks
        if held:
            module.set_adapters(names, weights)
            module.enable_adapters()
        else:
            module.disable_adapters()
        return
    from diffusers.loaders import lora_base  # transformers' encoders have no weights of their own for a LoRA

    if held:
        lora_base.enable_lora_for_text_encoder(module)
        lora_base.set_adapters_for_text_encoder(names, module, weights)
    else:
        lora_base.disable_lora_for_text_encoder(module)
