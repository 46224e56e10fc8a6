"""`flashpaint plan` as a user runs it, and the profiles that it reads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import OutOfRange
from flashpaint.plan.profile import Profile, read_profile
from tests.conftest import heed_interrupts

MINI = {
    "title": "mini [by hand]",
    "steps": 4,
    "batch": 8,
    "pass_s": {"1": 0.009, "2": 0.014, "4": 0.024, "8": 0.044},
    "read_s": 0.0105,
    "decode_s": 0.0076,
    "startup_s": 2,
    "skipped": 2,
    "reading_speed": 0.6,
    "painting_speed": 0.8,
}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "mini.json"
    path.write_text(json.dumps(MINI))
    return path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flashpaint.cli", "plan", *arguments]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command(*arguments), cwd=cwd, capture_output=True, text=True, env=environment, timeout=120)


def test_a_target_is_met_with_a_table_figures_and_a_plot(profile: Path, tmp_path: Path) -> None:
    wanted = ["--rate", "300000", "--hours", "0.02", "--hit-rate", "0.5", "--target", "0.3", "--cost", "0.5"]
    done = run(str(profile), *wanted, "--json", "plan.json", "--plot", "plan.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "plan.json").read_text())
    figures = found["figures"]
    assert figures["p50_s"] <= figures["p95_s"] <= figures["p99_s"]
    assert figures["p95_s"] <= 0.35
    assert 2 <= figures["replicas_needed"] <= 5
    hours = figures["replicas_needed"] * figures["requests"] / figures["pictures_per_s"] / 3600
    assert figures["cost_per_1000"] == pytest.approx(1000 * 0.5 * hours / figures["painted"], rel=0.01)
    assert found["profile"]["title"] == "mini [by hand]"
    assert "mini [by hand]" in done.stdout
    assert "replicas_needed" in done.stdout
    assert (tmp_path / "plan.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mini.json", "plan.json", "plan.png"]


def test_an_overload_is_told(profile: Path, tmp_path: Path) -> None:
    done = run(str(profile), "--rate", "300000", "--hours", "0.02", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "get no picture" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--rate", "1000"], 1, "give a profile, or --measure"),
        (["none.json", "--rate", "1000"], 1, "measure one with"),
        (["mini.json"], 1, "Give --rate"),
        (["mini.json", "--rate", "1000", "--replicas", "4", "--max-replicas", "2"], 1, "fewer than"),
        (["mini.json", "--rate", "1000", "--skipped", "4"], 1, "cannot be skipped"),
        (["mini.json", "--rate", "1000", "--target", "0.01"], 1, "in an idle one"),
        (["mini.json", "--rate", "50000000", "--hours", "9"], 1, "fewer --hours"),
        (["mini.json", "--rate", "1000", "--plot", "none/plan.png"], 1, "there is no folder none"),
        (["mini.json", "--rate", "0"], 2, "--rate"),
        (["mini.json", "--rate", "1000", "--hit-rate", "2"], 2, "--hit-rate"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(
    profile: Path, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupted_plan_leaves_nothing(profile: Path, tmp_path: Path) -> None:
    arguments = ["mini.json", "--rate", "1000000", "--replicas", "14", "--json", "plan.json", "--plot", "plan.png"]
    with subprocess.Popen(
        command(*arguments), cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as process:
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert [path.name for path in tmp_path.iterdir()] == ["mini.json"]


def test_help_teaches_with_examples(tmp_path: Path) -> None:
    shown = run("--help", cwd=tmp_path).stdout
    assert shown.count("flashpaint plan ") >= 6
    assert "[default: startup]" in shown


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no profile: the file"),
        ('{"steps": 4}', "pass_s"),
        ('{"steps": 4, "pass_s": {}}', "pass_s"),
        ('{"steps": 4, "pass_s": {"1": 0}}', "more than no time"),
        ('{"steps": 4, "pass_s": {"1": 1}, "read_s": -1}', "read_s"),
        ('{"steps": 4, "pass_s": {"1": 1}, "painting_speed": 0}', "painting_speed"),
        ('{"steps": 4, "pass_s": {"1": 1}, "speed": 1}', "speed"),
    ],
)
def test_what_is_no_profile_is_refused_by_the_field_that_is_wrong(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(OutOfRange, match=said):
        read_profile(tmp_path / "profile.json")


@given(st.dictionaries(st.integers(1, 64), st.floats(0.001, 10), min_size=1), st.integers(1, 64))
def test_a_pass_takes_what_was_measured_and_between_two_what_lies_between(passes: dict[int, float], rows: int) -> None:
    profile = Profile(steps=1, pass_s=passes)
    assert all(profile.pass_of(known) == pytest.approx(seconds) for known, seconds in passes.items())
    if rows <= max(passes):
        assert min(passes.values()) - 1e-9 <= profile.pass_of(rows) <= max(passes.values()) + 1e-9


def test_a_written_profile_is_read_again(tmp_path: Path) -> None:
    one = Profile.model_validate(MINI)
    (tmp_path / "profile.json").write_text(one.model_dump_json())
    assert read_profile(tmp_path / "profile.json") == one


def test_reading_beside_painting_costs_what_both_lose() -> None:
    """By hand: 0.1 s of reading at half speed beside 0.3 s of painting at full speed is painting's 0.3 s."""
    beside = Profile(steps=1, pass_s={1: 0.3}, read_s=0.1, reading_speed=0.5)
    assert beside.most_per_s(1) == pytest.approx(1 / 0.3)
    shared = beside.model_copy(update={"painting_speed": 0.5})
    assert shared.most_per_s(1) == pytest.approx(1 / 0.4), "one core: one after the other"
