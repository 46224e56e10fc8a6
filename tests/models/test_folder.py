from __future__ import annotations

import json
from pathlib import Path

import pytest

from flashpaint import Studio
from flashpaint.errors import ModelDamaged, ModelNotFound
from flashpaint.models.folder import ModelFolder


def test_mini_is_whole_within_its_budget_and_names_its_licence() -> None:
    folder = ModelFolder.open("mini")
    sizes = [entry.bytes for entry in folder.manifest.files.values()]
    assert sum(sizes) <= 96 * 2**20
    assert max(sizes) <= 48 * 2**20
    assert "Apache-2.0" in folder.manifest.licence
    assert (folder.path / "NOTICE").read_text().startswith("flashpaint")


def test_the_manifest_names_every_file_of_the_folder() -> None:
    folder = ModelFolder.open("mini")
    there = {str(p.relative_to(folder.path)) for p in folder.path.rglob("*") if p.is_file()}
    assert there - {"manifest.json", "NOTICE"} == set(folder.manifest.files)


@pytest.mark.parametrize("name", ["denoiser.onnx", "teller/model.bin", "tokenizer.json", "codebook.safetensors"])
def test_a_missing_truncated_or_altered_file_is_named_with_its_remedy(model_copy: Path, name: str) -> None:
    path = model_copy / name
    whole = path.read_bytes()
    for content in (None, whole[: len(whole) // 2], whole[:-1] + bytes([whole[-1] ^ 1])):
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(ModelDamaged, match=name) as caught:
            Studio.open(model_copy)
        assert "install flashpaint again" in caught.value.message
        path.write_bytes(whole)
    ModelFolder.open(model_copy)


def test_a_folder_that_is_no_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="mini"):
        Studio.open(tmp_path)
    with pytest.raises(ModelNotFound, match="'maxi'"):
        Studio.open("maxi")


@pytest.mark.parametrize(
    "break_it",
    [
        lambda m: m.pop("files"),
        lambda m: m.update(format=99),
        lambda m: m["denoiser"].update(steps=0),
        lambda m: m.update(surprise=1),
    ],
)
def test_a_manifest_of_another_shape_is_damaged(model_copy: Path, break_it: object) -> None:
    path = model_copy / "manifest.json"
    manifest = json.loads(path.read_text())
    break_it(manifest)  # type: ignore[operator]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelDamaged, match="not a manifest of format 1"):
        Studio.open(model_copy)
    path.write_text("{")
    with pytest.raises(ModelDamaged):
        Studio.open(model_copy)
