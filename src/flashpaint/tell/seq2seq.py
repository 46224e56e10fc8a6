"""T5, BART and their like as describers, with beams as the plain recipe has them. Needs the extra "torch".

They run in CTranslate2, converted once into the cache folder; in transformers where CTranslate2 does not know them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from flashpaint.models.cache import cache_folder
from flashpaint.models.transformers_folder import find_transformers, opening
from flashpaint.tell.check import checked
from flashpaint.tell.instruction import source_of
from flashpaint.tell.teller import Sight, Telling

auto: Any = transformers  # its Auto classes are typed for no caller
log = logging.getLogger(__name__)


class Seq2SeqTeller:
    """beams, max_tokens: of the search, which stops early; compute: CTranslate2's arithmetic ("int8", "float32")."""

    concepts = 5

    def __init__(
        self,
        model: str | Path,
        beams: int = 5,
        max_tokens: int = 50,
        threads: int | None = None,
        compute: str = "int8",
    ) -> None:
        folder, _ = find_transformers(model)
        self.beams, self.max_tokens = beams, max_tokens
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        self.words = opening(folder, lambda: auto.AutoTokenizer.from_pretrained(folder, **local))
        self.engine: CTranslate2Engine | TransformersEngine
        converted = converted_once(folder, compute)
        if converted is None:
            self.engine = opening(folder, lambda: TransformersEngine(folder))
        else:
            self.engine = CTranslate2Engine(converted, self.words, threads)

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        sources = [source_of(prompt, sight) for prompt, sight in zip(prompts, sights, strict=True)]
        lines = [self.words(text, truncation=True).input_ids for text in sources]
        said = self.engine.generate(lines, self.beams, self.max_tokens)
        texts = [self.words.decode(ids, skip_special_tokens=True) for ids in said]
        return [checked(text, prompt) for text, prompt in zip(texts, prompts, strict=True)]


class CTranslate2Engine:
    def __init__(self, folder: Path, words: Any, threads: int | None) -> None:
        import ctranslate2

        self.words = words
        self.translator = ctranslate2.Translator(
            str(folder), device="cpu", compute_type="default", inter_threads=1, intra_threads=threads or 0
        )

    def generate(self, lines: Sequence[list[int]], beams: int, max_tokens: int) -> list[list[int]]:
        """Token ids out for token ids in."""
        sources = [self.words.convert_ids_to_tokens(ids) for ids in lines]
        found = self.translator.translate_batch(sources, beam_size=beams, max_decoding_length=max_tokens)
        return [self.words.convert_tokens_to_ids(result.hypotheses[0]) for result in found]


class TransformersEngine:
    def __init__(self, folder: Path) -> None:
        self.model: Any = auto.AutoModelForSeq2SeqLM.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, trust_remote_code=False
        ).eval()

    @torch.no_grad()
    def generate(self, lines: Sequence[list[int]], beams: int, max_tokens: int) -> list[list[int]]:
        """One line after the other, so that none is padded."""
        settings = {"num_beams": beams, "max_length": max_tokens, "early_stopping": beams > 1, "do_sample": False}
        settings["min_new_tokens"] = 1  # as in CTranslate2: a description that says nothing is none
        return [self.model.generate(torch.tensor([ids]), **settings)[0].tolist() for ids in lines]


def converted_once(folder: Path, compute: str) -> Path | None:
    """The model in CTranslate2's form, made at the first need; None where it cannot be made or kept."""
    cache = cache_folder()
    if cache is None:
        return None
    target = cache / "ctranslate2" / f"{folder.name}-{fingerprint(folder)}-{compute}"
    if (target / "model.bin").exists():
        return target
    from ctranslate2.converters import TransformersConverter

    partial = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        TransformersConverter(str(folder)).convert(str(partial), quantization=compute, force=True)
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
