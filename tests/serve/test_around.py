"""Panoramas on the page: one looks around in them, under the page's own content policy."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flashpaint import Studio, marks
from flashpaint.painting import Painting
from flashpaint.request import PaintRequest
from flashpaint.tasks.panorama import coarse
from tests.serve.conftest import Running
from tests.serve.test_page import CHROMIUM, Open, opened

__all__ = ["opened"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """With WebGL in software."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        )
        yield found
        found.close()


def shown(page: Any, painting: Painting) -> None:
    """Have the page look at a picture that was painted."""
    page.evaluate(
        """async ([content, prompt]) => {
          const main = document.querySelector('script[type=module]').src;
          const {look} = await import(main.replace('main.js', 'painting.js'));
          const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
          await look({blob: new Blob([bytes], {type: 'image/png'}), prompt, seed: 1});
        }""",
        [base64.b64encode(marks.to_png(painting)).decode(), painting.request.prompt],
    )


def seen(page: Any) -> np.ndarray:
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.locator("#around canvas").screenshot())).convert("RGB")
    return np.asarray(picture, float)


def test_one_looks_around_in_a_panorama(serving: Running, studio: Studio, opened: Open) -> None:
    panorama = studio.paint(coarse("a beach at sunset", seed=3))
    page = opened(serving.url)
    shown(page, panorama)
    page.click("#around-open")
    ahead = seen(page)
    assert ahead.std() > 20
    page.keyboard.press("ArrowRight")
    assert float(page.get_attribute("#around", "data-yaw")) > 0
    for _ in range(40):
        page.keyboard.press("ArrowUp")
    assert float(page.get_attribute("#around", "data-pitch")) == pytest.approx(np.pi / 2, abs=0.01)
    up = seen(page)
    height, width = up.shape[:2]
    middle = up[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3]
    sky = np.asarray(panorama.picture.crop((0, 0, 512, 40)), float).mean(axis=(0, 1))
    assert np.abs(middle.mean(axis=(0, 1)) - sky).max() < 30, "straight up is the top of the picture"
    box = page.locator("#around").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 60, steps=4)
    page.mouse.up()
    assert float(page.get_attribute("#around", "data-pitch")) < 1.5
    page.click("#around-close")
    assert page.is_hidden("#around")
    assert page.is_visible("#around-open")


def test_a_flat_picture_offers_no_looking_around_and_ends_it(serving: Running, studio: Studio, opened: Open) -> None:
    page = opened(serving.url)
    shown(page, studio.paint(coarse("a forest", seed=1)))
    page.click("#around-open")
    seen(page)
    shown(page, studio.paint(PaintRequest("a cat", seed=1)))
    page.wait_for_selector("#around", state="hidden")
    assert page.is_hidden("#around-open")
