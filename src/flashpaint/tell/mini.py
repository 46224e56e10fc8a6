"""The Teller of a model folder: what a prompt's own words say is told as it is; else a small T5 in CTranslate2 reads
the prompt and the codes of z, and clip says which of the ways to tell it is what was asked.

What the T5 says first is told where clip finds it near z; else clip chooses among what five beams say.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flashpaint.models.folder import ModelFolder
from flashpaint.models.words import open_words
from flashpaint.tell.codes import code_words, codes_of
from flashpaint.tell.teller import Sight, Telling

SEE, END = "<see>", "</s>"
PROMPT_TOKENS = 64  # as trained
BEAMS = 5
SURE = 0.9  # the cosine of z and of a first telling that needs no other: `bench.telling --sure` compares others


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
        told = [sight.read for sight in sights]
        left = [k for k, description in enumerate(told) if not description]
        if left:
            written = self._write([prompts[k] for k in left], [sights[k] for k in left])
            for k, description in zip(left, written, strict=True):
                told[k] = description
        return [Telling(description) for description in told]

    def _write(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[str]:
        codes = code_words(codes_of(np.stack([sight.z for sight in sights]), self._codebook))
        sources = [
            [*self._words.pieces(prompt)[:PROMPT_TOKENS], SEE, *code, END]
            for prompt, code in zip(prompts, codes, strict=True)
        ]
        told = [said[0] for said in self._said(sources, 1)]
        doubtful = [k for k, near in enumerate(self._nearest(told, sights)) if near < SURE]
        others = self._said([sources[k] for k in doubtful], BEAMS) if doubtful else []
        for k, said in zip(doubtful, others, strict=True):
            either = list(dict.fromkeys([told[k], *said]))
            told[k] = either[int(np.argmax(self._nearest(either, [sights[k]] * len(either))))]
        return told

    def _said(self, sources: Sequence[list[str]], beams: int) -> list[list[str]]:
        """As many descriptions of each as there are beams, likeliest first."""
        results = self._translator.translate_batch(
            sources, beam_size=beams, num_hypotheses=beams, max_decoding_length=self._max_tokens
        )
        return [[self._words.join(pieces) for pieces in result.hypotheses] for result in results]

    def _nearest(self, texts: Sequence[str], sights: Sequence[Sight]) -> list[float]:
        """The cosine of each text and of z; 1 where clip cannot say."""
        see = sights[0].see
        if see is None:
            return [1.0] * len(texts)
        return [float(seen @ sight.z) for seen, sight in zip(see(texts), sights, strict=True)]
