"""A calibration is monotone, keeps what it promises on its own samples, and survives its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import ModelDamaged
from flashpaint.memory.calibration import NEVER, Calibration, Rung, default_calibration, read_calibration
from flashpaint.memory.fitting import Sample, falling, fit_floor, fit_rungs, fit_told
from flashpaint.memory.memory import skipped_steps

LEVELS = (0.95, 0.8, 0.65, 0.5)


def samples_of(seed: int, number: int = 400) -> list[Sample]:
    """Pairs of a made-up painter that loses what is dissimilar, the more the deeper painting starts."""
    rng = np.random.default_rng(seed)
    found = []
    for similarity in rng.uniform(0, 1, number):
        for noise in LEVELS:
            lost = (1 - noise) * (1 - similarity)
            found.append(Sample(float(similarity), noise, 0.8 - lost, 0.8, 0.7, 0.5))
    return found


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=60))
def test_the_pooled_sequence_never_rises_and_keeps_the_mean(values: list[float]) -> None:
    pooled = falling(np.array(values))
    assert len(pooled) == len(values)
    assert (np.diff(pooled) <= 1e-12).all()
    assert abs(pooled.mean() - np.mean(values)) < 1e-9


@given(st.integers(0, 1000), st.sampled_from([0.001, 0.01, 0.1, 0.3]))
def test_the_fitted_rungs_are_monotone_and_lose_no_more_than_allowed(seed: int, loss: float) -> None:
    samples = samples_of(seed, 100)
    table = Calibration(painter="p", seer="s", loss=loss, rungs=fit_rungs(samples, loss), floor=0.0)
    starts = [table.start(similarity) for similarity in np.linspace(-1, 1, 50)]
    assert starts == sorted(starts, reverse=True)
    for sample in samples:
        if sample.noise == table.start(sample.similarity):
            assert (sample.cold - sample.warm) / 0.8 <= loss + 1e-9


@given(st.integers(0, 1000))
def test_few_lucky_pairs_do_not_buy_a_deep_start(seed: int) -> None:
    """Scores are noisy: where few pairs lie, their mean says nothing."""
    rng = np.random.default_rng(seed)
    noisy = [replace(s, warm=s.warm + rng.normal(0, 0.2)) for s in samples_of(seed, 200)]
    table = Calibration(painter="p", seer="s", loss=0.02, rungs=fit_rungs(noisy, 0.02), floor=0.0)
    true_loss = (1 - table.start(0.85)) * (1 - 0.85) / 0.8
    assert true_loss < 0.05


def test_a_stricter_loss_never_starts_deeper() -> None:
    tables = [fit_rungs(samples_of(0), loss) for loss in (0.01, 0.1, 0.3)]
    strict, middle, loose = (Calibration(painter="p", seer="s", loss=0, rungs=t, floor=0) for t in tables)
    for similarity in np.linspace(0, 1, 50):
        assert strict.start(similarity) >= middle.start(similarity) >= loose.start(similarity)


def test_the_floor_sends_back_one_picture_in_fifty() -> None:
    cosines = list(np.linspace(0, 1, 101))
    assert sum(cosine < fit_floor(cosines) for cosine in cosines) == 2


def test_a_description_is_taken_over_only_where_it_fits_but_for_the_loss() -> None:
    sure = [(0.9 + k / 10_000, True) for k in range(400)]
    doubtful = [(0.5 + k / 10_000, k % 2 == 0) for k in range(400)]
    assert 0.85 < fit_told(sure + doubtful, 0.01) <= 0.9
    assert fit_told(doubtful, 0.01) == NEVER
    assert fit_told([(1.0, True)] * 3, 0.01) == NEVER, "three pairs say nothing of one in a hundred"


def test_rungs_that_do_not_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="rungs rise"):
        Calibration(
            painter="p",
            seer="s",
            loss=0,
            rungs=(Rung(similarity=0.5, noise=0.5), Rung(similarity=0.9, noise=0.8)),
            floor=0,
        )


def test_without_a_table_only_near_twins_are_started_from_and_the_guard_has_no_floor() -> None:
    table = default_calibration("p", "s")
    assert table.start(0.97) == 1
    assert 0.5 < table.start(0.99) < 1
    assert table.how == ""


def test_a_table_survives_its_file_and_a_damaged_one_says_what_to_do(tmp_path: Path) -> None:
    table = default_calibration("p", "s")
    path = tmp_path / "table.json"
    path.write_text(table.model_dump_json())
    assert read_calibration(path) == table
    path.write_text("{")
    with pytest.raises(ModelDamaged, match="flashpaint calibrate"):
        read_calibration(path)


@given(st.integers(1, 60), st.floats(0.01, 1.2))
def test_what_is_left_begins_at_the_start_or_above_and_is_never_nothing(steps: int, start: float) -> None:
    shares = np.linspace(1, 0, steps + 1)
    skipped = skipped_steps(shares, start)
    assert 0 <= skipped < steps
    assert skipped == 0 or shares[skipped] >= start
    assert skipped == steps - 1 or shares[skipped + 1] < start
