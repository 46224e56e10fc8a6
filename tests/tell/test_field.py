"""Language models of the field: T5 and BART in CTranslate2 as in transformers, chat models, and what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the extra: pip install -e '.[torch]'")

import tokenizers
import torch
import transformers

from flashpaint import PaintRequest, Studio
from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.tell.chat import ChatTeller
from flashpaint.tell.opening import SilentTeller, open_teller
from flashpaint.tell.seq2seq import CTranslate2Engine, Seq2SeqTeller, TransformersEngine
from flashpaint.tell.teller import Sight

SIGHT = Sight(np.zeros(4, np.float32), ("a cat on the moon",), ("cat", "space"))


def words() -> Any:
    """Letters as tokens, in a tokenizer that any model can be saved with."""
    letters = [chr(c) for c in range(33, 127)] + ["Ġ"]
    vocabulary = {piece: k for k, piece in enumerate(["<pad>", "</s>", "<unk>", "<s>", *letters])}
    inner = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    end = tokenizers.processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    inner.post_processor = end
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<s>"
    )


def save(kind: str, folder: Path) -> Path:
    torch.manual_seed(0)
    size = len(words())
    ends: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 3, "decoder_start_token_id": 0}
    model: Any = {
        "t5": lambda: transformers.T5ForConditionalGeneration(
            transformers.T5Config(vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, **ends)
        ),
        "bart": lambda: transformers.BartForConditionalGeneration(
            transformers.BartConfig(
                vocab_size=size,
                d_model=32,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=4,
                decoder_attention_heads=4,
                encoder_ffn_dim=64,
                decoder_ffn_dim=64,
                max_position_embeddings=256,
                forced_eos_token_id=None,
                normalize_before=False,  # as the published folders say, and as CTranslate2 asks
                **{**ends, "decoder_start_token_id": 1},
            )
        ),
        "qwen": lambda: transformers.Qwen2ForCausalLM(
            transformers.Qwen2Config(
                vocab_size=size,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=1,
                num_attention_heads=4,
                num_key_value_heads=2,
                pad_token_id=0,
                eos_token_id=1,
            )
        ),
    }[kind]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # from a small start all tokens are as likely, and beams differ by rounding
    model.save_pretrained(folder)
    words().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_beams_in_ctranslate2_find_what_transformers_finds(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASHPAINT_CACHE", str(tmp_path / "cache"))
    folder = save(kind, tmp_path / kind)
    teller = Seq2SeqTeller(folder, compute="float32")
    assert isinstance(teller.engine, CTranslate2Engine)
    prompts = ("describe the picture: a cat", "two dogs", "a red car at night", "space", "an owl", "12 balloons")
    lines = [teller.words(text).input_ids for text in prompts]
    oracle = TransformersEngine(folder)

    def same(beams: int) -> int:
        """How many are told alike; transformers' longest counts the start token."""
        pairs = zip(teller.engine.generate(lines, beams, 20), oracle.generate(lines, beams, 21), strict=True)
        told = [[teller.words.decode(ids, skip_special_tokens=True) for ids in pair] for pair in pairs]
        return sum(ours == theirs for ours, theirs in told)

    assert same(1) == same(5) == len(prompts)
    assert len(list((tmp_path / "cache" / "ctranslate2").iterdir())) == 1
    before = next((tmp_path / "cache" / "ctranslate2").glob("*/model.bin")).stat().st_mtime_ns
    Seq2SeqTeller(folder, compute="float32")
    assert next((tmp_path / "cache" / "ctranslate2").glob("*/model.bin")).stat().st_mtime_ns == before


def test_a_model_that_babbles_never_gets_into_a_picture(tmp_path: Path) -> None:
    studio = Studio.open(teller=save("t5", tmp_path / "t5"))
    painting = studio.paint(PaintRequest("a cat in space", seed=1, steps=1))
    assert painting.description == "a cat in space"
    assert any("left out" in note for note in painting.notes)


def test_what_ctranslate2_cannot_take_runs_in_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flashpaint.tell.seq2seq.cache_folder", lambda: None)
    teller = Seq2SeqTeller(save("bart", tmp_path / "bart"))
    assert isinstance(teller.engine, TransformersEngine)
    assert len(teller.tell(["a cat", "a dog"], [SIGHT] * 2)) == 2


def test_a_chat_model_reads_its_own_form_of_the_request(tmp_path: Path) -> None:
    teller = open_teller(save("qwen", tmp_path / "qwen"), ModelFolder.open("mini"))
    assert isinstance(teller, ChatTeller)
    assert "Request: a cat" in teller.text_of("a cat", SIGHT)
    teller.words.chat_template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    text = teller.text_of("a cat", SIGHT)
    assert text.startswith("[system]You write")
    assert text.endswith("[assistant]")
    assert "a cat on the moon" in text
    assert len(teller.tell(["a cat", "two dogs"], [SIGHT] * 2)) == 2


def test_folders_that_are_no_language_model_are_refused(tmp_path: Path) -> None:
    mini = ModelFolder.open("mini")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        open_teller(tmp_path / "empty", mini)
    folder = save("t5", tmp_path / "t5")
    weights = next(folder.glob("*.safetensors"))
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelDamaged, match="pickled"):
        open_teller(folder, mini)


def test_none_paints_the_prompt_itself() -> None:
    assert isinstance(open_teller("none", ModelFolder.open("mini")), SilentTeller)
    painting = Studio.open(teller="none").paint(PaintRequest("a kitty in space", seed=1, steps=1))
    assert painting.description == "a kitty in space"
