"""What `--fast` does: the same pictures within what each level says, and caches that never outlive their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("diffusers", reason="the extra: pip install -e '.[torch]'")

import torch

from flashpaint import PaintRequest, Studio
from flashpaint.errors import OutOfRange
from flashpaint.paint.diffusers import fast
from flashpaint.paint.diffusers.flux import Flux
from flashpaint.paint.diffusers.kandinsky import Kandinsky
from flashpaint.paint.diffusers.openvino import OpenVinoNetwork
from flashpaint.paint.diffusers.sd import StableDiffusion
from flashpaint.paint.diffusers.zimage import ZImage
from flashpaint.paint.loop import DenoiseLoop
from tests.paint.diffusers import tiny
from tests.paint.diffusers.test_adapters import FAMILIES, finish, trajectory

ASKED = [(1, 3, "a cat", 5.0), (2, 4, "two dogs", 1.0), (3, 2, "a red car at night", 2.0)]


@pytest.mark.parametrize("family", [name for name, (_, adapter) in FAMILIES.items() if adapter.traceable])
def test_openvino_paints_what_pytorch_paints_in_any_batch(family: str) -> None:
    pipe, adapter = FAMILIES[family]
    denoiser = adapter(pipe(), family, "tiny")
    expected = finish(denoiser, *(trajectory(denoiser, *asked) for asked in ASKED))
    denoiser.network = OpenVinoNetwork(denoiser.network, "f32")
    found = finish(denoiser, *(trajectory(denoiser, *asked) for asked in ASKED))
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours - theirs).abs().max() <= 1e-4 * max(1, theirs.abs().max())
    assert len(denoiser.network._graphs) == 1, "one graph for batches of every size"


def test_balanced_runs_in_openvino_and_paints_the_same_picture_to_the_eye(tmp_path: Path) -> None:
    tiny.sd().save_pretrained(tmp_path / "sd")
    request = PaintRequest("a cat", seed=1, steps=3)
    exact, quick = (Studio.open(painter=tmp_path / "sd", fast=level).paint(request) for level in ("off", "balanced"))
    assert exact.used["engine"] == "torch float32 cpu"
    assert quick.used["engine"].startswith("openvino")
    a, b = (torch.tensor(list(painting.picture.tobytes()), dtype=torch.float32) for painting in (exact, quick))
    assert (a - b).abs().mean() < 4


def test_a_network_that_openvino_cannot_take_is_said() -> None:
    with pytest.raises(OutOfRange, match="leave fast off"):
        fast.speed_up(ZImage(tiny.zimage(), "z-image", "tiny"), "balanced")


def test_an_accelerator_speeds_up_a_family_whose_decoder_is_no_vae() -> None:
    """Named one, here, so that what is compiled at the first picture is not run."""
    denoiser = Kandinsky(tiny.kandinsky(), "kandinsky", "tiny")
    denoiser.device = torch.device("cuda")
    assert fast.speed_up(denoiser, "balanced") is None


def test_a_level_that_there_is_not_is_refused_before_the_model_is_read() -> None:
    with pytest.raises(OutOfRange, match="off, balanced, max"):
        Studio.open(painter="no/where", fast="ludicrous")


def cached(threshold: float) -> Any:
    denoiser = Flux(tiny.flux(dev=True, layers=3), "flux", "tiny")
    assert fast.cache(denoiser, threshold)
    return denoiser


def counted(denoiser: Any) -> list[int]:
    """A list that grows with each run of the last block's insides."""
    runs: list[int] = []
    denoiser.network.single_transformer_blocks[-1].norm.register_forward_hook(lambda *_: runs.append(1))
    return runs


def test_the_first_block_cache_changes_nothing_where_every_pass_differs_and_skips_where_none_does() -> None:
    plain = Flux(tiny.flux(dev=True, layers=3), "flux", "tiny")
    expected = finish(plain, trajectory(plain, 3, 6, "a cat", 3.5))[0]
    strict, lax = cached(0.0), cached(1e9)
    assert torch.allclose(finish(strict, trajectory(strict, 3, 6, "a cat", 3.5))[0], expected, atol=1e-5)
    runs = counted(lax)
    finish(lax, trajectory(lax, 3, 6, "a cat", 3.5))
    assert len(runs) < 6


def test_one_pictures_cache_is_void_for_the_next() -> None:
    denoiser = cached(1e9)
    alone = finish(cached(1e9), trajectory(denoiser, 5, 4, "two dogs", 3.5))[0]
    loop = DenoiseLoop(denoiser, batch=1)
    first, second = trajectory(denoiser, 3, 4, "a cat", 3.5), trajectory(denoiser, 5, 4, "two dogs", 3.5)
    for ride in [loop.steps(first), loop.steps(second)]:
        list(ride)
    assert torch.allclose(second.latents, alone, atol=1e-5)


def test_a_unet_has_no_first_block_to_cache_by() -> None:
    assert not fast.cache(StableDiffusion(tiny.sd(), "sd", "tiny"))


def test_int8_weights_paint_nearly_the_same() -> None:
    pytest.importorskip("torchao", reason="int8 weights of --fast max: pip install torchao")
    denoiser = Flux(tiny.flux(dev=True), "flux", "tiny")
    expected = finish(denoiser, trajectory(denoiser, 3, 4, "a cat", 3.5))[0]
    fast.quantise(denoiser.network)
    found = finish(denoiser, trajectory(denoiser, 3, 4, "a cat", 3.5))[0]
    assert 0 < (found - expected).abs().max() < 0.1 * expected.abs().max()


def test_what_an_accelerator_gets_paints_the_same_on_a_cpu() -> None:
    """Channels last and compiled blocks, as on a GPU; here compiled for the CPU."""
    denoiser = StableDiffusion(tiny.sd(), "sd", "tiny")
    expected = finish(denoiser, trajectory(denoiser, 3, 2, "a cat", 5.0))[0]
    fast.on_accelerator(denoiser.network, "balanced")
    found = finish(denoiser, trajectory(denoiser, 3, 2, "a cat", 5.0))[0]
    assert (found - expected).abs().max() <= 1e-3 * expected.abs().max()
