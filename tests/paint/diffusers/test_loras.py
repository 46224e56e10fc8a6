"""LoRAs by request: as diffusers applies them, worn by those who ask and by nobody else, apart in the loop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")
pytest.importorskip("peft", reason="the extra: pip install -e '.[torch]'")

import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from flashpaint import PaintRequest, Studio
from flashpaint.errors import ModelDamaged, ModelNotFound, OutOfRange
from tests.paint.diffusers import tiny
from tests.paint.diffusers.test_adapters import finish, trajectory


def write_lora(folder: Path, name: str, seed: int) -> Path:
    """A LoRA of random weights for the tiny Stable Diffusion's U-Net."""
    unet: Any = tiny.sd().unet
    torch.manual_seed(seed)
    unet.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    layers = get_peft_model_state_dict(unet)
    import diffusers

    diffusers.StableDiffusionPipeline.save_lora_weights(folder, layers, weight_name=f"{name}.safetensors")
    return folder / f"{name}.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("models")
    tiny.sd().save_pretrained(target / "sd")
    write_lora(target, "ink", 1)
    write_lora(target, "clay", 2)
    return target


def opened(folder: Path, fast: str) -> Studio:
    loras = {name: folder / f"{name}.safetensors" for name in ("ink", "clay")}
    return Studio.open(painter=folder / "sd", loras=loras, fast=fast)


@pytest.fixture(scope="module")
def studio(folder: Path) -> Studio:
    return opened(folder, "off")


def test_a_request_wears_its_loras_as_diffusers_does_and_the_next_one_does_not(folder: Path, studio: Studio) -> None:
    denoiser = studio.painter.denoiser  # type: ignore[attr-defined]

    def latents(loras: Any) -> torch.Tensor:
        asked = trajectory(denoiser, 3, 3, "a cat", 1.0)
        asked.conditioning = denoiser.condition(["a cat"], [1.0], loras)
        found: torch.Tensor = finish(denoiser, asked)[0]
        return found

    theirs: Any = tiny.sd()
    theirs.load_lora_weights(folder, weight_name="ink.safetensors", adapter_name="ink", local_files_only=True)
    theirs.set_adapters(["ink"], [0.7])
    oracle = type(denoiser)(theirs, "sd", "tiny")
    expected = finish(oracle, trajectory(oracle, 3, 3, "a cat", 1.0))[0]
    plain = latents(())
    assert (latents((("ink", 0.7),)) - expected).abs().max() <= 1e-4 * expected.abs().max()
    assert (latents((("ink", 0.7), ("clay", 1.0))) - expected).abs().max() > 1e-3
    assert torch.equal(latents(()), plain)
    assert (plain - expected).abs().max() > 1e-3


def test_pictures_with_and_without_loras_are_painted_side_by_side(studio: Studio) -> None:
    requests = [PaintRequest("a cat", seed=1, steps=2, loras=loras) for loras in ((), (("ink", 1.0),), (("clay", 1),))]
    together = [painting.picture.tobytes() for painting in studio.paint_many(requests)]
    assert together == [studio.paint(request).picture.tobytes() for request in requests]
    assert len(set(together)) == 3


def test_a_network_in_openvino_wears_them_too(folder: Path) -> None:
    request = PaintRequest("a cat", seed=1, steps=1, loras=(("ink", 1.0),))
    studio = opened(folder, "balanced")
    bare, dressed = (studio.paint(r).picture.tobytes() for r in (replace(request, loras=()), request))
    assert bare != dressed


def test_a_lora_that_was_not_opened_is_refused(studio: Studio) -> None:
    with pytest.raises(OutOfRange, match="no LoRA 'oil': it has ink, clay"):
        studio.paint(PaintRequest("a cat", loras=(("oil", 1.0),)))


def test_files_that_are_no_lora_of_this_model_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no LoRA file"):
        Studio.open(painter=folder / "sd", loras={"x": tmp_path / "x.safetensors"})
    (tmp_path / "x.bin").write_bytes(b"pickle")
    with pytest.raises(ModelDamaged, match="can run code"):
        Studio.open(painter=folder / "sd", loras={"x": tmp_path / "x.bin"})
    (tmp_path / "x.safetensors").write_bytes(b"not one")
    with pytest.raises(ModelDamaged, match="does not fit"):
        Studio.open(painter=folder / "sd", loras={"x": tmp_path / "x.safetensors"})
