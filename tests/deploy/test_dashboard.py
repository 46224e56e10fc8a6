"""Each metric and label of the dashboard and the alerts is one that a real server gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.serve.conftest import Running, remembering, serving  # noqa: F401

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD, ALERTS = DEPLOY / "grafana" / "flashpaint.json", DEPLOY / "prometheus" / "alerts.yaml"
SCRAPER = {"job", "instance"}  # labels that Prometheus adds
SCRAPERS = {"up"}  # a metric that it adds
SELECTED = re.compile(r"\b(flashpaint_\w+|up)(?:\{([^}]*)\})?")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
RATED = re.compile(r"\b(?:rate|increase|irate)\(\s*(\w+)")


def expressions() -> Iterator[tuple[str, str]]:
    """(where, expression)."""
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for note in dashboard["annotations"]["list"]:
        yield "annotations", note["expr"]
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def matchers(selected: str) -> list[tuple[str, str, str]]:
    """(label, operator, value) of what stands in braces."""
    return re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selected)


@pytest.fixture(scope="module")
def metrics(serving: Running) -> dict[str, tuple[str, dict[str, set[str]]]]:  # noqa: F811
    """(type, label -> values) of each sample's name, once the server has done a little of everything."""
    http = serving.http()
    for asked in ({"prompt": "a cat"}, {"prompt": "a cat"}, {"prompt": ""}):
        http.post("/v1/images/generations", json=asked)
    job = http.post("/api/jobs", json={"prompt": "a sea", "steps": 200, "reuse": "off"}).json()
    http.delete(f"/api/jobs/{job['id']}")
    for path in ("/healthz", "/readyz", "/metrics"):
        http.get(path)
    found: dict[str, tuple[str, dict[str, set[str]]]] = {}
    for family in text_string_to_metric_families(http.get("/metrics").text):
        for sample in family.samples:
            kept = found.setdefault(sample.name, (family.type, {}))[1]
            for label, value in sample.labels.items():
                kept.setdefault(label, set()).add(value)
    return found


def test_every_name_and_label_is_real(metrics: dict[str, tuple[str, dict[str, set[str]]]]) -> None:
    seen = set()
    for where, expression in expressions():
        names = SELECTED.findall(expression)
        assert names, where
        given = set(SCRAPER)
        for name, selected in names:
            assert name in SCRAPERS or name in metrics, (where, name)
            labels = set(metrics[name][1]) if name in metrics else set()
            assert {label for label, _, _ in matchers(selected)} <= labels | SCRAPER, (where, name)
            given |= labels
            seen.add(name)
        for group in GROUPED.findall(expression):
            assert {label.strip() for label in group.split(",")} <= given, where
    real = {name for name in metrics if name.startswith("flashpaint_") and not name.endswith("_created")}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in seen}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in real} <= shown  # nothing is measured that nobody sees


def test_values_that_are_asked_for_are_there(metrics: dict[str, tuple[str, dict[str, set[str]]]]) -> None:
    unseen = {"queue_full", "deadline_exceeded", "identical", "refused"}  # tests/serve brings these about
    code = "\n".join(path.read_text() for path in (DEPLOY.parent / "src").rglob("*.py"))
    assert all(f'"{value}"' in code for value in unseen)
    for where, expression in expressions():
        for name, selected in SELECTED.findall(expression):
            for label, operator, value in matchers(selected):
                if label in SCRAPER or label == "status":
                    continue
                known = metrics[name][1][label] | unseen
                if operator in ("=", "!="):
                    assert value in known, (where, label, value)
                else:
                    assert all(any(re.fullmatch(part, k) for k in known) for part in value.split("|")), (where, value)


def test_rates_are_of_what_only_rises_and_quantiles_of_buckets(
    metrics: dict[str, tuple[str, dict[str, set[str]]]],
) -> None:
    for where, expression in expressions():
        for name in RATED.findall(expression):
            assert metrics[name][0] in ("counter", "histogram"), (where, name)
            assert not name.endswith("_created"), (where, name)
        if "histogram_quantile" in expression:
            assert all(name.endswith("_bucket") for name, _ in SELECTED.findall(expression)), where
            assert re.search(r"by \([^)]*\ble\b", expression), where


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "job", "instance"}
    text = json.dumps(dashboard)
    assert set(re.findall(r"\$\{?(\w+)", text)) <= {"datasource", "job", "instance", "__rate_interval", "__all"}
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))  # no panel over another
    assert max(x for x, _ in cells) < 24


def test_each_alert_says_what_to_do_and_stands_in_the_operators_page() -> None:
    page = (DEPLOY.parent / "docs" / "operators.md").read_text()
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("warning", "critical")
            assert rule["annotations"]["summary"]
            assert rule["annotations"]["description"]
            assert rule["alert"] in page


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here (prometheus)")


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    run = subprocess.run(["promtool", "check", "rules", ALERTS], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@needs_promtool
def test_alerts_ring_when_they_should() -> None:
    run = subprocess.run(
        ["promtool", "test", "rules", ALERTS.with_name("alerts.test.yaml")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
