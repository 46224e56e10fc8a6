"""A causal chat model of a transformers folder as describer, greedy. Needs the extra "torch"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from flashpaint.models.transformers_folder import find_transformers, opening
from flashpaint.tell.check import checked
from flashpaint.tell.instruction import INSTRUCTION, request_of
from flashpaint.tell.teller import Sight, Telling

auto: Any = transformers  # its Auto classes are typed for no caller
TOKENS = 80  # fifty English words


class ChatTeller:
    """One prompt after the other: prompts of one batch would pad each other, and padding changes what is said."""

    concepts = 5

    def __init__(self, model: str | Path) -> None:
        folder, _ = find_transformers(model)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        self.words = opening(folder, lambda: auto.AutoTokenizer.from_pretrained(folder, **local))
        self.model = opening(
            folder,
            lambda: auto.AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32 if device == "cpu" else torch.bfloat16, **local
            ),
        ).to(device)

    @torch.no_grad()
    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        return [self.one(prompt, sight) for prompt, sight in zip(prompts, sights, strict=True)]

    def one(self, prompt: str, sight: Sight) -> Telling:
        ids = self.words(self.text_of(prompt, sight), return_tensors="pt", add_special_tokens=False).to(
            self.model.device
        )
        padding = self.words.pad_token_id if self.words.pad_token_id is not None else self.words.eos_token_id
        said = self.model.generate(**ids, max_new_tokens=TOKENS, do_sample=False, pad_token_id=padding)
        return checked(self.words.decode(said[0, ids["input_ids"].shape[1] :], skip_special_tokens=True), prompt)

    def text_of(self, prompt: str, sight: Sight) -> str:
        """In the model's own chat form, without its thinking aloud; as plain text where it has no such form."""
        if not self.words.chat_template:
            return f"{INSTRUCTION}\n\n{request_of(prompt, sight)}\nDescription:"
        messages = [
            {"role": "system", "content": INSTRUCTION},
            {"role": "user", "content": request_of(prompt, sight)},
        ]
        return str(
            self.words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        )
