"""Pictures in a folder, in memory and in an S3-compatible server: one set of laws."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashpaint.errors import MemoryDamaged, OutOfRange, OutputUnwritable, PictureUnreadable
from flashpaint.memory.objects import ObjectFiles, open_pictures
from flashpaint.memory.store import Pictures
from tests.memory.conftest import png
from tests.memory.s3_server import BUCKET, Line, serving


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    yield from serving(monkeypatch)


@pytest.fixture(params=["folder", "file", "memory", "local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Pictures:
    if request.param == "s3":
        request.getfixturevalue("line")
        return open_pictures(f"s3://{BUCKET}/{secrets.token_hex(4)}/fix")
    places = {
        "folder": str(tmp_path),
        "file": f"file://{tmp_path}",
        "memory": f"memory://{secrets.token_hex(4)}",
        "local": f"local://{tmp_path}",  # a file system whose puts are not whole
    }
    return open_pictures(places[request.param])


def test_what_is_kept_is_read_until_it_is_dropped(files: Pictures) -> None:
    names = [files.keep(png(n), ".png") for n in (1, 2, 1)]
    assert names[0] == names[2] == files.name_of(png(1), ".png")
    assert list(files.names()) == sorted({*names})
    assert [files.read(name) for name in names] == [png(1), png(2), png(1)]
    files.drop(names[0])
    files.drop(names[0])
    assert list(files.names()) == [names[1]]
    with pytest.raises(MemoryDamaged, match="gone"):
        files.read(names[0])
    assert files.sweep() == 0


def test_another_picture_under_the_name_is_damage() -> None:
    files = ObjectFiles(f"memory://{secrets.token_hex(4)}")
    name = files.keep(png(1), ".png")
    files._fs.pipe_file(files.path(name), png(2))
    with pytest.raises(MemoryDamaged, match="damaged"):
        files.read(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a.pkl", f"{'0' * 64}.png/../x", f"{'0' * 64}", ""])
def test_only_names_of_pictures_are_read_or_removed(name: str) -> None:
    files = ObjectFiles("memory://here")
    for run in (files.read, files.drop):
        with pytest.raises(MemoryDamaged, match="names no picture"):
            run(name)


def test_a_place_that_nothing_opens_is_refused() -> None:
    with pytest.raises(OutOfRange, match="cluster"):
        open_pictures("nosuch://place")


def test_a_server_that_fails_is_an_error_and_one_that_stalls_is_given_up(line: Line) -> None:
    files = ObjectFiles(f"s3://{BUCKET}/{secrets.token_hex(4)}", limit_s=0.5)
    name = files.keep(png(1), ".png")
    for fault in ("broken", "stalled"):
        setattr(line, fault, True)
        line.drop()
        for run, error in (
            (lambda: files.read(name), PictureUnreadable),
            (lambda: files.keep(png(2), ".png"), OutputUnwritable),
            (lambda: files.drop(name), OutputUnwritable),
        ):
            began = time.monotonic()
            with pytest.raises(error) as failed:
                run()
            assert time.monotonic() - began < 1.0
            assert "s3cret" not in str(failed.value)
        setattr(line, fault, False)
        line.drop()
        assert files.read(name) == png(1)
    assert list(files.names()) == [name]
