"""A quick look at latents."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flashpaint import PaintRequest, Preview, Studio
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.mini import PREVIEW, MiniDenoiser
from flashpaint.paint.preview import blocks, neighbourhoods, pixels


def test_mini_s_preview_is_its_picture_seen_through_soft_glass() -> None:
    studio = Studio.open()
    picture = studio.paint(PaintRequest("a lion", seed=4)).picture
    painter = MiniDenoiser(ModelFolder.open("mini"))
    quick = painter.preview(painter.encode([picture]))[0]
    assert quick.size == picture.size
    one, other = (np.asarray(p.resize((64, 64), Image.Resampling.BOX), float) / 255 for p in (picture, quick))
    assert -10 * np.log10(((one - other) ** 2).mean()) > 24


def test_previews_of_a_painting_have_its_size() -> None:
    events = list(Studio.open().stream(PaintRequest("a lion", seed=4)))
    assert {event.picture.size for event in events if isinstance(event, Preview)} == {(256, 256)}


def test_a_folder_of_before_there_was_one_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ModelFolder.open("mini")
    files = {name: entry for name, entry in folder.manifest.files.items() if name != PREVIEW}
    older = replace(folder, manifest=folder.manifest.model_copy(update={"files": files}))
    painter = MiniDenoiser(older)
    latents = np.random.default_rng(0).standard_normal((1, 16, 16, 16)).astype(np.float32)
    assert painter.preview(latents)[0].tobytes() == painter.decode(latents)[0].tobytes()


@given(h=st.integers(1, 5), w=st.integers(1, 5), seed=st.integers(0, 99))
def test_blocks_and_pixels_are_inverse_and_each_latent_is_read_with_its_neighbours(h: int, w: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    small = rng.random((2, 3, 4 * h, 4 * w)).astype(np.float32)
    assert np.array_equal(pixels(blocks(small)), small)
    latents = rng.random((2, 5, h, w)).astype(np.float32)
    read = neighbourhoods(latents)
    assert read.shape == (2, h, w, 5 * 9 + 1)
    assert np.array_equal(read[..., 4 * 5 : 5 * 5], latents.transpose(0, 2, 3, 1))  # the middle one is itself
