"""z before the prompt, as embeddings: whom it fits, what it changes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the extra: pip install -e '.[torch]'")

import torch

from flashpaint import Studio
from flashpaint.errors import ModelDamaged, OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.tell.opening import open_teller
from flashpaint.tell.prefix import CARD, WEIGHTS, Card, Prefix, open_prefix, read_card, save_prefix, with_prefix
from flashpaint.tell.seq2seq import Seq2SeqTeller, TransformersEngine
from flashpaint.tell.teller import Sight
from tests.tell.test_field import save

CARD_OF_TINY = Card(seer="tiny", dim=4, width=32, length=3)


@pytest.fixture
def prefix() -> Prefix:
    torch.manual_seed(1)
    return Prefix(CARD_OF_TINY)


def test_it_comes_back_as_it_was_saved(prefix: Prefix, tmp_path: Path) -> None:
    save_prefix(prefix, tmp_path)
    card = read_card(tmp_path)
    assert card == CARD_OF_TINY
    z = torch.randn(2, 4)
    found = open_prefix(tmp_path, card, "tiny", 4, 32)(z)
    assert found.shape == (2, 3, 32)
    assert torch.equal(found, prefix(z))
    assert {path.name for path in tmp_path.iterdir()} == {CARD, WEIGHTS}


def test_it_starts_in_the_scale_of_the_embeddings_beside_it() -> None:
    z = torch.nn.functional.normalize(torch.randn(64, 256), dim=-1)
    found = Prefix(Card(seer="s", dim=256, width=64), beside=0.3)(z)
    assert float(found.detach().std()) == pytest.approx(0.3, rel=0.1)


def test_the_encoder_reads_it_before_the_prompt() -> None:
    embeds, mask = with_prefix(torch.ones(2, 3, 8), torch.zeros(2, 5, 8), torch.tensor([[1] * 5, [1, 1, 0, 0, 0]]))
    assert embeds.shape == (2, 8, 8)
    assert embeds[:, :3].min() == 1
    assert mask.tolist() == [[1] * 8, [1, 1, 1, 1, 1, 0, 0, 0]]


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_without_a_prefix_embeddings_say_what_tokens_say(kind: str, tmp_path: Path) -> None:
    engine = TransformersEngine(save(kind, tmp_path / kind))
    lines = [[5, 6, 7, 1], [20, 1]]
    theirs = [
        engine.model.generate(
            torch.tensor([ids]), num_beams=5, max_length=20, early_stopping=True, min_new_tokens=1, do_sample=False
        )[0].tolist()
        for ids in lines
    ]
    assert engine.generate(lines, 5, 20) == theirs


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_what_clip_sees_changes_what_is_told(kind: str, tmp_path: Path, prefix: Prefix) -> None:
    save_prefix(prefix, save(kind, tmp_path / kind))
    teller = open_teller(tmp_path / kind, ModelFolder.open("mini"), seen=("tiny", 4))
    assert isinstance(teller, Seq2SeqTeller)
    assert teller.prefix is not None
    line = [teller.words("a cat").input_ids]
    one, other = (teller.engine.generate(line, 1, 12, teller.prefix(9 * z)) for z in torch.randn(2, 1, 4))
    assert one != other
    assert len(teller.tell(["a cat", "a dog"], [Sight(np.ones(4, np.float32))] * 2)) == 2


def test_a_prefix_apart_from_its_model_names_it(tmp_path: Path) -> None:
    model = save("t5", tmp_path / "t5")
    save_prefix(Prefix(CARD_OF_TINY.model_copy(update={"teller": str(model), "form": "prompt"})), tmp_path / "apart")
    teller = open_teller(tmp_path / "apart", ModelFolder.open("mini"), seen=("tiny", 4))
    assert isinstance(teller, Seq2SeqTeller)
    assert teller.prefix is not None
    assert teller.source("a cat", Sight(np.zeros(4, np.float32), ("a dog",))) == "a cat"


def test_a_prefix_of_another_seer_or_model_is_refused(tmp_path: Path, prefix: Prefix) -> None:
    save_prefix(prefix, save("t5", tmp_path / "t5"))
    with pytest.raises(OutOfRange, match="reads the 4 features of tiny, not the 256 of mini"):
        Studio.open(teller=tmp_path / "t5")
    with pytest.raises(OutOfRange, match="width 32"):
        open_prefix(tmp_path / "t5", CARD_OF_TINY, "tiny", 4, 64)
    save_prefix(prefix, save("qwen", tmp_path / "qwen"))
    with pytest.raises(OutOfRange, match="only an encoder"):
        open_teller(tmp_path / "qwen", ModelFolder.open("mini"), seen=("tiny", 4))


def test_torn_files_are_refused(tmp_path: Path, prefix: Prefix) -> None:
    save_prefix(prefix, tmp_path)
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:100])
    with pytest.raises(ModelDamaged, match="cannot be opened"):
        open_prefix(tmp_path, CARD_OF_TINY, "tiny", 4, 32)
    for content in ("{", "[]", '{"format": 2}', '{"seer": "s", "dim": -1, "width": 3}'):
        (tmp_path / CARD).write_text(content)
        with pytest.raises(ModelDamaged, match="cannot be read"):
            read_card(tmp_path)
