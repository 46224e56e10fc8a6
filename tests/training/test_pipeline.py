"""The whole training in its small setting: from the packages to a model folder that paints, and its scores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flashpaint import PaintRequest, Studio

ROOT = Path(__file__).parent.parent.parent
STAGES = [
    "sprites",
    "scenes",
    "autoencoder",
    "clip",
    "latents",
    "denoiser",
    "distill",
    "teller",
    "judge",
    "decoder",
    "preview",
    "export",
    "evaluate",
    "gallery",
]


def run(stage: str, runs: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"training.{stage}", "--small", "--runs", str(runs)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{stage}: {done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the drawings come as npm packages")
    folder = tmp_path_factory.mktemp("runs")
    for stage in STAGES:
        run(stage, folder)
    return folder


def test_every_stage_runs_and_leaves_what_the_next_one_needs(runs: Path) -> None:
    for stage in ("autoencoder", "clip", "denoiser", "decoder", "distill", "teller", "judge"):
        assert (runs / stage / "checkpoint.pt").exists()
    for sheet in (
        "sprites/fluent-flat.png",
        "scenes/scenes.png",
        "autoencoder/pairs.png",
        "denoiser/gallery.png",
        "gallery/gallery.webp",
    ):
        assert (runs / sheet).stat().st_size > 1000


def test_a_stage_that_has_spent_its_minutes_resumes_and_ends(runs: Path) -> None:
    assert "resumed at" in run("autoencoder", runs)


def test_the_exported_folder_paints(runs: Path) -> None:
    painting = Studio.open(runs / "export" / "mini").paint(PaintRequest("a peguin in space", seed=1, steps=2))
    assert painting.picture.size == (256, 256)
    assert "read “peguin” as “penguin”" in painting.notes


def test_scores_come_with_the_judges_own_accuracy(runs: Path) -> None:
    scores = json.loads((runs / "evaluate" / "scores.json").read_text())
    for name in ("single_top5", "thing_and_place", "two_and_relation"):
        assert 0 <= scores[name] <= 1
        assert 0 <= scores[f"judge_{name}"] <= 1
    assert {"zh_over_en", "few_over_many", "kid"} <= set(scores)


def test_an_encoder_restored_from_its_graph_makes_the_same_latents(runs: Path) -> None:
    import torch

    from flashpaint.networks.autoencoder import Autoencoder
    from flashpaint.networks.weights import filled, weights_of
    from training.run import load

    mini = runs / "export" / "mini"
    coded = {**weights_of(mini / "encoder.onnx", "model."), **weights_of(mini / "decoder.onnx", "model.")}
    restored, trained = Autoencoder(32).eval(), Autoencoder(32).eval()
    restored.load_state_dict(filled(restored, coded))
    trained.load_state_dict((load(runs / "decoder") or {})["model"])
    torch.manual_seed(0)
    pictures = torch.rand(2, 3, 256, 256)
    assert torch.allclose(restored.encode(pictures), trained.encode(pictures), atol=2e-2)
    latents = torch.randn(2, 16, 16, 16)
    assert torch.allclose(restored.decode(latents), trained.decode(latents), atol=5e-2)  # int8


def test_exported_graphs_hold_the_trained_weights_for_training_to_go_on(runs: Path) -> None:
    import torch

    from flashpaint.networks.unet import Denoiser
    from flashpaint.networks.weights import filled, weights_of
    from training.run import load

    restored, trained = Denoiser(32, 96, 1), Denoiser(32, 96, 1)
    restored.load_state_dict(filled(restored, weights_of(runs / "export" / "mini" / "denoiser.onnx", "model.")))
    trained.load_state_dict((load(runs / "distill") or {})["average"])
    torch.manual_seed(0)
    latents, sigmas = torch.randn(2, 16, 16, 16), torch.rand(2)
    read = (torch.randn(2, 32, 256), torch.ones(2, 32), torch.randn(2, 256))
    assert torch.allclose(restored(latents, sigmas, *read), trained(latents, sigmas, *read), atol=5e-2)  # int8
