"""Models as users add them: from a hub on this machine, through the real client, and from folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="the extra: pip install -e '.[torch]'")

from flashpaint import FlashpaintError, PaintRequest, Studio
from flashpaint.errors import DiskFull, ModelDamaged, ModelNotFound, RequestInvalid
from flashpaint.models import adding, registry
from flashpaint.models.adding import add, add_folder, find_model
from tests.conftest import heed_interrupts
from tests.models.hub_server import Hub, serving

MB = 2**20


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("FLASHPAINT_MODELS", str(folder))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return folder


@pytest.fixture
def hub(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def index(*parts: str, **more: Any) -> bytes:
    return json.dumps({"_class_name": "X", **{p: ["diffusers", "Y"] for p in parts}, **more}).encode()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A model's files in all the forms that hubs have, with bytes of no meaning."""
    return write(
        tmp_path / "small",
        {
            "model_index.json": index("unet", "vae", "tokenizer", "safety_checker", empty=[None, None]),
            "README.md": b"read me",
            "setup.py": b"code",
            "all-in-one.safetensors": b"a checkpoint of everything",
            "unet/config.json": b"{}",
            "unet/diffusion_pytorch_model.safetensors": b"full",
            "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
            "unet/diffusion_pytorch_model.non_ema.safetensors": b"raw",
            "unet/diffusion_pytorch_model.bin": b"pickle",
            "vae/config.json": b"{}",
            "vae/diffusion_pytorch_model-00001-of-00002.safetensors": b"one",
            "vae/diffusion_pytorch_model-00002-of-00002.safetensors": b"two",
            "vae/diffusion_pytorch_model.safetensors.index.json": b"{}",
            "tokenizer/vocab.json": b"{}",
            "tokenizer/merges.txt": b"",
            "safety_checker/model.safetensors": b"not ours",
            "vae_onnx/model.safetensors": b"no part",
            "deep/er/config.json": b"{}",
        },
    )


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def cli(*arguments: str, wait: bool = True, **variables: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, which heeds Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flashpaint.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200", **variables},
        preexec_fn=heed_interrupts,
    )
    if wait:
        process.wait(120)
    return process


def test_a_model_comes_whole_at_a_recorded_commit_without_what_is_not_needed(hub: Hub, small: Path) -> None:
    commit = hub.publish(small)
    model = add("tests/tiny")
    assert names(model.path) == {
        "flashpaint.json",
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model-00001-of-00002.safetensors",
        "vae/diffusion_pytorch_model-00002-of-00002.safetensors",
        "vae/diffusion_pytorch_model.safetensors.index.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
    }
    record = model.record
    assert (record.revision, record.asked, record.kind, record.variant) == (commit, None, "diffusers", "fp16")
    assert record.files["unet/diffusion_pytorch_model.fp16.safetensors"].bytes == 4
    for name in record.files:
        model.check(name)
    assert registry.added() == [model]
    assert not registry.unfinished()


def test_what_is_here_is_not_fetched_again_and_another_commit_stands_beside_it(hub: Hub, small: Path) -> None:
    first = hub.publish(small)
    old = add("tests/tiny")
    served = sum(hub.served.values())
    assert add("tests/tiny").path == old.path
    assert sum(hub.served.values()) == served
    (small / "unet" / "diffusion_pytorch_model.fp16.safetensors").write_bytes(b"better")
    second = hub.publish(small)
    new = add("tests/tiny")
    assert new.record.revision == second != first
    assert find_model("tests/tiny") == new.path, "the last added"
    assert find_model("tiny", first) == find_model(f"tests/tiny@{first[:10]}") == old.path
    with pytest.raises(RequestInvalid, match="name one"):
        registry.the_one("tiny")


def test_the_full_variant_is_there_for_who_asks_and_an_unknown_one_is_refused(hub: Hub, small: Path) -> None:
    hub.publish(small)
    with pytest.raises(RequestInvalid, match="has no variant 'int3': it has fp16, full, non_ema"):
        add("tests/tiny", variant="int3")
    model = add("tests/tiny", variant="full")
    assert "unet/diffusion_pytorch_model.safetensors" in model.record.files
    assert "unet/diffusion_pytorch_model.fp16.safetensors" not in model.record.files
    with pytest.raises(RequestInvalid, match="is here as full"):
        add("tests/tiny", variant="fp16")


