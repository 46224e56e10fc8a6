"""The files of deploy/ keep their promises, and name only routes, ports, options and variables that there are."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx2
import pytest
import typer
import yaml

import flashpaint
from flashpaint.cli import app
from flashpaint.serve.settings import Settings
from tests.serve.conftest import Running, remembering, serving  # noqa: F401

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
DEFAULTS = Settings(folder=Path("x"))
LONGEST = 2 * DEFAULTS.drain_s + 3  # the drain, and then jobs and the memory: Server, Service.drain
VARIABLE = re.compile(r"\b(?:FLASHPAINT|AWS|PG|OPENAI)_?[A-Z0-9_]+\b")
OUTSIDE = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "PGPASSWORD"}  # obstore's and libpq's


def parsed(arguments: list[str]) -> click.Context:
    """What the command line makes of these, without running it."""
    command, context = typer.main.get_command(app), None
    while isinstance(command, click.Group) or hasattr(command, "commands"):
        context = command.make_context(command.name, arguments, parent=context)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return context
        _, command, arguments = command.resolve_command(context, rest)
    return command.make_context(command.name, arguments, parent=context)


def manifests(*names: str) -> list[dict[str, Any]]:
    return [document for name in names for document in yaml.safe_load_all((KUBERNETES / name).read_text())]


@pytest.fixture(scope="module")
def deployment() -> dict[str, Any]:
    return manifests("deployment.yaml")[0]


@pytest.fixture(scope="module")
def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Both files, the services of each."""
    files = [yaml.safe_load((DEPLOY / name).read_text()) for name in ("compose.yaml", "compose.s3.yaml")]
    services = {**files[1]["services"], **files[0]["services"]}
    return {**files[0], "services": services, "secrets": {**files[0]["secrets"], **files[1]["secrets"]}}


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read(DEPLOY / "flashpaint.service")
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


# ---- Kubernetes


@pytest.mark.parametrize("name", ["deployment.yaml", "keys.yaml"])
def test_a_pod_runs_as_nobody_in_particular_and_cannot_write_to_its_root(name: str, dockerfile: str) -> None:
    (found,) = manifests(name)
    pod = found["spec"].get("template", found)["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert "USER 10001:10001" in dockerfile
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    careful = container["securityContext"]
    assert careful["readOnlyRootFilesystem"] is True
    assert careful["allowPrivilegeEscalation"] is False
    assert careful["capabilities"] == {"drop": ["ALL"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} <= {"/data", "/tmp"}
    assert set(container["resources"]) == {"requests", "limits"}


def test_probes_ask_real_routes_and_ports_agree(
    container: dict[str, Any],
    serving: Running,  # noqa: F811
) -> None:
    (port,) = container["ports"]
    options = parsed(container["args"]).params
    assert port["containerPort"] == options["port"]
    assert options["host"] == "0.0.0.0"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["port"] == port["name"]
        assert httpx2.get(serving.url + asked["path"]).status_code == 200
    assert container["livenessProbe"]["httpGet"]["path"] != container["readinessProbe"]["httpGet"]["path"]
    (service,) = manifests("service.yaml")
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]


def test_a_pod_is_given_the_time_that_a_drain_takes(deployment: dict[str, Any], container: dict[str, Any]) -> None:
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert parsed(container["args"]).params["drain"] == DEFAULTS.drain_s
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= pause + LONGEST


def test_threads_are_the_limit_of_the_processor(container: dict[str, Any], compose: dict[str, Any]) -> None:
    assert container["resources"]["limits"]["cpu"] == str(parsed(container["args"]).params["threads"])
    service = compose["services"]["flashpaint"]
    assert service["deploy"]["resources"]["limits"]["cpus"] == str(parsed(service["command"]).params["threads"])


def test_the_autoscaler_and_the_budget_are_of_the_deployment(deployment: dict[str, Any]) -> None:
    (scaler,), (budget,) = manifests("autoscaler.yaml"), manifests("disruption.yaml")
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]  # they would be set back by each apply
    labels = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["labels"][0]
    assert labels["includeSelectors"]
    assert budget["spec"]["selector"]["matchLabels"] == labels["pairs"]
    assert scaler["spec"]["minReplicas"] > budget["spec"]["maxUnavailable"]


def test_the_template_names_each_secret_and_holds_none(container: dict[str, Any]) -> None:
    (template,) = manifests("secret.template.yaml")
    wanted = {v["valueFrom"]["secretKeyRef"]["key"]: v for v in container["env"] if "valueFrom" in v}
    assert set(wanted) == set(template["stringData"])
    assert all(v["valueFrom"]["secretKeyRef"]["name"] == template["metadata"]["name"] for v in wanted.values())
    assert {template["stringData"][key] for key in ("database-password", "s3-key", "s3-secret")} == {""}
    assert "secret.template.yaml" not in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here, which builds kustomizations")
