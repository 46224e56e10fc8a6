"""CLIP models of the field: what transformers says of them, and folders that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("transformers", reason="the extra: pip install -e '.[torch]'")

import torch
import transformers
from PIL import Image
from safetensors.torch import load, save_file

from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.folder import ModelFolder
from flashpaint.see.opening import open_seer
from flashpaint.see.transformers import TransformersSeer
from tests.paint.diffusers import tiny

SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 37}
TEXT = {**SMALL, "vocab_size": 300, "max_position_embeddings": 20, "bos_token_id": 0, "eos_token_id": 1}
PICTURE = {**SMALL, "image_size": 32, "patch_size": 8}


def save(kind: str, folder: Path) -> Path:
    torch.manual_seed(0)
    configs: dict[str, Any] = {
        "clip": transformers.CLIPConfig(text_config=TEXT, vision_config=PICTURE, projection_dim=16),
        "siglip": transformers.SiglipConfig(text_config={**TEXT, "projection_size": 32}, vision_config=PICTURE),
        "siglip2": transformers.Siglip2Config(
            text_config={**TEXT, "projection_size": 32},
            vision_config={**SMALL, "patch_size": 8, "num_patches": 16},
        ),
        "chinese_clip": transformers.ChineseCLIPConfig(text_config=TEXT, vision_config=PICTURE, projection_dim=16),
        "altclip": transformers.AltCLIPConfig(
            text_config={**TEXT, "project_dim": 16, "max_position_embeddings": 22, "pad_token_id": 1},
            vision_config=PICTURE,
            projection_dim=16,
        ),
    }
    transformers.AutoModel.from_config(configs[kind]).save_pretrained(folder)
    words = tiny.clip_tokenizer()
    words.model_max_length = 20
    words.save_pretrained(folder)
    side = {"height": 32, "width": 32}
    eyes: Any = (
        transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16)
        if kind == "siglip2"
        else transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=side)
    )
    eyes.save_pretrained(folder)
    return folder


@pytest.fixture(params=["clip", "siglip", "siglip2", "chinese_clip", "altclip"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return save(request.param, tmp_path / request.param)


def test_features_are_those_of_transformers_and_of_length_one(folder: Path) -> None:
    seer = open_seer(folder, ModelFolder.open("mini"))
    assert isinstance(seer, TransformersSeer)
    texts, pictures = ["a cat", "two red dogs"], [Image.new("RGB", (50, 40), c) for c in ("red", "navy")]
    z, v = seer.see_text(texts), seer.see_images(pictures)
    assert z.shape == v.shape == (2, seer.dim)
    assert np.linalg.norm(z, axis=1) == pytest.approx(1)
    assert np.linalg.norm(v, axis=1) == pytest.approx(1)
    read = seer.words(texts[:1], padding=seer.padding, truncation=True, max_length=20, return_tensors="pt")
    with torch.no_grad():
        said = seer.model.get_text_features(**read)
        seen = seer.model.get_image_features(**seer.eyes(images=pictures[:1], return_tensors="pt"))
    for ours, theirs in ((z, said), (v, seen)):
        theirs = getattr(theirs, "pooler_output", theirs)[0]
        assert ours[0] == pytest.approx((theirs / theirs.norm()).numpy(), abs=1e-5)


def test_features_do_not_depend_on_their_batch(folder: Path) -> None:
    seer = TransformersSeer(folder)
    texts = ["a cat", "a very much longer text", "x"]
    assert seer.see_text(texts) == pytest.approx(np.concatenate([seer.see_text([t]) for t in texts]), abs=1e-5)


def test_a_text_longer_than_the_model_reads_is_seen_and_its_end_is_noted(folder: Path) -> None:
    seer = TransformersSeer(folder)
    assert seer.notes_on("a cat") == ()
    (note,) = seer.notes_on("a cat and a dog and a cow and a pig")
    assert "did not read" in note
    assert "pig" in note.replace(" ", "")
    assert seer.see_text(["word " * 200]).shape == (1, seer.dim)


def test_folders_that_are_none_are_refused_before_weights_are_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match=r"no config\.json"):
        TransformersSeer(tmp_path / "empty")
    whole = save("clip", tmp_path / "clip")
    weights = next(whole.glob("*.safetensors"))
    held = weights.read_bytes()
    weights.write_bytes(held[:500])
    with pytest.raises(ModelDamaged):
        TransformersSeer(whole)
    weights.rename(whole / "pytorch_model.bin")
    with pytest.raises(ModelDamaged, match="pickled"):
        TransformersSeer(whole)
    tower = {name: value for name, value in load(held).items() if name.startswith("text")}
    save_file(tower, whole / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelDamaged, match="it lacks"):
        TransformersSeer(whole)
    (whole / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelNotFound, match="does not see"):
        TransformersSeer(whole)
