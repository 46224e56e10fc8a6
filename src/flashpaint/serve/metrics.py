"""What is counted, as Prometheus reads it. Owners never become labels."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from flashpaint.painting import Painting

STAGE_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
SHARING = (1, 2, 3, 4, 6, 8, 12, 16, 32)
REQUEST_S = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter("flashpaint_requests", "HTTP answers", ["route", "method", "status"], registry=own)
        self.request_s = Histogram("flashpaint_request_seconds", "", ["route"], buckets=REQUEST_S, registry=own)
        self.stage_s = Histogram("flashpaint_stage_seconds", "A stage", ["stage"], buckets=STAGE_S, registry=own)
        self.pictures = Counter("flashpaint_pictures", "Painted, by what came from memory", ["reuse"], registry=own)
        self.steps = Counter("flashpaint_steps", "Denoising steps that were painted", registry=own)
        self.skipped = Counter("flashpaint_steps_skipped", "Steps that memory saved", registry=own)
        self.errors = Counter("flashpaint_errors", "By code", ["code"], registry=own)
        self.cancelled = Counter("flashpaint_cancelled", "Pictures that were called off", registry=own)
        self.together = Histogram(
            "flashpaint_together", "Pictures that paint when one begins", buckets=SHARING, registry=own
        )
        self.riders = Histogram(
            "flashpaint_pass_pictures", "Pictures that shared a denoising pass", buckets=SHARING, registry=own
        )
        self.pass_s = Histogram("flashpaint_pass_seconds", "A denoising pass", buckets=STAGE_S, registry=own)
        self.sockets = Gauge("flashpaint_live_sockets", "Open now", registry=own)

    def watch(self, name: str, said: str, value: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(name, said, registry=self.registry).set_function(value)

    def passed(self, pictures: int, seconds: float) -> None:
        """One denoising pass; on the thread that made it."""
        self.riders.observe(pictures)
        self.pass_s.observe(seconds)

    def painted(self, painting: Painting) -> None:
        reuse = painting.reuse
        self.pictures.labels(reuse.kind).inc()
        self.steps.inc(painting.painted_steps)
        self.skipped.inc(0 if reuse.kind == "refused" else reuse.skipped)
        for stage, seconds in painting.timings.items():
            self.stage_s.labels(stage).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self.registry)
