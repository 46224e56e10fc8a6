"""The workload's laws, and the trace itself on a few requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint import Studio
from flashpaint.bench.answering import Models, Setting, calibrated, run
from flashpaint.bench.distance import kernel_distance
from flashpaint.bench.judge import Judge
from flashpaint.bench.workload import MIX, read_log, workload
from flashpaint.errors import OutOfRange
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(ModelFolder.open("mini"))


@given(seed=st.integers(0, 100), number=st.integers(1, 80))
def test_a_seed_is_one_workload(judge: Judge, seed: int, number: int) -> None:
    families = judge.families("trace")
    asked = workload(families, number, seed)
    assert len(asked) == number
    assert asked == workload(families, number, seed)


def test_a_workload_holds_all_kinds_in_both_languages_and_some_scenes_often(judge: Judge) -> None:
    asked = workload(judge.families("trace"), 400)
    assert {ask.kind for ask in asked} == set(MIX)
    assert 0.3 < sum(not ask.prompt.isascii() for ask in asked) / 400 < 0.6
    wanted = [ask.wanted.description for ask in asked if ask.wanted]
    assert max(wanted.count(description) for description in wanted) > 20
    fresh = [ask.wanted.description for ask in asked if ask.kind == "fresh" and ask.wanted]
    assert len(set(fresh)) > 0.95 * len(fresh)


def test_calibration_and_trace_share_no_scene(judge: Judge) -> None:
    scenes = [{f.scene.description for f in judge.families(series)} for series in ("calibrate", "trace")]
    assert len(scenes[0] & scenes[1]) < 0.1 * len(scenes[0])


def test_an_edit_is_not_what_it_was_made_from(judge: Judge) -> None:
    changed = [e.description != f.scene.description for f in judge.families("trace") for e in f.edits]
    assert sum(changed) > 0.8 * len(changed)


def test_a_log_is_read_line_by_line_and_an_empty_one_refused(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("a cat\n\n太空中的一只猫\n", "utf-8")
    assert [ask.prompt for ask in read_log(tmp_path / "log.txt", 10)] == ["a cat", "太空中的一只猫"]
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(OutOfRange, match="no prompt"):
        read_log(tmp_path / "empty.txt", 10)


def test_sets_of_one_kind_are_near_and_of_two_kinds_far() -> None:
    rng = np.random.default_rng(0)
    one, same, other = (rng.standard_normal((60, 8)).astype(np.float32) + shift for shift in (0, 0, 2))
    one, same, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one, same, other))
    assert abs(kernel_distance(one, same)) < 0.1 * kernel_distance(one, other)


def test_with_memory_fewer_steps_are_painted_for_the_same_requests(judge: Judge) -> None:
    asked = workload(judge.families("trace"), 8)
    asked = [*asked, *asked]
    studio = Studio.open()
    assert isinstance(studio.painter, LoopPainter)
    models, steps = Models(studio, studio.painter, calibrated(ModelFolder.open("mini"))), studio.painter.spec.steps
    cold = run(models, Setting("cold", many=False, tell=True), asked, lambda: None)
    warm = run(models, Setting("warm", many=False, tell=True, memory=True), asked, lambda: None)
    assert cold.steps >= steps, "those of drafts among them"
    assert len(warm.pictures) == len(cold.pictures) == 16
    assert warm.steps < steps
    assert warm.stored > 0
