"""Text encoders that are chat models: what their template takes of the tokens they read. Knows no family."""

from __future__ import annotations

from typing import Any

MARK = "…"


def tokens_before(tokenizer: Any) -> int:
    """Tokens that the chat template puts before a user's words."""
    said = tokenizer.apply_chat_template([{"role": "user", "content": MARK}], tokenize=False)
    return len(tokenizer(said[: said.index(MARK)], add_special_tokens=False).input_ids)