def test_a_transformers_model_is_its_one_folder(hub: Hub, tmp_path: Path) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"w", "pytorch_model.bin": b"p", "tokenizer.json": b"{}"}
    hub.publish(write(tmp_path / "clip", {**files, "onnx/model.onnx": b"o"}), "tests/clip")
    model = add("tests/clip", "main")
    assert model.record.kind == "transformers"
    assert model.record.asked == "main"
    assert set(model.record.files) == {"config.json", "model.safetensors", "tokenizer.json"}


def test_names_that_lead_out_of_the_folder_are_left_out(hub: Hub, small: Path, models: Path) -> None:
    hub.publish(small)
    for name in ("../evil.json", "unet/../../evil.json", "/tmp/evil.json", "..\\evil.json", "vae/.hidden.json"):
        hub.extra.append({"rfilename": name, "size": 2, "blobId": "0" * 40})
    model = add("tests/tiny")
    assert not any("evil" in name or "hidden" in name for name in model.record.files)
    assert not list(models.parent.rglob("evil*"))


def test_pickled_weights_alone_are_refused_before_a_byte_of_them(hub: Hub, small: Path) -> None:
    for path in (small / "unet").glob("*.safetensors"):
        path.unlink()
    hub.publish(small)
    with pytest.raises(ModelDamaged, match="tests/tiny/unet holds only pickled weights, which can run code"):
        add("tests/tiny")
    assert hub.served["diffusion_pytorch_model.bin"] == 0
    assert registry.added() == []


@pytest.mark.parametrize(
    ("id", "revision", "words"),
    [
        ("tests/nothing", None, "is not on the hub, or is private"),
        ("tests/tiny", "v9", "has no revision 'v9'"),
        ("tests/gated", None, "is gated: ask for access"),
        ("just-a-name", None, "neither a folder here nor owner/name"),
        ("../../etc", None, "neither a folder here nor owner/name"),
        ("a/b/c", None, "neither a folder here nor owner/name"),
    ],
)
def test_what_cannot_be_had_is_said_with_what_to_do(
    hub: Hub, small: Path, models: Path, id: str, revision: str | None, words: str
) -> None:
    hub.publish(small)
    hub.publish(small, "tests/gated")
    hub.gated.add("tests/gated")
    with pytest.raises(ModelNotFound, match=words):
        add(id, revision)
    assert registry.added() == []


