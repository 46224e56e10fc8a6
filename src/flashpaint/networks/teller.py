"""mini's teller: a small T5 that reads a prompt and the codes of z; transformers' class, which CTranslate2 reads."""

from __future__ import annotations

from transformers import T5Config, T5ForConditionalGeneration


def teller(vocabulary: int, width: int = 256, depth: int = 3) -> T5ForConditionalGeneration:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=vocabulary,
            d_model=width,
            d_kv=width // 4,
            d_ff=2 * width,
            num_layers=depth,
            num_decoder_layers=depth,
            num_heads=4,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
            tie_word_embeddings=True,  # type: ignore[call-arg]
        )
    )
