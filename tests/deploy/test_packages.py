"""Slow, and in need of a package index: the source distribution becomes a wheel, the wheel is installed with the
versions of constraints.txt in a fresh environment, and that paints, and serves confined as the image is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable
from email.parser import Parser
from pathlib import Path

import httpx2
import pytest
from packaging.utils import canonicalize_name
from PIL import Image

from tests.serve.conftest import free_port, until_ready

ROOT = Path(__file__).parents[2]
LIMIT_S = 240
OFFLINE = ("No matching distribution", "Connection", "Temporary failure", "Could not find a version", "Network")

pytestmark = pytest.mark.timeout(2 * LIMIT_S)


def run(*command: object, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Not in the environment that the tests run in."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env={**kept, **variables}, capture_output=True, text=True, timeout=LIMIT_S
    )


def fetched(*command: object, cwd: Path) -> None:
    done = run(*command, cwd=cwd, PIP_DISABLE_PIP_VERSION_CHECK="1")
    if done.returncode != 0 and any(word in done.stderr for word in OFFLINE):
        pytest.skip(f"no package index answers here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def environment(place: Path) -> Path:
    """The bin folder of a fresh one."""
    subprocess.run([sys.executable, "-m", "venv", place / "environment"], check=True, timeout=LIMIT_S)
    return place / "environment" / "bin"


@pytest.fixture(scope="module")
def sdist(place: Path, environment: Path) -> Path:
    """By the build backend that pyproject.toml names."""
    backend = place / "backend"
    fetched(environment / "pip", "install", "--quiet", "--target", backend, "hatchling", cwd=place)
    built = run(
        *(environment / "python", "-m", "hatchling", "build", "--target", "sdist", "--directory", place / "dist"),
        cwd=ROOT,
        PYTHONPATH=str(backend),
    )
    assert built.returncode == 0, built.stderr
    (found,) = (place / "dist").glob("flashpaint-*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(place: Path, environment: Path, sdist: Path) -> Path:
    """Of the source distribution, not of this checkout."""
    fetched(environment / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place / "wheels", sdist, cwd=place)
    (found,) = (place / "wheels").glob("flashpaint-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(place: Path, environment: Path, wheel: Path) -> Path:
    """flashpaint, as the image has it."""
    asked = (environment / "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", f"{wheel}[cluster]")
    fetched(*asked, cwd=place)
    return environment / "flashpaint"


def test_the_source_distribution_has_what_a_wheel_needs_and_no_more(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "NOTICE", "README.md", "pyproject.toml", "src/flashpaint/mini/denoiser.onnx"} <= names
    assert not any(name.startswith(("tests", "training", "deploy", "bench", "docs")) for name in names)
    assert sdist.stat().st_size < 100e6


def test_the_wheel_has_models_page_licences_and_extras(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        told = Parser().parsestr(archive.read(about).decode())
        manifest = json.loads(archive.read("flashpaint/mini/manifest.json"))
    assert {f"flashpaint/mini/{name}" for name in manifest["files"]} <= names
    page = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/flashpaint/serve/page").rglob("*.*")}
    assert page <= names
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names if "licenses" in name}
    assert {"bench", "cluster", "remote", "torch"} <= set(told.get_all("Provides-Extra") or [])
    assert told["License-Expression"] == "Apache-2.0"


def pinned(lines: list[str]) -> dict[str, str]:
    """Version by name, of what has one."""
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version for name, version in pairs}


def test_what_is_installed_is_what_the_tests_pass_with(installed: Path, environment: Path, place: Path) -> None:
    frozen = run(environment / "pip", "freeze", "--exclude-editable", cwd=place).stdout.splitlines()
    found, wanted = pinned(frozen), pinned((ROOT / "constraints.txt").read_text().splitlines())
    assert found.items() <= wanted.items()
    assert "torch" not in found
    checked = run(environment / "pip", "check", cwd=place)
    assert checked.returncode == 0, checked.stdout


def test_the_wheel_paints(installed: Path, place: Path) -> None:
    asked = ("paint", "太空中的一只猫", "--seed", "9", "--out", "cat.png", "--memory", "memory")
    painted = run(installed, *asked, cwd=place, HOME=str(place))
    assert painted.returncode == 0, painted.stderr
    with Image.open(place / "cat.png") as picture:
        assert picture.size == (256, 256)
        assert len(picture.getcolors(256 * 256) or []) > 1000
    assert (place / "memory" / "memory.db").exists()


# ---- as the image is run: a root that is read-only, a user without rights, /data and /tmp to write to

CONFINED = """
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=0755 tmpfs /mnt
mkdir /mnt/environment /mnt/data
mount --bind "$1" /mnt/environment
mount --bind "$2" /mnt/data
mount -t tmpfs -o mode=1777,size=256m tmpfs /tmp
mount -o remount,ro /mnt
mount -o remount,bind,ro /mnt/environment
mount -o remount,bind,ro /
cd /mnt/data
shift 2
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def may_confine() -> bool:
    if os.getuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        return False
    tried = ["unshare", "--mount", "sh", "-c", "mount --make-rprivate / && mount -o remount,bind,ro /"]
    return subprocess.run(tried, capture_output=True).returncode == 0


@pytest.fixture
def confined(installed: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts commands of the environment so, with the image's variables."""
    if not may_confine():
        pytest.skip("nothing can be confined here: this takes root, unshare and setpriv")
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 10001, 10001)
    variables = dict(re.findall(r"(\w+)=(/data\S*)", (ROOT / "deploy" / "Dockerfile").read_text()))
    assert {"HOME", "FLASHPAINT_DATA", "FLASHPAINT_CACHE"} <= set(variables)
    moved = {name: value.replace("/data", "/mnt/data") for name, value in variables.items()}

    def start(*command: object) -> subprocess.Popen[str]:
        whole = ["unshare", "--mount", "sh", "-c", CONFINED, "sh", installed.parents[1], data, *command]
        environment = {"PATH": os.environ["PATH"], **moved}
        return subprocess.Popen(
            [*map(str, whole)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def test_it_serves_on_a_read_only_root_as_nobody_and_stops_when_told(
    confined: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    python, port = "/mnt/environment/bin/python", free_port()
    for place in ("/x", "/mnt/x", "/mnt/environment/x", "/usr/x", "/var/tmp/x"):
        assert confined("touch", place).wait(30) != 0
    serve = (python, "-m", "flashpaint.cli", "serve", "--host", "0.0.0.0", "--port", port, "--threads", 2)
    refused = confined(*serve)
    assert "make a key first" in refused.communicate(timeout=60)[1]
    key = confined(python, "-m", "flashpaint.cli", "keys", "add", "ann").communicate(timeout=60)[0].strip()
    server = confined(*serve)
    try:
        until_ready(f"http://127.0.0.1:{port}")
        http = httpx2.Client(headers={"authorization": f"Bearer {key}"}, timeout=60)
        for _ in range(2):
            asked = {"prompt": "a cat in space", "response_format": "url"}
            answer = http.post(f"http://127.0.0.1:{port}/v1/images/generations", json=asked).json()["data"][0]
            assert httpx2.get(answer["url"]).content.startswith(b"\x89PNG")
        assert answer["reuse"]["kind"] == "near"  # so it was remembered
        began = time.monotonic()
        server.terminate()
        assert server.wait(30) == 0
        assert time.monotonic() - began < 10
    finally:
        server.kill()
        said = server.communicate()[1]
    assert not [line for line in said.splitlines() if '"error"' in line or '"warning"' in line], said
    assert {"keys.json", "secret", "memory", "shelf", "cache"} <= {path.name for path in (tmp_path / "data").iterdir()}
