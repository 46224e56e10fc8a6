"""A transformers folder in CTranslate2's form: made at the first need and kept in the cache folder, whole or not at
all."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

from ctranslate2.converters import TransformersConverter

from flashpaint.models.cache import cache_folder
from flashpaint.models.transformers_parts import whole

log = logging.getLogger(__name__)


class WholeConverter(TransformersConverter):  # type: ignore[misc]
    def load_model(self, model_class: Any, model_name_or_path: str, **settings: Any) -> Any:
        return whole(model_class, model_name_or_path, **settings)


def converted_once(folder: Path, compute: str) -> Path | None:
    """None where it cannot be made or kept."""
    cache = cache_folder()
    if cache is None:
        return None
    target = cache / "ctranslate2" / f"{folder.name}-{fingerprint(folder)}-{compute}"
    if (target / "model.bin").exists():
        return target
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        WholeConverter(str(folder)).convert(str(partial), quantization=compute, force=True)
        partial.rename(target)
    except Exception as failure:  # a family it does not know, a full disk, another process that was first
        log.warning("%s runs in transformers: CTranslate2 could not take it (%s)", folder.name, failure)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target if (target / "model.bin").exists() else None


def fingerprint(folder: Path) -> str:
    """Of the files' names, sizes and times: another download is another model."""
    stats = ((path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file())
    said = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    return hashlib.sha256(said.encode()).hexdigest()[:12]
