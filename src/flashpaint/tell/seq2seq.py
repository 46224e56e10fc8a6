"""T5, BART and their like as describers, with beams as the plain recipe has them. Needs the extra "torch".

They run in CTranslate2, converted once; in transformers where CTranslate2 does not know them, or where z is read as a
prefix of embeddings, which only transformers takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flashpaint.errors import OutOfRange
from flashpaint.models.transformers_folder import find_transformers
from flashpaint.models.transformers_parts import auto, open_model, open_words
from flashpaint.tell.check import checked
from flashpaint.tell.converted import converted_once
from flashpaint.tell.instruction import source_of
from flashpaint.tell.prefix import Prefix, open_prefix, read_card, with_prefix
from flashpaint.tell.teller import Sight, Telling

Lines = Sequence[list[int]]


class Seq2SeqTeller:
    """beams, max_tokens: of the search, which stops early. compute: CTranslate2's arithmetic ("int8", "float32").
    prefix: the folder of one, None for the model's own, if it has any; seen: name and dim of the seer it must fit."""

    concepts = 5

    def __init__(
        self,
        model: str | Path,
        beams: int = 5,
        max_tokens: int = 50,
        threads: int | None = None,
        compute: str = "int8",
        prefix: Path | None = None,
        seen: tuple[str, int] | None = None,
    ) -> None:
        folder, config = find_transformers(model)
        self.beams, self.max_tokens = beams, max_tokens
        self.name = folder.name if prefix is None else f"{folder.name} with {prefix.name}"
        self.words = open_words(folder)
        self.engine: CTranslate2Engine | TransformersEngine
        card = read_card(prefix or folder)
        converted = converted_once(folder, compute) if card is None else None
        if converted is None:
            self.engine = TransformersEngine(folder)
        else:
            self.engine = CTranslate2Engine(converted, self.words, threads)
        self.prefix: Prefix | None = None
        if card is not None and isinstance(self.engine, TransformersEngine):
            if seen is None:
                raise OutOfRange(f"{folder} reads the features of {card.seer}: say what sees", param="teller")
            self.prefix = open_prefix(prefix or folder, card, *seen, self.engine.width)
        positions = config.get("max_position_embeddings") or config.get("n_positions") or 512
        self.context = min(positions, self.words.model_max_length) - (card.length if card else 0)

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        pairs = list(zip(prompts, sights, strict=True))
        lines = [
            self.words(self.source(prompt, sight), truncation=True, max_length=self.context).input_ids
            for prompt, sight in pairs
        ]
        if self.prefix is not None and isinstance(self.engine, TransformersEngine):
            prefixes = self.prefix(torch.from_numpy(np.stack([sight.z for sight in sights])))
            said = self.engine.generate(lines, self.beams, self.max_tokens, prefixes)
        else:
            said = self.engine.generate(lines, self.beams, self.max_tokens)
        texts = [self.words.decode(ids, skip_special_tokens=True) for ids in said]
        return [checked(text, prompt, sight.nearness) for text, (prompt, sight) in zip(texts, pairs, strict=True)]

    def source(self, prompt: str, sight: Sight) -> str:
        bare = self.prefix is not None and self.prefix.card.form == "prompt"
        return prompt if bare else source_of(prompt, sight)


class CTranslate2Engine:
    def __init__(self, folder: Path, words: Any, threads: int | None) -> None:
        import ctranslate2

        self.words = words
        self.translator = ctranslate2.Translator(
            str(folder), device="cpu", compute_type="default", inter_threads=1, intra_threads=threads or 0
        )

    def generate(self, lines: Lines, beams: int, max_tokens: int) -> list[list[int]]:
        """Token ids out for token ids in."""
        sources = [self.words.convert_ids_to_tokens(ids) for ids in lines]
        found = self.translator.translate_batch(sources, beam_size=beams, max_decoding_length=max_tokens)
        return [self.words.convert_tokens_to_ids(result.hypotheses[0]) for result in found]


class TransformersEngine:
    def __init__(self, folder: Path) -> None:
        self.model = open_model(folder, auto.AutoModelForSeq2SeqLM)
        self.embed = self.model.get_input_embeddings()
        self.width: int = self.embed.weight.shape[1]
        own = self.model.generation_config
        # no more of its own settings than CTranslate2 reads: a summariser's least length is not a description's
        self.model.generation_config = auto.GenerationConfig(
            decoder_start_token_id=own.decoder_start_token_id,
            bos_token_id=own.bos_token_id,
            eos_token_id=own.eos_token_id,
            pad_token_id=own.pad_token_id,
        )

    @torch.no_grad()
    def generate(self, lines: Lines, beams: int, max_tokens: int, prefixes: Tensor | None = None) -> list[list[int]]:
        """One line after the other, so that none is padded. prefixes: (n, length, width), read before each."""
        settings: dict[str, Any] = {"num_beams": beams, "max_length": max_tokens, "early_stopping": beams > 1}
        settings["min_new_tokens"] = 1  # as in CTranslate2: a description that says nothing is none
        said = []
        for k, ids in enumerate(lines):
            row = torch.tensor([ids])
            head = None if prefixes is None else prefixes[k : k + 1]
            embeds, mask = with_prefix(head, self.embed(row), torch.ones_like(row))
            found = self.model.generate(inputs_embeds=embeds, attention_mask=mask, do_sample=False, **settings)
            said.append(found[0].tolist())
        return said
