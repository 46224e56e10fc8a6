"""What became of the requests of one simulation, and what that cost. Knows no events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outcome:
    """at, latencies, fates (n,): when each request arrived, the seconds until its picture (nan where there was none),
    and how it ended ("in flight": it did not). seconds: that were simulated; inside_s: request-seconds in the fleet;
    machine_s: of machines, starting ones too; ready_s: of replicas that work; busy_s: of their loops;
    replicas: (moment, how many are ready from then on)."""

    at: NDArray[np.float64]
    latencies: NDArray[np.float64]
    fates: NDArray[np.str_]
    seconds: float
    inside_s: float
    machine_s: float
    ready_s: float
    busy_s: float
    replicas: tuple[tuple[float, int], ...]

    @property
    def arrived(self) -> int:
        return len(self.at)

    def count(self, fate: str) -> int:
        return int(np.count_nonzero(self.fates == fate))

    @property
    def lost(self) -> float:
        """The share of the requests that got no picture: refused, late or failed."""
        without = self.arrived - self.count("painted") - self.count("in flight")
        return without / self.arrived if self.arrived else 0.0

    def latency(self, percent: float) -> float:
        """Seconds that so many percent of the painted took at most; nan where nothing was painted."""
        painted = self.latencies[~np.isnan(self.latencies)]
        return float(np.percentile(painted, percent)) if len(painted) else float("nan")

    def cost_per_1000(self, per_hour: float) -> float:
        """Of 1,000 pictures, at so much for an hour of one machine."""
        painted = self.count("painted")
        return 1000 * per_hour * self.machine_s / 3600 / painted if painted else float("nan")

    def figures(self, per_hour: float = 0.0) -> dict[str, float]:
        """By the names of the JSON output; seconds, shares of 1, and the currency of per_hour."""
        found = {f"p{percent}_s": self.latency(percent) for percent in (50, 95, 99)}
        many = max(self.arrived, 1)
        found |= {f"{fate}_share": self.count(fate) / many for fate in ("refused", "late", "failed")}
        found |= {
            "requests": self.arrived,
            "painted": self.count("painted"),
            "pictures_per_s": self.count("painted") / self.seconds if self.seconds else 0.0,
            "utilisation": self.busy_s / self.ready_s if self.ready_s else 0.0,
            "replicas_mean": self.machine_s / self.seconds if self.seconds else 0.0,
            "replicas_most": max(number for _, number in self.replicas),
        }
        return found | ({"cost_per_1000": self.cost_per_1000(per_hour)} if per_hour else {})
