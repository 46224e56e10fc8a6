from __future__ import annotations

from pathlib import Path

import pytest

from flashpaint.errors import OutOfRange
from flashpaint.memory.address import address_of, is_address
from flashpaint.memory.opening import memory_address, memory_folder

WHOLE = "postgresql://ann:s3cr%40t@db.example:5433/art?sslmode=require&password=other&pictures=s3://bucket/pre"


def test_an_address_is_a_database_and_a_place_for_pictures() -> None:
    found = address_of(WHOLE)
    assert found.database == "postgresql://ann:s3cr%40t@db.example:5433/art?sslmode=require&password=other"
    assert found.pictures == "s3://bucket/pre"
    assert found.shown == "postgresql://ann@db.example:5433/art?sslmode=require&pictures=s3://bucket/pre"


def test_no_password_is_ever_shown() -> None:
    found = address_of(WHOLE)
    told = found.redacted(f"cannot open {found.database}: bad password s3cr@t or other")
    for text in (repr(found), str(found), found.shown, told):
        assert not any(secret in text for secret in ("s3cr", "other"))
    assert found.digest == address_of(WHOLE.replace("s3cr%40t", "changed")).digest


@pytest.mark.parametrize(
    "memory",
    [
        "postgresql://ann:secret@host/art",
        "postgresql://ann:secret@host:port/art?pictures=s3://b",
        "postgresql://ann:secret@host/art?pictures=",
        "postgresql://ann:secret@host/art?pictures=pictures",
        "postgresql://ann:secret@host/art?pictures=s3://key:secret@bucket/x",
        "postgresql://ann:secret@host/art?pictures=simplecache::s3://bucket",
        "postgresql://ann:secret@host/art?pictures=s3://b&pictures=s3://c",
        "postgresql://ann:secret@[host/art?pictures=s3://b",
    ],
)
def test_what_is_no_address_is_refused_without_its_password(memory: str) -> None:
    with pytest.raises(OutOfRange, match="s3://BUCKET/PREFIX") as refused:
        address_of(memory)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_folder_is_no_address() -> None:
    assert not any(map(is_address, ("/memory", "memory", "C:\\memory", Path("/a/postgresql://b"), "")))
    assert is_address(WHOLE)
    assert is_address("postgres://host/art?pictures=/p")


def test_the_environment_names_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASHPAINT_MEMORY", str(tmp_path))
    assert memory_address() == memory_folder() == tmp_path
    monkeypatch.setenv("FLASHPAINT_MEMORY", WHOLE)
    monkeypatch.setenv("FLASHPAINT_LOCAL", str(tmp_path / "own"))
    assert memory_address() == WHOLE
    assert memory_folder() == tmp_path / "own"