def test_the_kustomization_builds() -> None:
    built = subprocess.run(["kubectl", "kustomize", KUBERNETES], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    found = {document["kind"]: document for document in yaml.safe_load_all(built.stdout)}
    assert set(found) == {
        "ServiceAccount",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    }
    label = {"app.kubernetes.io/name": "flashpaint"}
    assert found["Deployment"]["spec"]["template"]["metadata"]["labels"] == label
    assert found["Service"]["spec"]["selector"] == found["Deployment"]["spec"]["selector"]["matchLabels"] == label


# ---- containers


def test_each_service_is_confined_bounded_and_looked_after(compose: dict[str, Any], dockerfile: str) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
        assert "healthcheck" in service or (name == "flashpaint" and "HEALTHCHECK" in dockerfile)
    only = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert only == [f"127.0.0.1:{DEFAULTS.port}:{DEFAULTS.port}"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_compose_waits_for_a_drain(compose: dict[str, Any]) -> None:
    service = compose["services"]["flashpaint"]
    assert parsed(service["command"]).params["drain"] == DEFAULTS.drain_s
    assert int(service["stop_grace_period"].removesuffix("s")) >= LONGEST


def test_secrets_are_files_outside_of_the_repository(compose: dict[str, Any]) -> None:
    for secret in compose["secrets"].values():
        ignored = subprocess.run(["git", "-C", ROOT, "check-ignore", DEPLOY / secret["file"]], capture_output=True)
        assert ignored.returncode in (0, 128)  # 128: no repository, as in a source archive
    told = [v for s in compose["services"].values() for k, v in s.get("environment", {}).items() if "PASSWORD" in k]
    assert told
    assert all(value.startswith("/run/secrets/") for value in told)


def test_the_image_paints_by_its_own_routes_and_options(dockerfile: str, serving: Running) -> None:  # noqa: F811
    command = yaml.safe_load(re.findall(r"^CMD (\[.*\])", dockerfile, re.MULTILINE)[0])
    assert parsed(command).params["host"] == "0.0.0.0"
    (asked,) = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", dockerfile)
    assert int(asked[0]) == DEFAULTS.port == int(re.findall(r"EXPOSE (\d+)", dockerfile)[0])
    assert httpx2.get(serving.url + asked[1]).status_code == 200
    last = dockerfile.split("\nFROM ")
    assert last[-1].startswith("service AS cpu")  # what is built where no target is named
    assert "USER 0" not in last[-1]
    assert last[-2].rstrip().endswith("USER 10001:10001")


def test_the_image_is_made_of_what_is_sent_to_its_build(dockerfile: str) -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE) for word in line.split()
    }
    assert {word for word in copied if not word.startswith("--")} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_a_secret_comes_by_file_and_all_else_goes_to_flashpaint(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret with $PATH\n")
    double = tmp_path / "flashpaint"
    double.write_text('#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "${PGPASSWORD_FILE-gone}" "$#" "$2"\n')
    double.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PGPASSWORD_FILE": str(tmp_path / "password")}
    told = [DEPLOY / "entrypoint", "paint", "a cat"]
    run = subprocess.run(told, env=environment, capture_output=True, text=True, timeout=20)
    assert run.stdout.splitlines() == ["s3cret with $PATH", "gone", "2", "a cat"]
    lost = subprocess.run(told, env={**environment, "PGPASSWORD_FILE": "/nowhere"}, capture_output=True, timeout=20)
    assert lost.returncode != 0


# ---- systemd


def test_the_unit_starts_what_the_command_line_knows(unit: configparser.ConfigParser) -> None:
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "flashpaint"
    found = parsed(arguments)
    assert found.info_name == "serve"
    assert (found.params["host"], found.params["port"]) == (DEFAULTS.host, DEFAULTS.port)
    assert int(unit["Service"]["TimeoutStopSec"]) >= 2 * found.params["drain"] + 3


def test_the_unit_writes_where_it_may_and_nowhere_else(unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == service["ProtectHome"] == service["PrivateTmp"] == "yes"
    assert service["CapabilityBoundingSet"] == ""
    assert service["User"] not in ("", "root")
    text = (DEPLOY / "flashpaint.service").read_text()
    folders = [Path(value) for value in re.findall(r"^Environment=\w+=(.*)$", text, re.MULTILINE)]
    may = (Path("/var/lib") / service["StateDirectory"], Path("/var/cache") / service["CacheDirectory"])
    assert len(folders) == 7
    assert all(any(folder.is_relative_to(one) for one in may) for folder in folders)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_finds_no_fault_with_the_unit_and_little_exposure(tmp_path: Path) -> None:
    unit = tmp_path / "flashpaint.service"  # whose program is here
    text = (DEPLOY / "flashpaint.service").read_text()
    unit.write_text(text.replace("/opt/flashpaint/bin/flashpaint", shutil.which("true") or "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    asked = ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", unit]
    scored = subprocess.run(asked, capture_output=True, text=True)
    assert scored.returncode == 0, scored.stdout[-300:]


# ---- names


def deployed() -> Iterator[Path]:
    yield ROOT / "docs" / "operators.md"
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and "ray" not in path.relative_to(DEPLOY).parts:
            yield path


def test_each_variable_that_is_named_is_read_by_the_code() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    entrypoint = (DEPLOY / "entrypoint").read_text()
    known = {name for name in VARIABLE.findall(code) if f'"{name}"' in code or f"'{name}'" in code} | OUTSIDE
    named = {name for path in deployed() for name in VARIABLE.findall(path.read_text())}
    by_file = {name for name in named if name.removesuffix("_FILE") in known and name.endswith("_FILE")}
    assert named - by_file <= known
    assert all(name.removesuffix("_FILE") in entrypoint for name in by_file)
    assert named


def test_the_version_is_the_same_everywhere() -> None:
    named = {
        version
        for path in deployed()
        for version in re.findall(r"(?:flashpaint[:-]|newTag: )(\d[\w.]*\d)", path.read_text())
    }
    assert named == {flashpaint.__version__}


def test_nothing_is_fetched_from_a_named_registry() -> None:
    for path in deployed():
        for image in re.findall(r"(?:^FROM|image:) (\S+)", path.read_text(), re.MULTILINE):
            assert "." not in image.partition("/")[0] or "/" not in image, (path, image)
