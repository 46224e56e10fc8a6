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
from safetensors.torch import load, save_file

from flashpaint import PaintRequest, Studio
from flashpaint.errors import ModelDamaged, ModelNotFound, OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.tell.chat import ChatTeller
from flashpaint.tell.mini import MiniTeller
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
        for name, parameter in model.named_parameters():
            parameter.mul_(3)  # from a small start all tokens are as likely, and beams differ by rounding
            if "encoder_attn." in name or "EncDecAttention." in name:
                parameter.mul_(10)  # else what is read hardly matters for what is said
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

    def told(engine: CTranslate2Engine | TransformersEngine, beams: int, longest: int) -> list[str]:
        said = engine.generate(lines, beams, longest)
        return [teller.words.decode(ids, skip_special_tokens=True) for ids in said]

    for beams in (1, 5):
        ours, theirs = told(teller.engine, beams, 20), told(oracle, beams, 21)  # theirs counts the start token
        assert ours == theirs
        assert len(set(ours)) == len(prompts)
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
    monkeypatch.setattr("flashpaint.tell.converted.cache_folder", lambda: None)
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


def test_a_chat_form_without_a_system_reads_the_instruction_in_the_users_turn(tmp_path: Path) -> None:
    teller = ChatTeller(save("qwen", tmp_path / "qwen"))
    teller.words.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    )
    assert teller.text_of("a cat", SIGHT).startswith("[user]You write")


def test_a_chat_model_writes_in_a_callers_own_form_and_no_more_than_asked_for(tmp_path: Path) -> None:
    teller = ChatTeller(save("qwen", tmp_path / "qwen"))
    messages = [{"role": "system", "content": "Write a scene."}, {"role": "user", "content": "a cat"}]
    for form in (None, "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"):
        teller.words.chat_template = form
        said = teller.write(messages, 5)
        assert len(teller.words(said)["input_ids"]) <= 10
        assert teller.write(messages, 5) == said, "greedy: the same each time"
        assert "Write a scene." not in said


def test_a_request_longer_than_the_model_reads_is_not_told(tmp_path: Path) -> None:
    teller = ChatTeller(save("qwen", tmp_path / "qwen"))
    teller.positions = 200
    assert "200" not in teller.one("a cat", SIGHT).description
    assert "reads 120" in teller.one("a cat", SIGHT).note


def test_weights_that_are_torn_or_not_all_there_are_refused(tmp_path: Path) -> None:
    for kind in ("t5", "qwen"):
        folder = save(kind, tmp_path / kind)
        weights = folder / "model.safetensors"
        held = weights.read_bytes()
        first = dict(list(load(held).items())[:3])
        save_file(first, weights, {"format": "pt"})
        with pytest.raises(ModelDamaged, match="it lacks"):
            open_teller(folder, ModelFolder.open("mini"))
        weights.write_bytes(held[:900])
        with pytest.raises(ModelDamaged, match="cannot be opened"):
            open_teller(folder, ModelFolder.open("mini"))


def test_a_folder_of_minis_type_tells_to_its_own_clip_only(model_copy: Path) -> None:
    mini = ModelFolder.open("mini")
    name = f"mini {mini.manifest.version}"
    assert isinstance(open_teller(model_copy, mini, seen=(name, 256)), MiniTeller)
    with pytest.raises(OutOfRange, match="its own clip"):
        open_teller(model_copy, mini, seen=("clip-vit-base-patch32", 512))


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
