"""Which of diffusers' pipelines make pictures of prompts alone. Opens none."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields, is_dataclass
from typing import Any, get_args

# arguments of pipelines that need more than a prompt, though many say that these are optional, or give no picture
ANOTHER = frozenset(
    [
        *("image", "images", "mask_image", "control_image", "image_embeds", "image_embeddings", "reference_image"),
        *("video", "num_frames", "video_length", "frame_size", "audio_length_in_s", "audio_end_in_s"),
    ]
)


def paints_texts(name: Any) -> bool:
    """Whether this names a pipeline class that makes pictures of prompts alone, as far as its signature tells."""
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING  # imports them all: seconds

    kind = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)) or name.endswith("PriorPipeline"):
        return False
    takes = inspect.signature(kind.__call__).parameters
    needs = {k for k, p in takes.items() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    if not ({"prompt", "generator"} <= set(takes) and needs <= {"self", "prompt"} and gives_pictures(kind)):
        return False
    listed = kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values() and "Control" not in name
    return listed or not ANOTHER & set(takes)


def gives_pictures(kind: type) -> bool:
    """By the output that it declares, itself or by name; older pipelines declare none."""
    declared = inspect.signature(kind.__call__).return_annotation
    if isinstance(declared, str):
        found = [getattr(sys.modules[kind.__module__], word, None) for word in re.findall(r"\w+", declared)]
    else:
        found = [*get_args(declared), declared]
    outputs = [each for each in found if is_dataclass(each)]
    return not outputs or any(field.name == "images" for each in outputs for field in fields(each))
