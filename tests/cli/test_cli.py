"""The command line as a user runs it: a new process, its exit code, its two outputs and the files it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from flashpaint.cli.paint import slug
from flashpaint.cli.terminal import half_blocks, iterm, kitty
from tests.conftest import heed_interrupts


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flashpaint.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200", **variables},
        timeout=120,
    )


def test_a_prompt_becomes_a_file_and_its_story_is_told(tmp_path: Path) -> None:
    done = run("paint", "太空中的一只猫", "--seed", "7", "--out", "cat.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "a cat in space" in done.stdout
    assert "cat.png" in done.stdout
    assert "denoise" in done.stdout
    assert Image.open(tmp_path / "cat.png").size == (256, 256)
    shown = run("show", "cat.png", cwd=tmp_path)
    assert "太空中的一只猫" in shown.stdout
    assert "a trained model" in shown.stdout


def test_json_is_one_object_a_picture_and_files_are_named_by_their_prompt(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a cat\n\n一只狗\n", encoding="utf-8")
    done = run("paint", "--file", "prompts.txt", "--n", "2", "--steps", "1", "--seed", "5", "--json", cwd=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["seed"] for row in rows] == [5, 6, 5, 6]
    assert [row["file"] for row in rows] == ["a-cat.png", "a-cat-2.png", "一只狗.png", "一只狗-2.png"]
    assert all((tmp_path / row["file"]).exists() for row in rows)
    assert rows[0]["seconds"]["total"] > 0


def test_several_pictures_into_one_named_file_are_numbered(tmp_path: Path) -> None:
    done = run("paint", "a star", "--n", "2", "--steps", "1", "--out", "star.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["star-1.png", "star-2.png"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("paint", ""), "prompt_empty"),
        (("paint", " \t "), "prompt_empty"),
        (("paint", "x" * 10_000), "prompt_too_long"),
        (("paint", "a\x07b"), "prompt_unreadable"),
        (("paint", "a", "--n", "0"), "out_of_range"),
        (("paint", "a", "--n", "100000"), "out_of_range"),
        (("paint", "a", "--seed", "-1"), "out_of_range"),
        (("paint", "a", "--steps", "0"), "out_of_range"),
        (("paint", "a", "--size", "big"), "out_of_range"),
        (("paint", "a", "--size", "1000x1000"), "size_unsupported"),
        (("paint", "a", "--model", "nope"), "model_not_found"),
        (("paint", "a", "--out", "no/where.png"), "output_unwritable"),
        (("paint", "a", "--out", "cat.gif"), "output_unwritable"),
        (("paint", "--file", "missing.txt"), "out_of_range"),
        (("show", "missing.png"), "picture_unreadable"),
        (("models", "verify", "nope"), "model_not_found"),
        (("models", "remove", "nope", "--yes"), "model_not_found"),
        (("models", "remove", "mini", "--yes"), "request_invalid"),
        (("models", "add", "nope"), "model_not_found"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error ({code}): ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run("--debug", "paint", "", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_existing_file_is_refused_before_painting(tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_text("mine")
    done = run("paint", "a cat", "--out", "cat.png", cwd=tmp_path)
    assert "output_exists" in done.stderr
    assert (tmp_path / "cat.png").read_text() == "mine"


def test_models_are_listed_and_a_damaged_one_fails(tmp_path: Path, model_copy: Path) -> None:
    listed = run("models", cwd=tmp_path)
    assert listed.returncode == 0
    assert "mini" in listed.stdout
    assert [row["name"] for row in json.loads(run("models", "--json", cwd=tmp_path).stdout)][:1] == ["mini"]
    whole = run("models", "verify", "mini", cwd=tmp_path)
    assert whole.returncode == 0
    assert "denoiser.onnx" in whole.stdout
    (model_copy / "decoder.onnx").write_bytes(b"short")
    damaged = run("models", "verify", str(model_copy), cwd=tmp_path)
    assert damaged.returncode == 1
    assert "damaged" in damaged.stdout
    assert "model_damaged" in damaged.stderr
    assert "flashpaint models add" in run("models", "--help", cwd=tmp_path).stdout


def test_help_teaches_by_example(tmp_path: Path) -> None:
    done = run("--help", cwd=tmp_path)
    assert 'flashpaint paint "a cat in space"' in done.stdout
    assert run("--version", cwd=tmp_path).stdout.startswith("flashpaint 0.")


def test_ctrl_c_ends_quietly_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "flashpaint.cli",
            "paint",
            "a cat",
            "--steps",
            "200",
            "--n",
            "50",
            "--out",
            str(tmp_path),
        ],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=heed_interrupts,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    for path in tmp_path.iterdir():
        Image.open(path).load()


def test_file_names_keep_the_prompts_letters_and_nothing_dangerous() -> None:
    assert slug("A Cat, in space!") == "a-cat-in-space"
    assert slug("太空中的一只猫") == "太空中的一只猫"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("🐱🚀") == "painting"


def test_a_terminal_is_given_a_picture_it_can_draw() -> None:
    picture = Image.new("RGB", (64, 64), (10, 20, 30))
    lines = half_blocks(picture, columns=16).splitlines()
    assert len(lines) == 8
    assert lines[0].count("▀") == 16
    assert "48;2;10;20;30" in lines[0]
    assert kitty(picture).startswith("\033_Ga=T,f=100,m=0;")
    assert iterm(picture).startswith("\033]1337;File=inline=1")
