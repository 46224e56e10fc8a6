"""The page for operators: its commands are ones that there are, and so are the files and options that it names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import typer
import yaml

from flashpaint.cli import app
from flashpaint.errors import FlashpaintError
from flashpaint.memory.shared import SharedStore
from flashpaint.memory.spool import Spool
from flashpaint.memory.store import MemoryAway
from flashpaint.serve.keys import Keys
from flashpaint.serve.server import check_reach
from flashpaint.serve.settings import Settings
from tests.deploy.test_manifests import parsed

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text()
KNOWN = {  # what else the page runs
    *("python3", "/opt/flashpaint/bin/pip", "useradd", "cp", "systemctl", "chmod", "openssl"),
    *("sudo", "docker", "kubectl", "pg_dump", "pg_restore", "createdb", "aws"),
}


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            yield shlex.split(line)
    for inline in re.findall(r"`((?:flashpaint|[\w ./=-]*/flashpaint) [^`…]*)`", PAGE):
        yield shlex.split(inline)


def last(words: list[str]) -> int | None:
    """Where flashpaint stands, behind sudo and the like."""
    return max((n for n, word in enumerate(words) if Path(word).name == "flashpaint"), default=None)


def test_each_command_of_flashpaint_parses() -> None:
    known = typer.main.get_command(app).commands
    ours = [words[n + 1 :] for words in commands() if (n := last(words)) is not None and words[n + 1 :]]
    ours = [words for words in ours if words[0] in known]
    assert len(ours) > 20
    for words in ours:
        parsed(words)
    assert {words[0] for words in commands()} - {"flashpaint"} <= KNOWN


def test_each_option_of_the_service_that_is_named_is_one() -> None:
    named = set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--target"}
    options = {option for parameter in parsed(["serve"]).command.params for option in parameter.opts}
    assert named
    assert named <= options


def test_each_file_of_ours_that_is_named_is_there() -> None:
    page = PAGE.replace("exec deploy/flashpaint", "")  # a Deployment
    names = {name for name in re.findall(r"(?:deploy|docs)/[\w./-]+", page) if not name.startswith("deploy/secrets/")}
    assert len(names) > 5
    assert {name for name in names if not (ROOT / name.rstrip(".")).exists()} == set()


def test_defaults_are_the_settings_own(tmp_path: Path) -> None:
    default = Settings(folder=tmp_path)
    rows = dict(re.findall(r"\| (`--[^|]*) \| ([^|]*) \|", PAGE))
    assert rows["`--at-once`, `--max-queue`"] == f"{default.at_once}, {default.max_queue}"
    assert rows["`--deadline`"] == f"{default.deadline_s:g}"
    assert rows["`--drain`"] == f"{default.drain_s:g}"
    assert rows["`--per-key`, `--rate`"] == f"{default.per_key}, any number"


def test_what_prometheus_is_told_is_a_configuration() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    found = yaml.safe_load(block)
    assert found["scrape_configs"][0]["job_name"] == "flashpaint"
    assert (ROOT / "deploy" / "prometheus" / found["rule_files"][0]).exists()


def test_messages_of_the_table_of_troubles_are_those_that_are_given(tmp_path: Path) -> None:
    with pytest.raises(FlashpaintError) as refused:
        check_reach(Settings(folder=tmp_path, host="0.0.0.0"))
    assert "whoever reaches 0.0.0.0 could paint: make a key first" in str(refused.value)
    Keys(tmp_path).add("ann", ["generate"])
    check_reach(Settings(folder=tmp_path, host="0.0.0.0"))
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for said in ("host_refused", "queue_full", "memory_damaged", "memory_newer", "the shared memory is away"):
        assert said in PAGE
        assert said in code
    assert '"warming up"' in code
    assert "the first picture failed" in PAGE
    assert "the first picture failed" in code


def test_the_log_says_that_the_shared_memory_is_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> NoReturn:
        raise MemoryAway("no server answers", param="memory")

    store = SharedStore(away, Spool(tmp_path))
    store.close()
    assert [record.getMessage() for record in caplog.records] == ["the shared memory is away: no server answers"]
