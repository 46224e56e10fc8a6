"""What OpenVINO does beside running graphs: nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flashpaint.models.engine import absent

PAINTS = "from flashpaint import PaintRequest, Studio; Studio.open().paint(PaintRequest('a cat', steps=1))"
CONVERTS = (
    "import torch; from flashpaint.models.graphs import open_traced; "
    "open_traced(torch.nn.Linear(2, 2), [torch.zeros(1, 2)], [True])"
)
CI = ("CI", "TF_BUILD", "JENKINS_URL")  # where these are set, the telemetry keeps still by itself


@pytest.mark.parametrize("deed", [PAINTS, CONVERTS])
def test_nobody_is_told_of_a_start_and_no_id_is_kept(deed: str, tmp_path: Path) -> None:
    loaded = "import sys; print(*(name for name in sys.modules if 'telemetry' in name))"
    variables = {name: value for name, value in os.environ.items() if name not in CI}
    run = subprocess.run(
        [sys.executable, "-c", f"{deed}; {loaded}"],
        env={**variables, "HOME": str(tmp_path), "FLASHPAINT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "openvino_telemetry" not in run.stdout
    assert {found.name for found in tmp_path.iterdir()} <= {"cache", ".cache"}


def test_what_is_absent_comes_back() -> None:
    before = sys.modules["json"]
    with absent("json", "no_such_module"), pytest.raises(ImportError):
        import json  # noqa: F401
    assert sys.modules["json"] is before
    assert "no_such_module" not in sys.modules
