"""How many paint replicas there should be, by the steps that are still to be denoised. Knows no painting.

Requests are no measure of work: one that memory answers in part has a step left where another has fifty. Ray Serve
applies the delays, factors and bounds of the autoscaling configuration to what is said here.
"""

from __future__ import annotations

from typing import Any

STEPS_LEFT = "steps_left"


class StepsLeft:
    """target_steps: that a replica should have before it; steps: of a picture that still waits for a replica."""

    def __init__(self, target_steps: float = 16, steps: float = 4) -> None:
        self.target_steps, self.steps = target_steps, steps

    def __call__(self, ctx: Any) -> tuple[float, dict[str, Any]]:
        """ctx: Ray Serve's AutoscalingContext."""
        told = (ctx.aggregated_metrics or {}).get(STEPS_LEFT, {})
        left = sum(told.values()) + self.steps * (ctx.total_queued_requests or 0)
        return left / self.target_steps, dict(ctx.policy_state or {})
