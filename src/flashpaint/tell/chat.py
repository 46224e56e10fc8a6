"""A causal chat model of a transformers folder as describer, greedy. Needs the extra "torch"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from flashpaint.models.transformers_folder import find_transformers
from flashpaint.models.transformers_parts import auto, open_model, open_words
from flashpaint.tell.check import checked
from flashpaint.tell.instruction import messages_of, plain_of
from flashpaint.tell.teller import Sight, Telling

TOKENS = 80  # fifty English words


class ChatTeller:
    """One prompt after the other: prompts of one batch would pad each other, and padding changes what is said."""

    concepts = 5

    def __init__(self, model: str | Path) -> None:
        folder, config = find_transformers(model)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.name, self.words = folder.name, open_words(folder)
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
        self.model = open_model(folder, auto.AutoModelForCausalLM, dtype).to(device)
        self.positions = config.get("max_position_embeddings") or config.get("n_positions")

    @torch.no_grad()
    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        return [self.one(prompt, sight) for prompt, sight in zip(prompts, sights, strict=True)]

    def one(self, prompt: str, sight: Sight) -> Telling:
        text = self.text_of(prompt, sight)
        # a chat form writes its own special tokens
        own = not self.words.chat_template
        read = self.words(text, return_tensors="pt", add_special_tokens=own).to(self.model.device)
        length = read["input_ids"].shape[1]
        if self.positions and length + TOKENS > self.positions:
            why = f"the request is {length} tokens long, and the language model reads {self.positions - TOKENS}"
            return Telling("", f"{why}: the prompt itself is painted")
        padding = self.words.pad_token_id if self.words.pad_token_id is not None else self.words.eos_token_id
        said = self.model.generate(
            input_ids=read["input_ids"],
            attention_mask=read["attention_mask"],
            max_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=padding,
        )
        return checked(self.words.decode(said[0, length:], skip_special_tokens=True), prompt, sight.nearness)

    @torch.no_grad()
    def write(self, messages: list[dict[str, str]], tokens: int) -> str:
        """The model's whole answer to messages of a caller's own, greedy; at most so many tokens."""
        text = self._as_chat(messages) if self.words.chat_template else "\n".join(m["content"] for m in messages)
        own = not self.words.chat_template
        read = self.words(text, return_tensors="pt", add_special_tokens=own).to(self.model.device)
        padding = self.words.pad_token_id if self.words.pad_token_id is not None else self.words.eos_token_id
        said = self.model.generate(**read, max_new_tokens=tokens, do_sample=False, pad_token_id=padding)
        return str(self.words.decode(said[0, read["input_ids"].shape[1] :], skip_special_tokens=True))

    def text_of(self, prompt: str, sight: Sight) -> str:
        """In the model's own chat form, without its thinking aloud; as plain text where it has no such form."""
        if not self.words.chat_template:
            return plain_of(prompt, sight)
        from jinja2 import TemplateError

        try:
            return self._as_chat(messages_of(prompt, sight))
        except TemplateError:  # some forms have no system's turn
            return self._as_chat(messages_of(prompt, sight, system=False))

    def _as_chat(self, messages: list[dict[str, str]]) -> str:
        return str(
            self.words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
        )
