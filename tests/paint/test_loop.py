"""The laws of the denoise loop, on a denoiser whose answers are known and on the real one."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpaint.errors import Cancelled, PaintingFailed, QueueFull
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop import DenoiseLoop, Step
from flashpaint.paint.mini import MiniDenoiser
from flashpaint.paint.noise import seeded_noise
from flashpaint.paint.samplers import SAMPLERS, SamplerState
from flashpaint.paint.schedule import flow_sigmas
from flashpaint.paint.trajectory import Trajectory, tick
from tests.conftest import GaussianDenoiser


def trajectory(
    denoiser: Any,
    seed: int,
    steps: int,
    text: str = "a cat",
    scale: float = 1.0,
    side: int = 16,
    sampler: str = "euler",
) -> Trajectory:
    shape = (1, denoiser.spec.latent_channels, side, side)
    return Trajectory(
        seeded_noise(seed, shape),
        flow_sigmas(steps),
        denoiser.condition([text], [1.0]),
        scale,
        SAMPLERS[sampler],
        SamplerState("flow", seed),
    )


def finish(denoiser: Any, *trajectories: Trajectory, batch: int = 8) -> list[np.ndarray]:
    loop = DenoiseLoop(denoiser, batch=batch)
    for ride in [loop.steps(t) for t in trajectories]:
        *_, last = ride
        assert last.picture is not None
    return [t.latents for t in trajectories]


class Gated(GaussianDenoiser):
    """Waits at every pass until it is let through; fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.entered = threading.Semaphore(0), threading.Semaphore(0)
        self.poison: float | None = None  # a pooled value that breaks the pass
        self.fits = 10**6  # rows that memory holds

    def denoise(self, latents: Any, sigmas: Any, conditioning: Any) -> Any:
        self.entered.release()
        self.gate.acquire()
        if len(latents) > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.poison is not None and (conditioning.arrays["pooled"] == np.float32(self.poison)).any():
            raise ValueError("poisoned")
        return super().denoise(latents, sigmas, conditioning)

    def open(self) -> None:
        self.gate.release(10**6)


def test_many_euler_steps_land_on_the_distribution_of_the_data() -> None:
    denoiser = GaussianDenoiser(mean=2.0, deviation=0.5)
    condition_shift = len("a cat") / 10
    latents = np.concatenate(finish(denoiser, *(trajectory(denoiser, seed, 200) for seed in range(8))))
    assert latents.mean() == pytest.approx(2.0 + condition_shift, abs=0.03)
    assert latents.std() == pytest.approx(0.5, abs=0.03)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 99), st.integers(1, 6), st.sampled_from([1.0, 3.0]), st.sampled_from(sorted(SAMPLERS))
        ),
        min_size=1,
        max_size=11,
    )
)
def test_a_picture_does_not_depend_on_who_shared_its_batch(asked: list[tuple[int, int, float, str]]) -> None:
    denoiser = GaussianDenoiser()
    together = finish(denoiser, *(trajectory(denoiser, s, n, scale=g, sampler=by) for s, n, g, by in asked))
    for (s, n, g, by), latents in zip(asked, together, strict=True):
        alone = finish(denoiser, trajectory(denoiser, s, n, scale=g, sampler=by))[0]
        assert np.abs(latents - alone).max() <= 1e-4


def test_the_real_denoiser_does_not_mix_its_batch() -> None:
    denoiser = MiniDenoiser(ModelFolder.open("mini"), precision="f32")
    asked = [(1, 3, "a cat in space", 3.0), (2, 5, "a dog", 1.0), (3, 4, "two balloons", 2.0)]
    together = finish(denoiser, *(trajectory(denoiser, s, n, t, g) for s, n, t, g in asked))
    for (s, n, t, g), latents in zip(asked, together, strict=True):
        assert np.abs(latents - finish(denoiser, trajectory(denoiser, s, n, t, g))[0]).max() <= 1e-4


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_pausing_at_any_step_and_resuming_gives_the_uninterrupted_picture(sampler: str) -> None:
    denoiser = GaussianDenoiser()
    whole = finish(denoiser, trajectory(denoiser, 5, 6, sampler=sampler))[0]
    for pause in range(1, 6):
        first = trajectory(denoiser, 5, 6, sampler=sampler)
        for _ in range(pause):
            tick(denoiser, [first])
        assert np.array_equal(finish(denoiser, replace(first, latents=first.latents.copy()))[0], whole)


