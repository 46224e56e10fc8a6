"""Model folders as users bring them: whole, broken, unsafe and unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

from flashpaint import PaintRequest, Studio
from flashpaint.errors import ModelDamaged, ModelNotFound, SizeUnsupported
from flashpaint.paint.diffusers.opening import open_diffusers
from tests.paint.diffusers import tiny


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.sd().save_pretrained(tmp_path / "sd")
    return tmp_path / "sd"


def test_a_folder_of_diffusers_paints_in_the_studio_with_minis_seer_and_teller(folder: Path) -> None:
    ours = Studio.open(painter=folder)
    painting = ours.paint(PaintRequest("太空中的一只猫", seed=1, steps=3))
    assert painting.description == "a cat in space"
    assert painting.picture.size == (32, 32)
    assert painting.used["model"] == "sd"
    assert painting.used["engine"] == "torch float32 cpu"
    assert ours.paint(PaintRequest("a cat", seed=1, steps=2, width=64, height=96)).picture.size == (64, 96)
    with pytest.raises(SizeUnsupported, match="32 to 2048 in steps of 8"):
        ours.paint(PaintRequest("a cat", width=65, height=64))


def test_pickled_weights_are_refused_before_they_are_read(folder: Path) -> None:
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelDamaged, match="pickled"):
        open_diffusers(folder)


def test_a_missing_part_is_named(folder: Path) -> None:
    for path in (folder / "vae").iterdir():
        path.unlink()
    with pytest.raises(ModelDamaged, match="lacks its vae"):
        open_diffusers(folder)


def test_torn_weights_are_a_clear_error(folder: Path) -> None:
    weights = next((folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelDamaged):
        open_diffusers(folder)


def test_what_is_no_model_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"no model_index\.json"):
        open_diffusers(tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "AudioLDMPipeline"}))
    with pytest.raises(ModelNotFound, match="AudioLDMPipeline: flashpaint opens"):
        open_diffusers(tmp_path)


def test_a_hub_that_cannot_be_reached_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelNotFound, match="copy the model's folder"):
        open_diffusers("nobody/nothing-at-all")
