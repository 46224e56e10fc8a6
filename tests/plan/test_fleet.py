"""The laws that any queue obeys, and those of ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import OutOfRange
from flashpaint.plan.autoscaler import Scaling
from flashpaint.plan.fleet import Fleet, Setup
from flashpaint.plan.outcome import Outcome
from flashpaint.plan.profile import Profile
from flashpaint.plan.replica import NEVER, Limits
from flashpaint.plan.search import LOST, Search
from flashpaint.plan.traffic import Traffic, poisson, with_hits

MINI = Profile(
    steps=4,
    batch=8,
    pass_s={1: 0.009, 2: 0.014, 4: 0.024, 8: 0.044},
    read_s=0.0105,
    decode_s=0.0076,
    startup_s=2,
    reading_speed=0.6,
    painting_speed=0.8,
)
ROOMY = Limits(at_once=10_000)

profiles = st.builds(
    Profile,
    steps=st.integers(1, 8),
    batch=st.integers(1, 8),
    pass_s=st.fixed_dictionaries({1: st.floats(0.01, 0.5), 8: st.floats(0.5, 2)}),
    read_s=st.floats(0, 0.3),
    decode_s=st.floats(0, 0.3),
    keep_s=st.sampled_from([0, 0.1]),
    startup_s=st.floats(0, 5),
    reading_speed=st.floats(0.3, 1),
    painting_speed=st.floats(0.3, 1),
)
setups = st.builds(
    Setup,
    limits=st.builds(
        Limits, at_once=st.integers(1, 12), room=st.integers(0, 20), deadline_s=st.sampled_from([NEVER, 1, 5, 20])
    ),
    scaling=st.builds(
        Scaling,
        least=st.integers(1, 3),
        most=st.integers(3, 6),
        target=st.floats(0.5, 4),
        up_s=st.sampled_from([0, 10]),
        down_s=st.sampled_from([0, 30]),
    ),
    mtbf_s=st.sampled_from([NEVER, 20, 200]),
    restart_s=st.floats(0, 10),
    callers=st.sampled_from([None, None, 1, 5]),
)


def asked(rate: float, seconds: float, profile: Profile, hit_rate: float = 0.0, seed: int = 0) -> Traffic:
    rng = np.random.default_rng(seed)
    return with_hits(poisson(rate, seconds, rng), profile.steps, profile.steps // 2, hit_rate, rng)


def steady(number: int, limits: Limits = ROOMY) -> Setup:
    return Setup(limits, Scaling(number, number))


@given(profiles, setups, st.floats(0.2, 10), st.integers(0, 99), st.sampled_from([NEVER, 15.0]))
def test_who_arrived_is_painted_refused_late_failed_or_in_flight(
    profile: Profile, setup: Setup, rate: float, seed: int, until: float
) -> None:
    traffic = asked(rate, 40, profile, 0.3, seed)
    outcome = Fleet(profile, traffic, setup, seed, until).run()
    counted = {fate: outcome.count(fate) for fate in ("painted", "refused", "late", "failed", "in flight")}
    assert sum(counted.values()) == outcome.arrived
    if until == NEVER:
        assert (outcome.arrived, counted["in flight"]) == (len(traffic), 0)
    if setup.mtbf_s == NEVER:
        assert not counted["failed"]


@given(profiles, setups, st.integers(0, 99))
def test_the_same_seed_is_the_same_outcome(profile: Profile, setup: Setup, seed: int) -> None:
    traffic = asked(3, 30, profile, 0.3, seed)
    one, other = (Fleet(profile, traffic, setup, seed).run() for _ in range(2))
    assert one.figures(1.0) == pytest.approx(other.figures(1.0), rel=0, abs=0, nan_ok=True)
    assert np.array_equal(one.latencies, other.latencies, equal_nan=True)
    assert one.replicas == other.replicas


@given(profiles, setups, st.integers(0, 99))
def test_no_picture_is_done_sooner_than_in_an_idle_replica(profile: Profile, setup: Setup, seed: int) -> None:
    traffic = asked(3, 30, profile, 0.3, seed)
    outcome = Fleet(profile, traffic, setup, seed).run()
    fastest = np.array([profile.alone_s(steps) + profile.keep_s for steps in traffic.steps])
    fastest -= traffic.steps * max(0.0, profile.pass_of(1) - min(map(profile.pass_of, range(1, profile.batch + 1))))
    painted = ~np.isnan(outcome.latencies)
    assert (outcome.latencies[painted] >= fastest[painted] - 1e-6).all()


@given(profiles, st.floats(0.2, 5), st.integers(1, 3), st.integers(0, 99), st.sampled_from([NEVER, 20.0]))
def test_littles_law(profile: Profile, rate: float, number: int, seed: int, until: float) -> None:
    """L = lambda W (Little 1961): request-seconds in the fleet are the sum of what each spent there."""
    outcome = Fleet(profile, asked(rate, 60, profile, 0.0, seed), steady(number), seed, until).run()
    unfinished = outcome.fates == "in flight"
    spent = np.nansum(outcome.latencies) + (outcome.seconds - outcome.at[unfinished]).sum()
    assert outcome.inside_s == pytest.approx(spent, rel=1e-6, abs=1e-6)


@given(profiles, st.floats(0.3, 1.5), st.integers(1, 4), st.integers(0, 99))
def test_more_replicas_never_make_it_slower(profile: Profile, load: float, number: int, seed: int) -> None:
    """Beyond what the lots of routing and the sharing of passes explain."""
    rate = load * number * profile.most_per_s(profile.steps)
    traffic = asked(rate, 300 / rate, profile, 0.0, seed)
    fewer, more = (Fleet(profile, traffic, steady(n), seed).run() for n in (number, 2 * number))
    assert more.latency(95) <= 1.15 * fewer.latency(95)


def test_one_server_of_constant_work_waits_as_pollaczek_and_khinchine_say() -> None:
    """M/D/1: the mean wait is rho / (2 (1 - rho)) of the work (Pollaczek 1930, Khinchine 1932)."""
    single = Profile(steps=1, pass_s={1: 1.0})
    for rho in (0.3, 0.6, 0.8):
        outcome = Fleet(single, asked(rho, 60_000, single), steady(1)).run()
        assert np.mean(outcome.latencies) - 1 == pytest.approx(rho / (2 * (1 - rho)), rel=0.06)
        assert outcome.busy_s / outcome.ready_s == pytest.approx(rho, rel=0.02)


def test_one_reader_waits_as_they_say_too() -> None:
    reading = Profile(steps=1, pass_s={1: 1e-6}, batch=1, read_s=1.0)
    outcome = Fleet(reading, asked(0.7, 60_000, reading), steady(1)).run()
    assert np.mean(outcome.latencies) - 1 == pytest.approx(0.7 / 0.6, rel=0.06)


def test_many_servers_wait_less_than_one_of_their_speed_and_more_than_none() -> None:
    single = Profile(steps=1, pass_s={1: 1.0})
    outcome = Fleet(single, asked(0.8 * 8, 5_000, single), steady(8)).run()
    assert 0.01 < np.mean(outcome.latencies) - 1 < 0.8 / (2 * 0.2), "better than eight lines of their own"


@given(profiles)
def test_callers_who_never_rest_get_what_a_replica_paints_at_most(profile: Profile) -> None:
    many, number = 4 * profile.batch + 8, 600
    traffic = Traffic(np.zeros(number), np.full(number, profile.steps))
    outcome = Fleet(profile, traffic, replace(steady(1), callers=many)).run()
    reached = outcome.arrived / outcome.seconds
    assert 0.75 * profile.most_per_s(profile.steps) <= reached <= 1.001 * upper_bound(profile)


def upper_bound(profile: Profile) -> float:
    """Pictures a second were passes of the best number of rows, reading and painting at once all along."""
    best = min(profile.pass_of(rows) / rows for rows in range(1, profile.batch + 1))
    return 1 / max(profile.steps * best + profile.decode_s, profile.read_s + profile.keep_s, 1e-9)


def test_memory_makes_pictures_cheaper() -> None:
    cold, warm = (Fleet(MINI, asked(24, 600, MINI, share), steady(1)).run() for share in (0.0, 0.8))
    assert warm.latency(95) < 0.8 * cold.latency(95)


def test_a_full_line_refuses_and_the_rest_is_in_time() -> None:
    outcome = Fleet(MINI, asked(60, 60, MINI), steady(1, Limits(8, 16))).run()
    assert 0.3 < outcome.lost < 0.7
    assert outcome.count("refused") == outcome.arrived - outcome.count("painted")
    assert outcome.latency(100) < 1.2 * 24 / MINI.most_per_s(4) + MINI.alone_s(4)


def test_a_deadline_is_kept_or_the_request_called_off_or_refused_at_once() -> None:
    outcome = Fleet(MINI, asked(60, 60, MINI), steady(1, Limits(8, 1000, deadline_s=0.5))).run()
    assert outcome.latency(100) <= 0.5 + MINI.pass_of(8) / 0.8 + 8 * MINI.decode_s / 0.8
    assert outcome.count("refused") > 100


def test_the_autoscaler_follows_the_load_up_and_down_and_costs_less_than_the_peak() -> None:
    rush = np.concatenate([np.arange(0, 600, 0.5), np.arange(600, 1200, 0.01), np.arange(1200, 3600, 0.5)])
    traffic = Traffic(rush, np.full(len(rush), 4))
    scaled = Fleet(MINI, traffic, Setup(scaling=Scaling(1, 10, 4.0))).run()
    fixed = Fleet(MINI, traffic, steady(10)).run()
    ready = dict(scaled.replicas)
    assert max(ready.values()) > 3
    assert scaled.replicas[-1][1] == 1
    assert next(when for when, number in scaled.replicas if number > 1) >= 600 + MINI.startup_s
    assert scaled.cost_per_1000(1.0) < 0.6 * fixed.cost_per_1000(1.0)
    assert scaled.lost < 0.2


def test_who_is_in_a_replica_that_dies_is_tried_again_once() -> None:
    slow = Profile(steps=10, pass_s={1: 1.0}, batch=4)
    setup = replace(steady(3, Limits(4, 100)), mtbf_s=60.0, restart_s=5.0)
    outcome = Fleet(slow, asked(0.2, 4000, slow), setup).run()
    assert 0 < outcome.count("failed") < 0.2 * outcome.arrived
    assert outcome.count("painted") + outcome.count("failed") == outcome.arrived
    calm = Fleet(slow, asked(0.2, 4000, slow), replace(setup, mtbf_s=NEVER)).run()
    assert calm.latency(95) < outcome.latency(95)


def test_the_search_finds_the_fewest_that_keep_the_target() -> None:
    traffic = asked(150, 100, MINI)
    search = Search(MINI, traffic, Setup())
    number = search.needed(0.3)
    kept, missed = search.outcome(number), search.outcome(number - 1)
    assert keeps(kept, 0.3)
    assert not keeps(missed, 0.3)
    assert set(search.around(number)) >= {number - 2, number - 1, number, number + 1, number + 2}


def keeps(outcome: Outcome, target_s: float) -> bool:
    return outcome.latency(95) <= target_s and outcome.lost <= LOST


def test_a_target_that_an_idle_replica_misses_is_refused_with_its_reason() -> None:
    with pytest.raises(OutOfRange, match=r"a picture takes 0\.0541 s in an idle one"):
        Search(MINI, asked(10, 10, MINI), Setup()).needed(0.03)


def test_failures_that_outrun_the_fleet_are_no_endless_search() -> None:
    setup = Setup(mtbf_s=0.05, restart_s=0.05)
    with pytest.raises(OutOfRange, match="replicas keep"):
        Search(MINI, asked(5, 2, MINI), setup).needed(0.2)