def test_shapes_never_share_a_batch_and_all_finish() -> None:
    denoiser = GaussianDenoiser()
    mixed = [trajectory(denoiser, k, 3, side=4 + 2 * (k % 2)) for k in range(5)]
    finish(denoiser, *mixed, batch=2)
    assert all(t.finished for t in mixed)
    assert max(denoiser.calls) == 2


def test_a_newcomer_enters_between_two_ticks_and_shares_the_next_pass() -> None:
    denoiser = Gated()
    loop = DenoiseLoop(denoiser, batch=8)
    first = loop.steps(trajectory(denoiser, 1, 4))
    denoiser.entered.acquire()  # the first one's first pass is under way
    second = loop.steps(trajectory(denoiser, 2, 2))
    denoiser.open()
    assert len(list(first)) == 4
    assert len(list(second)) == 2
    assert denoiser.calls == [1, 2, 2, 1]


def test_the_earliest_deadline_goes_first() -> None:
    denoiser = Gated()
    loop = DenoiseLoop(denoiser, batch=1)
    done: list[str] = []

    def listen(name: str) -> Any:
        return lambda step: done.append(name) if step.picture else None

    now = time.monotonic()
    loop.submit(replace(trajectory(denoiser, 1, 1), deadline=now), listen("first in"))
    denoiser.entered.acquire()
    for name, deadline in (("late", now + 9), ("urgent", now - 9), ("middle", now + 5)):
        loop.submit(replace(trajectory(denoiser, 2, 1), deadline=deadline), listen(name))
    denoiser.open()
    *_, _last = loop.steps(replace(trajectory(denoiser, 3, 1), deadline=now + 99))
    assert done == ["first in", "urgent", "middle", "late"]


def test_a_cancelled_picture_leaves_within_one_tick_and_the_others_go_on() -> None:
    denoiser = Gated()
    loop = DenoiseLoop(denoiser, batch=8)
    leaving, staying = trajectory(denoiser, 1, 50), trajectory(denoiser, 2, 3)
    ride, other = loop.steps(leaving), loop.steps(staying)
    denoiser.gate.release()
    next(ride)
    denoiser.entered.acquire()
    ride.close()  # type: ignore[attr-defined]
    denoiser.open()
    assert len(list(other)) == 3
    assert leaving.position <= 3, "the pass under way when it was cancelled is its last"


def test_the_listener_of_a_cancelled_picture_hears_so() -> None:
    denoiser, heard = Gated(), list[Any]()
    loop = DenoiseLoop(denoiser)
    leaving = trajectory(denoiser, 1, 50)
    loop.submit(leaving, heard.append)
    denoiser.entered.acquire()
    leaving.cancelled = True
    denoiser.open()
    *_, _last = loop.steps(trajectory(denoiser, 2, 1))
    assert isinstance(heard[-1], Cancelled)


def test_a_picture_that_breaks_the_engine_fails_alone() -> None:
    denoiser = Gated()
    denoiser.poison = len("poison") / 10
    denoiser.open()
    loop = DenoiseLoop(denoiser, batch=8)
    rides = [loop.steps(trajectory(denoiser, k, 4, text)) for k, text in enumerate(["a cat", "poison", "a dog!!"])]
    assert len(list(rides[0])) == 4
    assert len(list(rides[2])) == 4
    with pytest.raises(PaintingFailed, match="poisoned"):
        list(rides[1])


def test_latents_that_are_no_numbers_fail_alone() -> None:
    denoiser = GaussianDenoiser()
    loop = DenoiseLoop(denoiser, batch=8)
    broken = trajectory(denoiser, 1, 3)
    broken.latents[0, 0, 0, 0] = np.nan
    rides = [loop.steps(broken), loop.steps(trajectory(denoiser, 2, 3))]
    assert len(list(rides[1])) == 3
    with pytest.raises(PaintingFailed, match="no numbers"):
        list(rides[0])


