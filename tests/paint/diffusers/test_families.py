"""What single families promise beyond what all do."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import numpy as np
import torch
from diffusers.schedulers import scheduling_unclip

from flashpaint.paint.diffusers.flux2 import Flux2
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.karlo import Karlo
from flashpaint.paint.diffusers.pixart import PixArt
from flashpaint.paint.diffusers.sana import Sana
from flashpaint.paint.diffusers.sana_sprint import SanaSprint
from flashpaint.paint.diffusers.zimage import ZImage
from flashpaint.paint.noise import seeded_noise
from tests.paint.diffusers import tiny
from tests.paint.diffusers.oracles import TEXT, theirs
from tests.paint.diffusers.test_adapters import finish, trajectory


@pytest.fixture(scope="module")
def sprint() -> Any:
    return SanaSprint(tiny.sana(sprint=True), "sprint", "tiny")


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_sana_sprint_at_few_steps_is_its_pipeline(sprint: Any, steps: int) -> None:
    ours = finish(sprint, trajectory(sprint, 3, steps, TEXT, 4.5))[0]
    expected = theirs(sprint, torch.from_numpy(seeded_noise(3, (1, 4, 16, 16))), 4.5, steps)
    assert (ours - expected).abs().max() <= 1e-4 * max(1, expected.abs().max())


def test_karlos_networks_enlarge_as_in_its_pipeline() -> None:
    """Where neither adds noise of its own, and both begin from the same."""
    karlo = Karlo(tiny.karlo(), "karlo", "tiny")
    karlo.pipe.set_progress_bar_config(disable=True)
    small: list[Any] = []
    step = karlo.pipe.decoder_scheduler.step

    def watched(*args: Any, **own: Any) -> Any:
        small.append(step(*args, **own).prev_sample)
        return step(*args, **own)

    with (
        mock.patch.object(scheduling_unclip, "randn_tensor", lambda shape, **_: torch.zeros(shape)),
        mock.patch.object(karlo.pipe.decoder_scheduler, "step", watched),
    ):
        expected = karlo.pipe(
            TEXT,
            prior_num_inference_steps=2,
            decoder_num_inference_steps=2,
            super_res_latents=torch.from_numpy(seeded_noise(0, (1, 3, 64, 64))),
        ).images[0]
        ours = karlo.decode(small[-1])[0]
    assert np.abs(np.asarray(ours, float) - np.asarray(expected, float)).max() <= 1
    assert np.asarray(ours).std() > 10


@pytest.mark.parametrize(("build", "adapter"), [(tiny.karlo, Karlo), (tiny.kandinsky, Kandinsky)])
def test_a_prior_imagines_one_picture_of_one_description_in_any_company(build: Any, adapter: Any) -> None:
    denoiser = adapter(build(), "unclip", "tiny")
    alone = denoiser.condition(["a cat"], [4.0])
    shared = denoiser.condition(["two dogs", "a cat"], [4.0, 4.0])[1:2]
    for name, row in alone.arrays.items():
        assert torch.equal(row, shared.arrays[name])
        assert name in ("guidance", "mask") or not torch.equal(row, denoiser.condition(["a dog"], [4.0]).arrays[name])


@pytest.mark.parametrize(
    ("build", "adapter", "reads"),
    [
        (tiny.zimage, ZImage, 512 - 5 - 2),  # the tiny template says "user:", and the tokenizer marks begin and end
        (lambda: tiny.flux2_klein(distilled=True), Flux2, 512 - 5 - 2),
        (tiny.sana, Sana, 298),
        (lambda: tiny.sana(sprint=True), SanaSprint, 298),
        (tiny.pixart, PixArt, 300 - 2),  # a mark of the word's begin, and one of the end
    ],
)
def test_what_a_text_encoder_does_not_reach_changes_nothing_and_is_said(build: Any, adapter: Any, reads: int) -> None:
    denoiser = adapter(build(), "model", "tiny")
    whole = "a" * reads
    said = [
        denoiser.condition([text], [1.0]).arrays["states"] for text in (whole[1:] + "b", whole + "cd", whole + "ce")
    ]
    assert not torch.equal(said[0], said[1])
    assert torch.equal(said[1], said[2])
    assert denoiser.notes_on(whole) == ()
    (note,) = denoiser.notes_on(whole + "cd")
    assert note.endswith("it did not read “cd”")
