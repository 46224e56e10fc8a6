"""What is begun before it is asked for changes nothing but the time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flashpaint import Studio
from flashpaint.errors import ModelDamaged
from flashpaint.models import ahead
from flashpaint.models.beside import beside, drop
from flashpaint.models.files import PIECE, sha256_of
from flashpaint.models.folder import ModelFolder
from flashpaint.models.graphs import Graph, open_graph


@pytest.fixture
def copy(model_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In mini's stead."""
    monkeypatch.setattr(ahead, "MINI", model_copy)
    return model_copy


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("name", ["denoiser.onnx", "clip_text.onnx", "judge.onnx", "tokenizer.json"])
def test_what_was_begun_of_a_damaged_folder_is_refused_when_it_is_opened(copy: Path, name: str) -> None:
    flip(copy / name)
    ahead.begin(look=True)
    with pytest.raises(ModelDamaged, match=name):
        Studio.open(copy)


def test_a_folder_without_a_sound_manifest_is_for_who_opens_it_to_tell_of(copy: Path) -> None:
    (copy / "manifest.json").write_text("{")
    ahead.begin(look=True)
    with pytest.raises(ModelDamaged, match="manifest"):
        Studio.open(copy)


def test_what_was_begun_is_for_the_first_who_opens_and_the_next_check_anew(copy: Path) -> None:
    ahead.begin(look=False)
    ModelFolder.open(copy)
    flip(copy / "decoder.onnx")
    with pytest.raises(ModelDamaged, match="decoder"):
        ModelFolder.open(copy)


def test_a_file_is_given_out_once_it_is_checked(model_copy: Path) -> None:
    flip(model_copy / "encoder.onnx")
    folder = ModelFolder.open(model_copy, wait=False)
    assert folder.file("decoder.onnx").is_file()
    with pytest.raises(ModelDamaged, match="encoder"):
        folder.file("encoder.onnx")
    with pytest.raises(ModelDamaged, match="encoder"):
        folder.verified()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, 2 * PIECE + 1])
def test_the_hash_is_that_of_the_whole_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()


def test_a_graph_that_cannot_be_compiled_says_so_to_whoever_uses_it(tmp_path: Path) -> None:
    (tmp_path / "none.onnx").write_bytes(b"none")
    graph = Graph(str(tmp_path / "none.onnx"))
    for _ in range(2):
        with pytest.raises(RuntimeError):
            graph(tokens=[[1]])


def test_a_graph_is_one_however_it_is_asked_for() -> None:
    path = ModelFolder.open("mini").file("clip_text.onnx")
    assert open_graph(path) is open_graph(path, None) is open_graph(path, None, "f32")


def test_after_what_was_dropped_more_may_be_begun() -> None:
    drop()
    assert beside(lambda: 3).result() == 3
