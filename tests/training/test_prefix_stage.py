"""The prefix stage in its small setting, on a clip and a teller of chance: it needs no drawings."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from flashpaint.models.folder import EMBEDDED, ModelFolder
from flashpaint.networks.clip import Clip
from flashpaint.tell.opening import open_teller
from flashpaint.tell.seq2seq import Seq2SeqTeller
from training.clip import open_tokenizer
from training.run import Stage
from training.teller import build

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """What the stages clip and teller leave, untrained."""
    stage = Stage("prefix", 0.1, True, tmp_path, 1)
    for name in ("clip", "teller"):
        stage.of(name).mkdir()
    shutil.copy(EMBEDDED["mini"] / "tokenizer.json", stage.of("clip"))
    vocabulary = open_tokenizer(stage).get_vocab_size()
    models = {"clip": Clip(vocabulary, small=True), "teller": build(stage, vocabulary)}
    for name, model in models.items():
        torch.save({"model": model.state_dict(), "spent": 0.0, "step": 0}, stage.of(name) / "checkpoint.pt")
    return tmp_path


def run(runs: Path, *flags: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "training.prefix", "--small", "--runs", str(runs), "--threads", "1", *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_it_trains_reports_by_sight_and_resumes(runs: Path) -> None:
    said = run(runs, "--minutes", "0.03")
    for sight in ("none", "zero", "shuffled", "trained", "codes"):
        assert f"sight {sight}" in said
    assert "resumed at" in run(runs, "--minutes", "0.04")
    folder = runs / "prefix" / "model"
    mini = ModelFolder.open("mini")
    teller = open_teller(folder, mini, seen=(f"mini {mini.manifest.version}", 256))
    assert isinstance(teller, Seq2SeqTeller)
    assert teller.words("a cat").input_ids[-1] == teller.words.eos_token_id


def test_along_with_it_the_language_model_trains_too(runs: Path) -> None:
    run(runs, "--minutes", "0.03", "--along")
    before = torch.load(runs / "teller" / "checkpoint.pt", weights_only=True)["model"]
    after = torch.load(runs / "prefix_along" / "checkpoint.pt", weights_only=True)["model"]
    name = random.Random(0).choice([name for name in before if name.endswith("wo.weight")])
    assert not torch.equal(before[name], after[f"teller.{name}"])
