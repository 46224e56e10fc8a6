"""What arrives, by a rate or by a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import OutOfRange
from flashpaint.plan.traffic import MOST, STEADY, Curve, Traffic, poisson, read_trace, traffic_of


@given(st.floats(1, 50), st.integers(0, 99))
def test_poisson_arrivals_are_as_many_as_expected_and_apart_by_chance(rate: float, seed: int) -> None:
    at = poisson(rate, 400, np.random.default_rng(seed))
    assert len(at) == pytest.approx(400 * rate, abs=5 * (400 * rate) ** 0.5)
    gaps = np.diff(at)
    assert (gaps >= 0).all()
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.25), "exponential: as wide as its mean"


def test_a_day_has_its_peak_in_the_middle_and_keeps_its_mean() -> None:
    at = poisson(1.0, 86400, np.random.default_rng(0), Curve(peak=1.8))
    by_hour = np.histogram(at, 24, (0, 86400))[0] / 3600
    assert by_hour.mean() == pytest.approx(1, rel=0.02)
    assert by_hour[11:13].mean() == pytest.approx(1.8, rel=0.03)
    assert by_hour[[0, 23]].mean() == pytest.approx(0.2, rel=0.1)


@given(st.floats(1, 10))
def test_bursts_keep_the_mean(burst: float) -> None:
    at = poisson(5.0, 12_000, np.random.default_rng(0), Curve(burst=burst))
    inside = np.count_nonzero(at % 600 < 60) / 1200
    assert len(at) / 12_000 == pytest.approx(5, rel=0.03)
    assert inside == pytest.approx(5 * burst, rel=0.05)


def test_the_busiest_part_is_the_densest() -> None:
    at = np.concatenate([np.arange(0, 100, 1.0), np.arange(100, 110, 0.1), np.arange(110, 200, 1.0)])
    part = Traffic(at, np.arange(len(at))).busiest(50)
    assert len(part) == 50
    assert part.at[0] == 0
    assert part.seconds == pytest.approx(4.9)
    assert 100 <= part.steps[0] <= 150


def test_a_log_of_times_and_prompts_repeats_what_it_repeats(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text(
        "2026-01-01T00:00:05Z\ta dog\n2026-01-01T00:00:00Z\ta cat\n\n2026-01-01T00:00:09Z\t a cat \n", "utf-8"
    )
    traffic = traffic_of(None, log, 3600, STEADY, 4, 3, None)
    assert traffic.at.tolist() == [0, 5, 9]
    assert traffic.steps.tolist() == [4, 4, 1]


def test_a_log_of_times_alone_or_of_prompts_alone_will_do(tmp_path: Path) -> None:
    times, prompts = tmp_path / "times.txt", tmp_path / "prompts.txt"
    times.write_text("10.5\n12\n11\n")
    prompts.write_text("a cat\na dog\na cat\n")
    assert traffic_of(None, times, 3600, STEADY, 4, 2, None).at.tolist() == [0, 0.5, 1.5]
    assert traffic_of(3600, prompts, 3600, STEADY, 4, 2, None).steps.tolist() == [4, 4, 2]
    assert traffic_of(3600, prompts, 3600, STEADY, 4, 2, 0.0).steps.tolist() == [4, 4, 4], "what is said goes first"


def test_the_share_of_hits_is_what_is_said() -> None:
    traffic = traffic_of(36_000, None, 3600, STEADY, 4, 3, 0.7)
    assert np.mean(traffic.steps == 1) == pytest.approx(0.7, abs=0.02)
    assert set(traffic.steps.tolist()) == {1, 4}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no request"),
        (b"\xff\xfe\xff", "no UTF-8"),
        (b"1.5\na cat\n", "line 2: a time on every line"),
        (b"nan\n", "no time"),
    ],
)
def test_a_log_that_is_none_is_refused_with_what_to_do(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "log.txt").write_bytes(content)
    with pytest.raises(OutOfRange, match=said):
        read_trace(tmp_path / "log.txt")


def test_impossible_traffic_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OutOfRange, match="is no UTF-8 text"):
        traffic_of(None, tmp_path / "none.txt", 3600, STEADY, 4, 0, None)
    with pytest.raises(OutOfRange, match="Give --rate"):
        traffic_of(None, None, 3600, STEADY, 4, 0, None)
    with pytest.raises(OutOfRange, match="give 0 to 3"):
        traffic_of(100, None, 3600, STEADY, 4, 4, None)
    with pytest.raises(OutOfRange, match="give fewer --hours"):
        traffic_of(2.0 * MOST, None, 3600, STEADY, 4, 0, None)
    with pytest.raises(OutOfRange, match="no request comes"):
        traffic_of(1, None, 4, STEADY, 4, 0, None)
