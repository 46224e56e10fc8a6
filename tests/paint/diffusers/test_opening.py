"""Model folders as users bring them: whole, broken, unsafe and unknown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

from flashpaint import PaintRequest, Studio
from flashpaint.errors import ModelDamaged, ModelNotFound, SizeUnsupported
from flashpaint.paint.diffusers.kinds import paints_texts
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


@pytest.mark.parametrize(
    "name",
    [
        "StableDiffusionInpaintPipeline",
        "KandinskyV22PriorPipeline",
        "StableAudio3Pipeline",
        "WanPipeline",
        "utils",
        "no",
    ],
)
def test_what_does_not_make_pictures_of_prompts_alone_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    with pytest.raises(ModelNotFound, match=f"is a {name}: flashpaint opens"):
        open_diffusers(tmp_path)


@pytest.mark.parametrize("name", ["StableDiffusion3Pipeline", "QwenImagePipeline", "UnCLIPPipeline", "Lumina2Pipeline"])
def test_what_makes_pictures_of_prompts_is_known(name: str) -> None:
    assert paints_texts(name)


@pytest.mark.parametrize(
    "change",
    [
        {"_class_name": ["my_pipeline", "MyPipeline"]},
        {"unet": ["my_unet", "MyUNet"]},
        {"unet": ["diffusers_modules.local.unet", "MyUNet"]},
        {"unet": [["unet"], "MyUNet"]},
        {"unet": ["diffusers", "NoSuchClass"]},
        {"unet": ["diffusers"]},
    ],
)
def test_an_index_that_names_other_code_or_none_is_refused(folder: Path, change: dict[str, object]) -> None:
    (folder / "unet" / "my_unet.py").write_text("raise SystemExit")
    (folder / "my_pipeline.py").write_text("raise SystemExit")
    path = folder / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelDamaged):
        open_diffusers(folder)


def test_an_index_that_is_no_object_is_said(folder: Path) -> None:
    (folder / "model_index.json").write_text("[]")
    with pytest.raises(ModelNotFound, match=r"no model_index\.json"):
        open_diffusers(folder)


def test_karlo_opens_as_it_was_published_before_diffusers_moved_its_parts(tmp_path: Path) -> None:
    tiny.karlo().save_pretrained(tmp_path / "karlo")
    path = tmp_path / "karlo" / "model_index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"text_proj": ["unclip", "UnCLIPTextProjModel"]}))
    ours = Studio.open(painter=tmp_path / "karlo")
    assert ours.paint(PaintRequest("a cat", seed=1, steps=2)).picture.size == (64, 64)


def test_kandinskys_decoder_finds_its_prior(tmp_path: Path) -> None:
    whole = tiny.kandinsky()
    whole.decoder_pipe.save_pretrained(tmp_path / "decoder")
    whole.prior_pipe.save_pretrained(tmp_path / "prior")
    (tmp_path / "decoder" / "README.md").write_text(f"---\nprior:\n- {tmp_path / 'prior'}\n---\n")
    asked = PaintRequest("a cat", seed=1, steps=2)
    whole.save_pretrained(tmp_path / "whole")
    apart, together = (Studio.open(painter=tmp_path / name).paint(asked) for name in ("decoder", "whole"))
    assert apart.picture.tobytes() == together.picture.tobytes()
    (tmp_path / "decoder" / "README.md").write_text(f"---\nprior:\n- {tmp_path / 'decoder'}\n---\n")
    with pytest.raises(ModelNotFound, match="needs the prior"):
        open_diffusers(tmp_path / "decoder")


@pytest.mark.parametrize(
    ("scheduler", "config"),
    [("EDMEulerScheduler", {}), ("EulerDiscreteScheduler", {"rescale_betas_zero_snr": True})],
)
def test_noise_levels_that_the_adapter_does_not_know_are_refused(folder: Path, scheduler: str, config: object) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", scheduler]}))
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelNotFound, match="noise levels"):
        open_diffusers(folder)


def test_a_hub_that_cannot_be_reached_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelNotFound, match="copy the model's folder"):
        open_diffusers("nobody/nothing-at-all")