def test_a_token_opens_what_is_gated_and_never_goes_to_the_cdn(
    hub: Hub, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(small, "tests/gated")
    hub.gated.add("tests/gated")
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    add("tests/gated")
    assert hub.cdn_headers
    assert not any("authorization" in headers for headers in hub.cdn_headers)


def test_a_hub_out_of_reach_is_said_and_what_is_here_still_opens(
    hub: Hub, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(small)
    path = add("tests/tiny").path
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert find_model("tests/tiny") == find_model("tiny") == path
    with pytest.raises(ModelNotFound, match=r"could not be fetched .*: try again"):
        add("tests/other")
    done = cli("models", "add", "tests/tiny", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert done.stderr is not None
    assert "HF_HUB_OFFLINE forbids" in done.stderr.read()


def test_bytes_that_are_not_those_listed_are_refused(hub: Hub, small: Path) -> None:
    hub.publish(small)
    for wrong in ("vocab.json", "diffusion_pytorch_model.fp16.safetensors"):  # in the order of their fetching
        hub.wrong = {wrong}
        with pytest.raises(ModelDamaged, match=f"{wrong} is not what the hub lists"):
            add("tests/tiny")
        assert registry.added() == []
    hub.wrong = set()
    add("tests/tiny")


def big(tmp_path: Path) -> Path:
    files = {"model_index.json": index("unet"), "unet/config.json": b"{}"}
    return write(tmp_path / "big", {**files, "unet/model.safetensors": os.urandom(24 * MB)})


def until(true: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.02)


def test_killed_in_the_middle_it_is_not_visible_and_goes_on_where_it_stopped(
    hub: Hub, tmp_path: Path, models: Path
) -> None:
    hub.publish(big(tmp_path))
    hub.stall_at["model.safetensors"] = 22 * MB
    process = cli("models", "add", "tests/tiny", wait=False)
    until(lambda: sum(p.stat().st_size for p in models.rglob("*.part")) >= 20 * MB)
    process.kill()
    process.communicate()
    assert registry.added() == []
    begun = registry.unfinished()
    assert next(iter(begun)).startswith("tests/tiny@")
    listed = cli("models").communicate()[0]
    assert "unfinished: tests/tiny@" in listed
    there = sum(p.stat().st_size for p in models.rglob("*.part"))
    hub.asked.clear()
    hub.stall_at.clear()
    hub.go.set()
    model = add("tests/tiny")
    assert hub.asked == [("model.safetensors", there)], "the rest of one file, and nothing else"
    for name in model.record.files:
        model.check(name)
    assert not registry.unfinished()


def test_ctrl_c_keeps_what_has_come_and_says_how_to_go_on(hub: Hub, tmp_path: Path, models: Path) -> None:
    hub.publish(big(tmp_path))
    hub.stall_at["model.safetensors"] = 12 * MB
    process = cli("models", "add", "tests/tiny", wait=False)
    until(lambda: list(models.rglob("*.part")) and hub.served["model.safetensors"] >= 12 * MB)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "go on with: flashpaint models add tests/tiny" in errors
    assert "Traceback" not in errors
    removed = cli("models", "remove", "tests/tiny", "--yes")
    assert removed.returncode == 0
    assert not registry.unfinished()


def test_a_torn_part_of_an_earlier_attempt_is_fetched_from_the_start(hub: Hub, tmp_path: Path, models: Path) -> None:
    commit = hub.publish(big(tmp_path))
    part = models / registry.PARTIAL / registry.folder_name("tests/tiny", commit) / "unet" / "model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(os.urandom(5 * MB))
    model = add("tests/tiny")
    model.check("unet/model.safetensors")
    assert hub.served["model.safetensors"] == (24 - 5 + 24) * MB


def test_a_connection_that_breaks_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.publish(big(tmp_path))
    hub.break_at["model.safetensors"] = 15 * MB
    add("tests/tiny").check("unet/model.safetensors")
    assert hub.served["model.safetensors"] <= (15 + 24 - 10) * MB


def test_a_full_disk_is_said_before_a_byte_is_written(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.publish(big(tmp_path))
    usage = shutil.disk_usage(tmp_path)._replace(free=adding.SPARE + 10 * MB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"needs 25 MB in .*, where \d+ MB are free: make room"):
        add("tests/tiny")
    assert hub.served["model.safetensors"] == 0


def test_a_terminal_is_shown_files_and_bytes(hub: Hub, tmp_path: Path) -> None:
    hub.publish(big(tmp_path))
    out, errors = cli("models", "add", "tests/tiny", FORCE_COLOR="1").communicate()
    assert "fetching" in errors
    assert "3/3" in errors
    assert "MB" in errors
    assert "--painter tests/tiny" in out


def test_two_processes_that_add_one_model_at_once_fetch_it_once(hub: Hub, tmp_path: Path) -> None:
    hub.publish(big(tmp_path))
    hub.stall_at["model.safetensors"] = 12 * MB
    both = [cli("models", "add", "tests/tiny", wait=False) for _ in range(2)]
    until(lambda: hub.served["model.safetensors"] >= 12 * MB)
    time.sleep(1)
    hub.go.set()
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert hub.served["model.safetensors"] == 24 * MB
    assert len(registry.added()) == 1


def test_verify_finds_a_flipped_byte_and_remove_deletes(hub: Hub, small: Path, models: Path) -> None:
    hub.publish(small)
    model = add("tests/tiny")
    assert cli("models", "verify", "tiny").returncode == 0
    weights = model.path / "unet" / "diffusion_pytorch_model.fp16.safetensors"
    weights.write_bytes(b"hblf")
    damaged = cli("models", "verify", "--json")
    out, errors = damaged.communicate()
    assert damaged.returncode == 1
    assert [row["file"] for row in json.loads(out) if row["state"] == "damaged"] == [
        "unet/diffusion_pytorch_model.fp16.safetensors"
    ]
    assert f"flashpaint models remove {model.name}, then add it again" in errors
    asked = cli("models", "remove", "tiny")
    assert asked.returncode == 1, "nobody said yes"
    assert model.path.is_dir()
    assert cli("models", "remove", "tiny", "--yes").returncode == 0
    assert registry.added() == []
    assert names(models) <= {".partial/tests--tiny.lock"}
    assert cli("models", "remove", "tiny", "--yes").returncode == 1


def test_a_folder_is_copied_without_its_pickles_and_stays_what_it_was(small: Path, models: Path) -> None:
    model = add_folder(small, "mine")
    assert model.record.source == "folder"
    shutil.rmtree(small)
    for name in model.record.files:
        model.check(name)
    assert find_model("mine") == model.path
    assert not registry.unfinished()


@pytest.mark.parametrize("name", ["mini", "a/b", "..", "", "a--b", "-x"])
def test_a_folder_gets_a_free_plain_name(small: Path, models: Path, name: str) -> None:
    with pytest.raises(RequestInvalid, match="free name"):
        add_folder(small, name)


def test_a_taken_name_and_a_folder_that_is_no_model_are_refused(small: Path, models: Path, tmp_path: Path) -> None:
    add_folder(small, "mine")
    with pytest.raises(RequestInvalid, match="there is a model mine already"):
        add_folder(small, "mine")
    for empty in ({"model_index.json": b"{}"}, {"model_index.json": index("vae"), "vae/config.json": b"{}"}):
        with pytest.raises(ModelDamaged, match="holds no weights"):
            add_folder(write(tmp_path / f"empty-{len(empty)}", empty), "empty")
    pickled = {"config.json": b"{}", "pytorch_model.bin": b"p"}
    with pytest.raises(ModelDamaged, match="holds only pickled weights"):
        add_folder(write(tmp_path / "pickled", pickled), "pickled")
    with pytest.raises(ModelNotFound, match="neither model_index"):
        add_folder(write(tmp_path / "none", {"a.txt": b""}), "none")


def test_the_list_tells_kind_size_and_revision(hub: Hub, small: Path) -> None:
    commit = hub.publish(small)
    add("tests/tiny")
    rows = json.loads(cli("models", "list", "--json").communicate()[0])
    assert [(row["name"], row["kind"]) for row in rows] == [("mini", "embedded"), ("tests/tiny", "diffusers")]
    assert rows[1]["revision"] == commit
    assert rows[1]["bytes"] > 0
    shown = cli("models").communicate()[0]
    assert "tests/tiny" in shown
    assert commit in shown


def test_a_torn_record_hides_one_model_and_is_said(hub: Hub, small: Path) -> None:
    hub.publish(small)
    torn = add("tests/tiny")
    hub.publish(small, "tests/other")
    add("tests/other")
    (torn.path / registry.RECORD).write_text("{")
    assert [model.record.id for model in registry.added()] == ["tests/other"]
    assert "damaged" in cli("models").communicate()[0]
    assert cli("models", "verify").returncode == 1
    assert add("tests/tiny").path == torn.path
    assert not registry.torn()


def test_without_the_hubs_client_the_remedy_is_said(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelNotFound, match=r"pip install 'flashpaint\[torch\]'"):
        add("tests/tiny")


def test_what_is_not_here_lists_what_is(models: Path) -> None:
    with pytest.raises(ModelNotFound, match="there is mini; add one with: flashpaint models add"):
        find_model("nope")
    assert find_model("mini").name == "mini"
    assert find_model(models.parent) == models.parent


def test_an_added_model_paints_by_its_short_name(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from tests.paint.diffusers import tiny

    tiny.sd().save_pretrained(tmp_path / "sd", variant="fp16")
    commit = hub.publish(tmp_path / "sd", "tests/tiny-sd")
    assert add("tests/tiny-sd").record.variant == "fp16"
    painting = Studio.open(painter="tiny-sd").paint(PaintRequest("a cat", seed=1, steps=2))
    assert painting.picture.size == (32, 32)
    assert (painting.used["model"], painting.used["version"]) == ("tests/tiny-sd", commit)


def test_a_model_of_the_hub_is_added_when_it_is_first_opened(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    from flashpaint.paint.opening import open_painter
    from tests.paint.diffusers import tiny

    tiny.sd().save_pretrained(tmp_path / "sd")
    commit = hub.publish(tmp_path / "sd", "tests/tiny-sd")
    assert open_painter("tests/tiny-sd", commit).spec.version == commit
    with pytest.raises(FlashpaintError):
        open_painter("tests/tiny-sd", "f" * 40)
