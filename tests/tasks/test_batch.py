"""Pictures from a file of requests: nothing twice, nothing lost, one failure harms no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flashpaint import Studio
from flashpaint.errors import DiskFull, MemoryBusy, OutOfRange
from flashpaint.tasks import batch
from flashpaint.tasks.batch import Done, Wanted, read, run
from tests.conftest import heed_interrupts


def written(path: Path, lines: Sequence[Any]) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]


def painted(folder: Path) -> list[int]:
    return sorted(row["line"] for row in rows(folder) if "file" in row)


def test_every_line_becomes_a_picture_with_its_row(studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat in space"}, {"prompt": "一只熊猫", "seed": 5}])
    done = {d.row["line"]: d.row for d in run(studio, file, tmp_path / "out", first_seed=10)}
    assert (done[1]["seed"], done[2]["seed"]) == (10, 5)
    assert done[2]["description"] == "a panda"
    for row in done.values():
        assert Image.open(tmp_path / "out" / row["file"]).size == (256, 256)
    assert rows(tmp_path / "out") == sorted(done.values(), key=lambda row: rows(tmp_path / "out").index(row))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"promt": "a cat"}, "did you mean 'prompt'"),
        ({"prompt": "a cat", "steps": "4"}, "steps"),
        ({"prompt": " "}, "empty"),
        ({"prompt": "a cat", "width": 300}, "256"),
        ({"prompt": "a cat", "steps": 4000}, "200"),
        ("no json", "no JSON"),
        ("[1]", "object"),
    ],
)
def test_a_bad_line_is_a_named_failure_and_the_others_are_painted(
    studio: Studio, tmp_path: Path, line: Any, said: str
) -> None:
    file = written(tmp_path / "wishes.jsonl", [line, "", {"prompt": "a dog", "steps": 1}])
    done = {d.row["line"]: d for d in run(studio, file, tmp_path / "out")}
    assert done[1].failed
    assert said in done[1].row["error"]["message"]
    assert painted(tmp_path / "out") == [3]


def test_a_second_run_paints_nothing_twice_and_tries_failures_again(studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}, {"prompt": "a dog", "width": 3}])
    list(run(studio, file, tmp_path / "out", first_seed=1))
    stamp = (tmp_path / "out" / "000001.png").stat().st_mtime_ns
    again = list(run(studio, file, tmp_path / "out", first_seed=1))
    assert [(d.row["line"], d.before, d.failed) for d in again] == [(1, True, False), (2, False, True)]
    assert (tmp_path / "out" / "000001.png").stat().st_mtime_ns == stamp


def test_a_changed_line_a_changed_seed_and_a_missing_picture_are_painted_again(studio: Studio, tmp_path: Path) -> None:
    out, wish = tmp_path / "out", {"prompt": "a cat", "steps": 1}
    file = written(tmp_path / "wishes.jsonl", [wish])

    def fresh(seed: int) -> list[bool]:
        return [not done.before for done in run(studio, file, out, first_seed=seed)]

    assert fresh(1) == [True]
    assert fresh(1) == [False]
    assert fresh(2) == [True]
    (out / "000001.png").unlink()
    assert fresh(2) == [True]
    written(file, [{**wish, "prompt": "a dog"}])
    assert fresh(2) == [True]


def test_a_row_that_a_killed_run_left_half_is_cut_off(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}, {"prompt": "a dog", "steps": 1}])
    list(run(studio, file, out, first_seed=1))
    whole = (out / "manifest.jsonl").read_bytes()
    (out / "manifest.jsonl").write_bytes(whole[:-40])
    assert [done.before for done in run(studio, file, out, first_seed=1)] == [True, False]
    assert painted(out) == [1, 2]


def test_a_picture_that_a_killed_run_left_half_is_cleared_away(studio: Studio, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    half, other = out / ".000001.png.k3v9x", out / ".hidden.png"
    half.write_bytes(b"half")
    other.write_bytes(b"somebody's own")
    list(run(studio, written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}]), out, first_seed=1))
    assert not half.exists()
    assert other.exists()


def test_closing_keeps_the_pictures_that_are_being_painted(studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 2}] * 40)
    going = run(studio, file, tmp_path / "out", first_seed=1, callers=4)
    next(going)
    going.close()
    kept = painted(tmp_path / "out")
    assert 1 <= len(kept) <= 8
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == [f"{line:06}.png" for line in kept]


def test_requests_are_read_only_as_they_are_needed(studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}] * 50)
    taken = list[int]()

    def noted(*asked: Any) -> Iterator[Wanted]:
        taken.clear()
        for wanted in read(*asked):
            taken.append(wanted.number)
            yield wanted

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "read", noted)
        going = run(studio, file, tmp_path / "out", callers=2)
        next(going)
        assert len(taken) <= 5
        going.close()


def test_two_runs_never_share_a_folder(studio: Studio, tmp_path: Path) -> None:
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}] * 3)
    going = run(studio, file, tmp_path / "out")
    next(going)
    with pytest.raises(MemoryBusy):
        next(run(studio, file, tmp_path / "out"))
    going.close()


def test_a_full_disk_stops_the_run(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Path:
        raise DiskFull("no space left: free some", param="out")

    monkeypatch.setattr("flashpaint.marks.save", full)
    file = written(tmp_path / "wishes.jsonl", [{"prompt": "a cat", "steps": 1}] * 3)
    with pytest.raises(DiskFull):
        list(run(studio, file, tmp_path / "out"))
    assert rows(tmp_path / "out") == []


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wishes.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(OutOfRange):
        list(read(tmp_path / "wishes.jsonl"))


def command(file: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "flashpaint.cli", "batch", str(file), "--out", str(out), "--seed", "1"]


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_without_a_loss_or_a_double(tmp_path: Path, signal_: int) -> None:
    out = tmp_path / "out"
    file = written(tmp_path / "wishes.jsonl", [{"prompt": f"{k} cats", "steps": 2} for k in range(60)])
    going = subprocess.Popen(command(file, out), stderr=subprocess.PIPE, preexec_fn=heed_interrupts)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(out.glob("0*.png"))) < 6:
        time.sleep(0.02)
    os.kill(going.pid, signal_)
    said = going.communicate(timeout=60)[1].decode()
    assert going.returncode == (-9 if signal_ == signal.SIGKILL else 130), said
    before = {row["file"]: (out / row["file"]).stat().st_mtime_ns for row in rows_that_are_whole(out) if "file" in row}
    assert 0 < len(before) < 60
    assert "Traceback" not in said
    subprocess.run(command(file, out), check=True, capture_output=True)
    assert painted(out) == list(range(1, 61))
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    assert not [p for p in out.iterdir() if p.name.startswith(".0")], "scratch files are left"


def rows_that_are_whole(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "manifest.jsonl").read_text("utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_done_knows_a_failure() -> None:
    assert Done({"line": 1, "error": {}}).failed
    assert not Done({"line": 1, "file": "a.png"}).failed
