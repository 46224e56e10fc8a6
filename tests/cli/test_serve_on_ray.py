"""`flashpaint serve --ray` where Ray is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flashpaint.cli.serve import serve_on_ray
from flashpaint.errors import OutOfRange
from flashpaint.serve.server import bound
from flashpaint.serve.settings import Settings


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in [name for name in sys.modules if name.startswith("flashpaint.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    settings = Settings(folder=tmp_path, port=0)
    with bound(settings) as door, pytest.raises(OutOfRange, match=r"pip install 'flashpaint\[ray\]'"):
        serve_on_ray(settings, door, {"threads": 1}, "", 1, 1)
