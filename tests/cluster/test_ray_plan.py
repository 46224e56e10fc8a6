"""What a configuration says, without starting anything."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

pytest.importorskip("ray", reason="Ray is not installed: pip install 'flashpaint[ray]'")

from ray.serve.schema import ServeDeploySchema

from flashpaint.cluster.app import Plan

DEPLOY = Path(__file__).parents[2] / "deploy" / "ray"


def test_a_plan_that_says_nothing_trusts_nobody() -> None:
    settings = Plan().settings()
    assert not settings.loopback
    assert not settings.open


def test_a_plan_with_an_unknown_word_is_refused() -> None:
    with pytest.raises(ValidationError, match="replicas"):
        Plan.model_validate({"replicas": 2})


@pytest.mark.parametrize("name", ["serve.yaml", "rayservice.yaml"])
def test_what_is_to_be_deployed_is_read_by_ray_and_by_us(name: str) -> None:
    config = yaml.safe_load((DEPLOY / name).read_text())
    if "spec" in config:
        config = yaml.safe_load(config["spec"]["serveConfigV2"])
    ServeDeploySchema.model_validate(config)
    assert not Plan.model_validate(config["applications"][0]["args"]).settings().loopback
