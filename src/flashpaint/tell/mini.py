"""The Teller of a model folder: a small T5 in CTranslate2, greedy. Reads the prompt and the codes of z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flashpaint.models.folder import ModelFolder
from flashpaint.models.words import open_words
from flashpaint.tell.codes import code_words, codes_of
from flashpaint.tell.teller import Sight, Telling

SEE, END = "<see>", "</s>"
PROMPT_TOKENS = 64  # as trained


class MiniTeller:
    concepts = 0

    def __init__(self, folder: ModelFolder, threads: int | None = None) -> None:
        import ctranslate2
        from safetensors.numpy import load_file

        self.name = folder.title
        self._words = open_words(folder.file("tokenizer.json"))
        self._codebook = load_file(folder.file("codebook.safetensors"))["codebook"].astype(np.float32)
        self._max_tokens = folder.manifest.teller.max_tokens
        model = folder.file("teller/model.bin").parent
        self._translator = ctranslate2.Translator(
            str(model), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads or 0
        )

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        codes = code_words(codes_of(np.stack([sight.z for sight in sights]), self._codebook))
        sources = [
            [*self._words.pieces(prompt)[:PROMPT_TOKENS], SEE, *code, END]
            for prompt, code in zip(prompts, codes, strict=True)
        ]
        results = self._translator.translate_batch(sources, beam_size=1, max_decoding_length=self._max_tokens)
        return [Telling(self._words.join(result.hypotheses[0])) for result in results]