def test_out_of_memory_halves_the_batch_and_everyone_is_painted_all_the_same() -> None:
    denoiser = Gated()
    denoiser.fits = 3
    loop = DenoiseLoop(denoiser, batch=8)
    rides = [loop.steps(trajectory(denoiser, k, 3)) for k in range(8)]
    denoiser.open()
    assert [len(list(ride)) for ride in rides] == [3] * 8
    assert loop.batch is not None
    assert loop.batch <= 3


def test_a_full_loop_refuses_at_once_with_the_wait_to_expect() -> None:
    denoiser = Gated()
    loop = DenoiseLoop(denoiser, room=2, batch=1)
    rides = [loop.steps(trajectory(denoiser, k, 2)) for k in range(2)]
    with pytest.raises(QueueFull, match="2 pictures are waiting") as refused:
        loop.steps(trajectory(denoiser, 3, 2))
    assert refused.value.wait_s >= 0
    denoiser.open()
    assert [len(list(ride)) for ride in rides] == [2, 2]
    assert len(list(loop.steps(trajectory(denoiser, 4, 2)))) == 2


def test_closing_calls_everything_off_waits_for_the_device_and_the_next_picture_opens_it_again() -> None:
    denoiser, heard = Gated(), list[Any]()
    loop = DenoiseLoop(denoiser)
    loop.submit(trajectory(denoiser, 1, 50_000), heard.append)
    denoiser.entered.acquire()
    denoiser.open()
    loop.close()
    assert isinstance(heard[-1], Cancelled)
    assert len(loop) == 0
    loop.close()
    assert len(list(loop.steps(trajectory(denoiser, 2, 3)))) == 3


def test_a_listener_that_fails_harms_nobody_else() -> None:
    denoiser = GaussianDenoiser()
    loop = DenoiseLoop(denoiser, batch=4)

    def broken(_: object) -> None:
        raise ConnectionError("gone")

    loop.submit(trajectory(denoiser, 1, 30), broken)
    assert len(list(loop.steps(trajectory(denoiser, 2, 5)))) == 5


def test_asyncio_rides_share_the_loop_and_cancelling_a_task_cancels_its_picture() -> None:
    denoiser = GaussianDenoiser()
    loop = DenoiseLoop(denoiser, batch=8)
    left = trajectory(denoiser, 9, 10**6)

    async def paint(seed: int) -> list[Step]:
        return [step async for step in loop.steps_async(trajectory(denoiser, seed, 3), previews=True)]

    async def leave() -> None:
        async for _ in loop.steps_async(left):
            pass

    async def all_of_it() -> list[list[Step]]:
        gone = asyncio.create_task(leave())
        found = await asyncio.gather(paint(1), paint(2))
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        return found

    for steps in asyncio.run(all_of_it()):
        assert [step.position for step in steps] == [1, 2, 3]
        assert [step.preview is not None for step in steps] == [True, True, False]
    assert left.cancelled


def test_ten_thousand_requests_leave_no_memory_behind() -> None:
    denoiser = GaussianDenoiser()
    denoiser.calls = Forgetful()  # type: ignore[assignment]
    loop = DenoiseLoop(denoiser, batch=64)

    def some(number: int) -> None:
        for _ in range(number // 50):
            for ride in [loop.steps(trajectory(denoiser, k, 1, side=4)) for k in range(50)]:
                list(ride)

    some(500)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    some(10_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000


class Forgetful(list[int]):
    def append(self, _: int) -> None:
        pass


def test_what_pays_is_measured_once_and_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from flashpaint.paint.pace import batch_that_pays

    monkeypatch.setenv("FLASHPAINT_CACHE", str(tmp_path))
    denoiser = GaussianDenoiser()
    like = trajectory(denoiser, 1, 3)
    found = batch_that_pays(denoiser, like)
    assert found in (1, 2, 4, 8, 16, 32)
    assert like.position == 0, "measuring moves nobody"
    calls = len(denoiser.calls)
    assert batch_that_pays(denoiser, like) == found
    assert len(denoiser.calls) == calls
    (tmp_path / "pace.json").write_text("{ torn")
    assert batch_that_pays(denoiser, like) in (1, 2, 4, 8, 16, 32)
