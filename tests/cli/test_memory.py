"""index, search and memory as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.test_cli import run


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two paintings and a file that is none, and the memory that painting them filled."""
    folder = tmp_path_factory.mktemp("painted")
    (folder / "pictures").mkdir()
    done = run("paint", "a cat in space", "a pizza", "--out", "pictures", "--memory", "memory", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "pictures" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def test_painting_again_starts_from_memory_and_says_so(painted: Path, tmp_path: Path) -> None:
    again = run("paint", "太空中的一只猫", "--memory", str(painted / "memory"), cwd=tmp_path)
    assert "memory: started from" in again.stdout
    without = run("paint", "太空中的一只猫", "--no-memory", "--memory", str(painted / "memory"), cwd=tmp_path)
    assert "memory:" not in without.stdout
    asked = run("paint", "a pizza", "--json", "--memory", str(painted / "memory"), cwd=tmp_path)
    assert json.loads(asked.stdout)["reuse"]["kind"] == "near"


def test_several_of_one_prompt_are_different_pictures(tmp_path: Path) -> None:
    done = run("paint", "a cat", "--n", "2", "--steps", "2", "--json", cwd=tmp_path)
    assert [json.loads(line)["reuse"]["kind"] for line in done.stdout.splitlines()] == ["none", "none"]


def test_a_library_is_indexed_reported_and_found(painted: Path, tmp_path: Path) -> None:
    asked = ("index", str(painted / "pictures"), "--memory", "own")
    done = run(*asked, "--report", "report.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 remembered, 1 skipped" in done.stderr
    assert "broken.png" in done.stderr
    rows = [json.loads(line) for line in (tmp_path / "report.jsonl").read_text().splitlines()]
    assert sorted(row["outcome"] for row in rows) == ["remembered", "remembered", "skipped"]
    assert "2 there already" in run(*asked, cwd=tmp_path).stderr
    found = run("search", "a cat", "--memory", "own", "--out", "sheet.png", "-k", "1", cwd=tmp_path)
    assert "a cat in space" in found.stdout
    assert Image.open(tmp_path / "sheet.png").width > 200
    itself = run("search", str(painted / "pictures" / "a-pizza.png"), "--memory", "own", "--json", cwd=tmp_path)
    assert json.loads(itself.stdout.splitlines()[0])["description"] == "a pizza"


def test_nothing_readable_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    done = run("index", "notes.txt", "--memory", "own", cwd=tmp_path)
    assert done.returncode == 1
    assert "notes.txt" in done.stderr


def test_an_empty_memory_says_how_to_fill_it(tmp_path: Path) -> None:
    done = run("memory", "--memory", "nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert "flashpaint index" in done.stderr
    assert not (tmp_path / "nowhere").exists(), "asking makes nothing"
    assert "nothing is remembered" in run("search", "a cat", "--memory", "new", cwd=tmp_path).stdout


def test_statistics_budget_verify_and_forget(painted: Path, tmp_path: Path) -> None:
    run("index", str(painted / "pictures"), "--memory", "own", cwd=tmp_path)
    stats = json.loads(run("memory", "--json", "--memory", "own", cwd=tmp_path).stdout)
    assert stats["entries"] == 2
    assert "2 pictures" in run("memory", "--memory", "own", cwd=tmp_path).stdout
    listed = [
        json.loads(line)
        for line in run("memory", "--memory", "own", "list", "--json", cwd=tmp_path).stdout.splitlines()
    ]
    assert {row["description"] for row in listed} == {"a cat in space", "a pizza"}
    assert run("memory", "--memory", "own", "verify", cwd=tmp_path).returncode == 0
    assert "1 forgotten" in run("memory", "--memory", "own", "forget", listed[0]["id"], cwd=tmp_path).stdout
    assert run("memory", "--memory", "own", "forget", cwd=tmp_path).returncode == 1
    assert (
        "0 pictures"
        in run("memory", "--memory", "own", "forget", "--all", cwd=tmp_path).stdout
        + run("memory", "--memory", "own", cwd=tmp_path).stdout
    )
    assert run("memory", "--memory", "own", "budget", "much", cwd=tmp_path).returncode == 1


def test_a_memory_moves_in_one_file(painted: Path, tmp_path: Path) -> None:
    assert run("memory", "--memory", str(painted / "memory"), "export", "all.zip", cwd=tmp_path).returncode == 0
    assert run("memory", "--memory", str(painted / "memory"), "export", "all.zip", cwd=tmp_path).returncode == 1
    added = run("memory", "--memory", "other", "import", "all.zip", cwd=tmp_path)
    assert added.returncode == 0, added.stderr
    assert "2 added" in added.stdout
    assert "2 here already" in run("memory", "--memory", "other", "import", "all.zip", cwd=tmp_path).stdout
