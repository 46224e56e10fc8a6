"""What is asked of a fleet: when each request arrives, and how many steps it takes. Knows no replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flashpaint.errors import OutOfRange
from flashpaint.request import clean_prompt

HOUR, DAY = 3600.0, 86400.0
BURST_EVERY_S, BURST_S = 600.0, 60.0
GRID_S = 1.0  # of the rate's curve
MOST = 3_000_000  # requests in one simulation: a few minutes


@dataclass(frozen=True)
class Traffic:
    """Requests in the order of arrival. at (n,): seconds from the start; steps (n,): that each must be painted."""

    at: NDArray[np.float64]
    steps: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    @property
    def seconds(self) -> float:
        """From the start to the last arrival."""
        return float(self.at[-1]) if len(self.at) else 0.0

    def busiest(self, most: int) -> Traffic:
        """The run of so many requests that arrives in the shortest time."""
        if len(self) <= most:
            return self
        first = int(np.argmin(self.at[most - 1 :] - self.at[: len(self) - most + 1]))
        part = slice(first, first + most)
        return Traffic(self.at[part] - self.at[first], self.steps[part])


@dataclass(frozen=True)
class Curve:
    """How the rate moves around its mean. peak: of a day, 1 to 2 times the mean, half-way through what is simulated;
    burst: the rate of the one minute in ten that is a burst, 1 to 10 times that of the others together."""

    peak: float = 1.0
    burst: float = 1.0

    def __call__(self, t: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
        day = 1 + (self.peak - 1) * np.cos(2 * np.pi * (t - seconds / 2) / DAY)
        share = BURST_S / BURST_EVERY_S
        calm = (1 - share * self.burst) / (1 - share)  # so that the mean stays what it is
        return day * np.where(t % BURST_EVERY_S < BURST_S, self.burst, calm)


STEADY = Curve()


def poisson(rate: float, seconds: float, rng: np.random.Generator, curve: Curve = STEADY) -> NDArray[np.float64]:
    """Arrival times of a Poisson process of `rate` a second times the curve: its integral inverted (Cinlar 1975)."""
    check_number(rate * seconds)
    grid = np.linspace(0, seconds, max(2, int(seconds / GRID_S) + 1))
    rates = rate * np.maximum(curve(grid, seconds), 0)
    expected = np.concatenate([[0.0], np.cumsum((rates[1:] + rates[:-1]) / 2 * np.diff(grid))])
    drawn = np.sort(rng.uniform(0, expected[-1], rng.poisson(expected[-1])))
    found: NDArray[np.float64] = np.interp(drawn, expected, grid)
    return found


def traffic_of(
    rate: float | None,
    trace: Path | None,
    seconds: float,
    curve: Curve,
    steps: int,
    skipped: int,
    hit_rate: float | None,
    seed: int = 0,
) -> Traffic:
    """rate: requests an hour; trace: a log instead of it, or of the prompts that come at this rate; seconds: of what
    comes at a rate; hit_rate: None for what the log repeats, else 0. Raises OutOfRange for what cannot be."""
    if not 0 <= skipped < steps:
        raise OutOfRange(f"of {steps} steps, {skipped} cannot be skipped: give 0 to {steps - 1}", param="skipped")
    rng = np.random.default_rng(seed)
    log = read_trace(trace) if trace else Trace(None, None)
    if (rate is None) == (log.at is None):
        raise OutOfRange("when do requests come? Give --rate, or a --trace with times: one of the two", param="rate")
    at = log.at if log.at is not None else poisson((rate or 0) / HOUR, seconds, rng, curve)
    if log.at is None and log.repeated is not None:
        at = at[: len(log.repeated)]
    if not len(at):
        raise OutOfRange("no request comes in so short a time: give more --hours, or a higher --rate", param="hours")
    repeated = None if log.repeated is None else log.repeated[: len(at)]
    hit = repeated if hit_rate is None and repeated is not None else float(hit_rate or 0)
    return with_hits(at, steps, skipped, hit, rng)


def with_hits(
    at: NDArray[np.float64], steps: int, skipped: int, hit: float | NDArray[np.bool_], rng: np.random.Generator
) -> Traffic:
    """hit: the share of the requests that start from memory, or which; such a one skips so many of its steps."""
    hits = rng.random(len(at)) < hit if isinstance(hit, float) else hit
    return Traffic(at, np.where(hits, max(1, steps - skipped), steps))


@dataclass(frozen=True)
class Trace:
    """A log that was read. at (n,): seconds from its first line, None where it has no times; repeated (n,): whether
    the same words were asked before, None where it has no prompts."""

    at: NDArray[np.float64] | None
    repeated: NDArray[np.bool_] | None


def read_trace(path: Path) -> Trace:
    """A line a request: its time (seconds, or ISO 8601), its prompt, or both with a tab between. Raises OutOfRange."""
    try:
        lines = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise OutOfRange(f"{path} is no UTF-8 text ({error}): give a line a request", param="trace") from error
    if not lines:
        raise OutOfRange(f"{path} holds no request: give a time or a prompt a line", param="trace")
    check_number(len(lines))
    times = [moment(line.split("\t")[0]) for line in lines]
    timed = times[0] is not None
    if any((time is not None) != timed for time in times):
        odd = next(k for k, time in enumerate(times) if (time is not None) != timed)
        raise OutOfRange(f"{path}, line {odd + 1}: a time on every line, or on none: {lines[odd]!r}", param="trace")
    prompts = [line.split("\t", 1)[-1] if "\t" in line or not timed else "" for line in lines]
    at = np.array([time for time in times if time is not None])
    order = np.argsort(at, kind="stable") if timed else np.arange(len(lines))
    asked = repeats([prompts[k] for k in order]) if all(prompts) else None
    return Trace(at[order] - at.min() if timed else None, asked)


def moment(text: str) -> float | None:
    """Seconds; None where the text says no time."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            return datetime.fromisoformat(text.strip()).timestamp()
        except ValueError:
            return None
    if not np.isfinite(seconds):
        raise OutOfRange(f"{text!r} is no time", param="trace")
    return seconds


def repeats(prompts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each was asked before, in the same words: what memory surely has."""
    seen: set[str] = set()
    found = []
    for prompt in map(clean_prompt, prompts):
        found.append(prompt in seen)
        seen.add(prompt)
    return np.array(found)


def check_number(requests: float) -> None:
    if requests > MOST:
        raise OutOfRange(
            f"{requests:,.0f} requests are more than are simulated at once ({MOST:,}): give fewer --hours, which are "
            "those around the peak",
            param="hours",
        )
