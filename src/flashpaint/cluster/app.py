"""The Ray Serve application: an ingress, replicas that read, replicas that paint; and how it is configured.

In a Serve config: import_path: flashpaint.cluster.app:build_app, with `args` as `Plan` has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, RequestRouterConfig

from flashpaint.cluster.ingress import Ingress
from flashpaint.cluster.models import Models
from flashpaint.cluster.paint_replica import PaintReplica
from flashpaint.cluster.read_replica import ReadReplica
from flashpaint.serve.settings import Settings

NAME = "flashpaint"
ROUTERS = {
    "batch": "flashpaint.cluster.router:BatchRouter",
    "two": "ray.serve._private.request_router:PowerOfTwoChoicesRequestRouter",
    "random": "flashpaint.cluster.router:RandomRouter",
}


class Replicas(BaseModel):
    """least, most: as many as the autoscaler may have; alike, there is none. target_steps: that a paint replica should
    have before it (requests underway for a read replica); up_s, down_s: how long it is seen before it is acted on;
    surge: percent of them that an upgrade may have beside the old ones, where the cluster has room."""

    model_config = ConfigDict(extra="forbid")

    least: int = 1
    most: int = 1
    num_cpus: float = 1
    num_gpus: float = 0
    target_steps: float = 16
    up_s: float = 30
    down_s: float = 600
    surge: int = 0


class Plan(BaseModel):
    """models: as `Models`; service: as `serve.Settings`, of which host says who is to be trusted and not where it
    listens, which is Ray's: without one, everyone needs a key; memory: a folder or an address; warm: sizes that are
    painted before a replica is ready; room: pictures at once in one replica; stuck_s: without a step until a replica is
    replaced; drain_s: for what a replica has begun when it is to go; routing: batch, two or random."""

    model_config = ConfigDict(extra="forbid")

    models: dict[str, Any] = Field(default_factory=dict)
    service: dict[str, Any] = Field(default_factory=dict)
    memory: str | None = None
    read: Replicas = Replicas(target_steps=4)
    paint: Replicas = Replicas()
    ingresses: int = 1
    warm: list[tuple[int, int]] = Field(default_factory=list)
    room: int = 64
    stuck_s: float = 60
    drain_s: float = 30
    health_s: float = 2
    routing: str = "batch"

    def settings(self) -> Settings:
        """Pictures that paint together, for all replicas that there may be."""
        said = dict(self.service)
        folder = Path(said.pop("folder", "~/.local/share/flashpaint")).expanduser()
        for name in ("origins", "hosts", "aliases"):
            if name in said:
                said[name] = tuple(said[name])
        if said.get("concepts"):
            said["concepts"] = Path(said["concepts"])
        together = dict.fromkeys(("at_once", "per_key"), 8 * self.paint.most)
        return Settings(folder=folder, **{"host": "0.0.0.0", **together, **said})


def build_app(args: dict[str, Any] | Plan) -> Application:
    plan = args if isinstance(args, Plan) else Plan.model_validate(args)
    models = Models(**plan.models)
    alike = {
        "health_check_period_s": plan.health_s,
        "health_check_timeout_s": max(5.0, plan.health_s),
        "graceful_shutdown_timeout_s": plan.drain_s,
        "graceful_shutdown_wait_loop_s": 0.2,
        "logging_config": {"enable_access_log": False, "log_level": "WARNING"},  # the service has its own log
    }
    read = deployment(ReadReplica, "Read", **alike, **scaled(plan.read), max_ongoing_requests=16)
    paint = deployment(
        PaintReplica,
        "Paint",
        **alike,
        **scaled(plan.paint, by_steps=True),
        max_ongoing_requests=plan.room,
        max_queued_requests=plan.room,
        request_router_config=RequestRouterConfig(request_router_class=ROUTERS[plan.routing]),  # type: ignore[arg-type]
    )
    ingress = deployment(
        Ingress,
        "Ingress",
        **alike,
        num_replicas=plan.ingresses,
        max_surge_percent=100,  # the new one first, then the old one goes
        max_ongoing_requests=1000,  # its own line says how many, in our words
        ray_actor_options={"num_cpus": 0},
    )
    painters = paint.bind(models, plan.warm, plan.room, plan.stuck_s)
    app: Application = ingress.bind(read.bind(models), painters, models, plan.settings(), plan.memory)
    return app


def deployment(kind: type, name: str, **options: Any) -> Any:
    return serve.deployment(name=name, **options)(kind)


def scaled(replicas: Replicas, by_steps: bool = False) -> dict[str, Any]:
    """As options of a deployment."""
    found: dict[str, Any] = {
        "ray_actor_options": {"num_cpus": replicas.num_cpus, "num_gpus": replicas.num_gpus},
        "max_surge_percent": replicas.surge,
    }
    if replicas.least == replicas.most:
        return {**found, "num_replicas": replicas.most}
    config: dict[str, Any] = {
        "min_replicas": replicas.least,
        "max_replicas": replicas.most,
        "target_ongoing_requests": replicas.target_steps,
        "upscale_delay_s": replicas.up_s,
        "downscale_delay_s": replicas.down_s,
        "metrics_interval_s": min(1.0, replicas.up_s),
        "look_back_period_s": max(1.0, replicas.up_s),
    }
    if by_steps:
        config["policy"] = {
            "policy_function": "flashpaint.cluster.scaling:StepsLeft",
            "policy_kwargs": {"target_steps": replicas.target_steps},
        }
    return {**found, "autoscaling_config": AutoscalingConfig(**config)}
