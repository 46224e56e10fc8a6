"""`--fast off|balanced|max`: what each level does to a diffusers model, and what it costs. Knows no family.

off       the network as PyTorch runs it: float32 on a CPU, bfloat16 on an accelerator
balanced  on a CPU: the network in OpenVINO, in the processor's fastest precision (pictures alike, not equal)
          on an accelerator: channels last, repeated blocks compiled; decoding in tiles above 1,024 pixels
max       balanced, and on an accelerator: weights in int8 (torchao), and for transformers the first-block cache, which
          skips the rest of the network where the first block hardly changes; pictures then go one a pass
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import FirstBlockCacheConfig

from flashpaint.errors import ModelNotFound, OutOfRange
from flashpaint.models.graphs import fastest_precision
from flashpaint.paint.diffusers.openvino import OpenVinoNetwork

if TYPE_CHECKING:
    from flashpaint.paint.diffusers.adapter import DiffusersDenoiser

LEVELS = ("off", "balanced", "max")
CACHE_THRESHOLD = 0.08  # relative change of the first block's output below which the rest is taken from the last pass


def check_level(level: str) -> None:
    if level not in LEVELS:
        raise OutOfRange(f"fast is {level!r}: name one of {', '.join(LEVELS)}", param="fast")


def speed_up(denoiser: DiffusersDenoiser, level: str) -> int | None:
    """Bring the denoiser's network to this level; how many pictures may then share a pass, None for what pays."""
    check_level(level)
    if level == "off":
        return None
    if denoiser.device.type == "cpu":
        if not denoiser.traceable:
            raise OutOfRange(f"{denoiser.spec.name} does not run in OpenVINO: leave fast off on a CPU", param="fast")
        denoiser.network = OpenVinoNetwork(denoiser.network)
        denoiser.engine = f"openvino {fastest_precision()} cpu"
        return None
    if hasattr(denoiser.vae, "use_tiling"):  # others have the method, and refuse
        denoiser.vae.enable_tiling()
    on_accelerator(denoiser.network, level)
    return 1 if level == "max" and cache(denoiser) else None


def on_accelerator(network: Any, level: str) -> None:
    """Channels last where there are convolutions, int8 weights at max, and the repeated blocks compiled."""
    network.to(memory_format=torch.channels_last)
    if level == "max":
        quantise(network)
    repeated = getattr(network, "_repeated_blocks", None) or ()
    if any(type(block).__name__ in repeated for block in network.modules()):  # a class may name what this one lacks
        network.compile_repeated_blocks(dynamic=True)


def quantise(network: Any) -> None:
    """Weights of the linear layers in int8, arithmetic as before."""
    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError as missing:
        raise ModelNotFound(
            f"--fast max keeps weights in int8 through torchao ({missing}): pip install torchao", param="fast"
        ) from missing
    quantize_(network, Int8WeightOnlyConfig())


def cache(denoiser: DiffusersDenoiser, threshold: float = CACHE_THRESHOLD) -> bool:
    """Switch the first-block cache on (diffusers' form of TeaCache, Liu et al. 2024); False where it cannot be."""
    try:
        denoiser.network.enable_cache(FirstBlockCacheConfig(threshold=threshold))  # type: ignore[no-untyped-call]
    except (AttributeError, ValueError, KeyError):  # a U-Net has no such blocks
        return False
    denoiser.cached = True
    return True
