"""The page: its files by their exact names; and, in a real Chromium, what one who paints with it sees."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from flashpaint import Studio
from flashpaint.serve.keys import Keys
from tests.serve.conftest import Running, running

CHROMIUM = Path("/usr/bin/chromium")
VIEW = {"width": 1280, "height": 860}

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens the page of a server. At the end: nothing was refused by the content policy, and no script failed."""
    contexts, wrong = [], []

    def at(url: str, live: bool = True, faults: bool = False, **given: Any) -> Any:
        context = browser.new_context(**{"locale": "en-US", "viewport": VIEW, **given})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        if not faults:  # of the network, which a browser reports as errors of the page
            page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective))"
        )
        page.goto(url)
        if live:
            page.wait_for_selector("#link[data-state=open]")
        return page

    yield at
    for context in contexts:
        context.close()
    assert wrong == []


def painted(page: Any, prompt: str) -> None:
    """Wait until the frame shows what came of this prompt."""
    page.wait_for_function(
        "(said) => frame.dataset.state === 'final' && frame.dataset.prompt === said && "
        "document.documentElement.dataset.busy === 'false'",
        arg=prompt,
    )


def write(page: Any, prompt: str) -> None:
    page.fill("#prompt", prompt)
    painted(page, prompt)


def downloaded(page: Any, act: Callable[[], None]) -> tuple[str, bytes]:
    """(its name, the file)."""
    with page.expect_download() as caught:
        act()
    return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()


def save(page: Any) -> bytes:
    return downloaded(page, lambda: page.click("#download"))[1]


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


# -- the files


def files_of(http: httpx2.Client) -> list[str]:
    return re.findall(r'(?:src|href)="(page/[^"#]+)"', http.get("/").text)


def test_the_page_is_served_by_exact_names_and_nothing_beside_it(serving: Running) -> None:
    http = serving.http()
    paths = files_of(http)
    assert {path.rpartition("/")[2] for path in paths} >= {"main.js", "style.css", "icon.svg"}
    assert [http.get(f"/{path}").status_code for path in paths] == [200] * len(paths)
    folder = paths[0].rpartition("/")[0]
    for path in (
        "/page",
        "/page/",
        f"/{folder}",
        f"/{folder}/",
        f"/{folder}/index.html",
        f"/{folder}/../page_routes.py",
    ):
        assert http.get(path).status_code == 404
    for name in ("%2e%2e%2fapp.py", "main.js%00", "MAIN.JS"):
        assert http.get(f"/{folder}/{name}").status_code == 404
    assert http.get("/page/0000000000000000/main.js").status_code == 404


def test_files_are_kept_for_good_and_the_page_is_asked_for_anew(serving: Running) -> None:
    http = serving.http()
    page, script = http.get("/"), http.get("/" + next(path for path in files_of(http) if path.endswith("main.js")))
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    for answer in (page, script):
        again = http.get(answer.request.url.path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert http.head(answer.request.url.path).headers["etag"] == answer.headers["etag"]


def test_the_content_policy_allows_no_inline_script_or_style_and_there_is_none(serving: Running) -> None:
    page = serving.http().get("/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page.text)
    assert not re.search(r"https?://", page.text)


# -- what one sees


def test_typing_changes_the_picture(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.locator("#prompt").press_sequentially("a cat in space", delay=20)
    painted(page, "a cat in space")
    assert page.input_value("#description") == "a cat in space"
    first = save(page)
    page.locator("#prompt").press_sequentially(" at night, watercolour", delay=20)
    painted(page, "a cat in space at night, watercolour")
    assert np.abs(pixels(save(page)) - pixels(first)).mean() > 1
    page.wait_for_function("() => document.querySelectorAll('#strip li').length > 0")


def test_a_newer_prompt_wins(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.click("#more summary")
    page.fill("#steps", "150")
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() => window.seen.push(frame.dataset.prompt))"
        ".observe(frame, {attributeFilter: ['data-prompt']}); }"
    )
    page.fill("#prompt", "a castle in the snow")
    page.wait_for_selector("#frame[data-state=preview]")
    page.fill("#steps", "2")
    page.fill("#prompt", "a red apple")
    painted(page, "a red apple")
    time.sleep(0.5)
    assert page.evaluate("() => window.seen") == ["a red apple"]
    serving.until(lambda service: service.line.painting == 0, 5)


def test_a_picture_is_called_off_by_escape(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.click("#more summary")
    page.fill("#steps", "200")
    page.fill("#prompt", "a sea")
    page.wait_for_selector("#frame[data-state=preview]")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.documentElement.dataset.busy === 'false'")
    serving.until(lambda service: service.line.painting == 0, 5)


def test_a_seed_that_is_kept_paints_the_same_picture_to_the_last_digit(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.fill("#seed", "9223372036854775806")
    write(page, "a boat")
    first = Image.open(io.BytesIO(save(page)))
    assert "Seed: 9223372036854775806" in first.info["parameters"]
    assert page.get_attribute("#seed-lock", "aria-pressed") == "true"
    page.fill("#seed", "9223372036854775808")
    page.wait_for_function("() => notice.dataset.kind === 'refusal' && !notice.hidden")


def test_a_description_that_was_changed_is_painted_as_it_is(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    write(page, "a cat")
    page.fill("#description", "a dog in the snow")
    painted(page, "a dog in the snow")
    assert page.get_attribute("#description-lock", "aria-pressed") == "true"
    assert page.input_value("#description") == "a dog in the snow"
    write(page, "a ship")
    assert page.get_attribute("#description-lock", "aria-pressed") == "false"


def test_what_the_server_refuses_is_said(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.fill("#prompt", "\u0007bell")
    page.wait_for_selector("#notice[data-kind=refusal]:not([hidden])")
    assert "U+0007" in page.inner_text("#notice-said")
    write(page, "a bell")
    assert page.is_hidden("#notice")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("prompt_too_long", "描述太长"),
        ("out_of_range", "steps 超出了范围（Steps is 0）"),
        ("stopping", "正在停止"),
        ("some_new_code", "服务器拒绝了：Steps is 0."),
    ],
)
def test_what_the_server_refuses_is_said_in_chinese_by_its_code(
    serving: Running, opened: Open, code: str, said: str
) -> None:
    page = opened(serving.url, locale="zh-CN")
    found = page.evaluate(
        """async (code) => {
          const main = document.querySelector('script[type=module]').src;
          const {sayRefusal} = await import(main.replace('main.js', 'words.js'));
          return sayRefusal({code, param: 'steps', message: 'steps is 0'});
        }""",
        code,
    )
    assert said in found


def test_a_refusal_over_the_live_socket_is_said_in_chinese(serving: Running, opened: Open) -> None:
    page = opened(serving.url, locale="zh-CN")
    page.fill("#prompt", "猫\u0001")
    page.wait_for_selector("#notice:not([hidden])")
    assert page.inner_text("#notice-said") == "描述里有不是文字的字符，请删掉它们。"


def test_the_language_is_the_browsers_and_can_be_switched(serving: Running, opened: Open) -> None:
    page = opened(serving.url, locale="zh-CN")
    assert (page.inner_text("#history-title"), page.get_attribute("html", "lang")) == ("历史", "zh-Hans")
    page.click("#language")
    assert (page.inner_text("#history-title"), page.get_attribute("html", "lang")) == ("History", "en")
    page.reload()
    page.wait_for_selector("#link[data-state=open]")
    assert page.inner_text("#history-title") == "History"


def test_every_text_is_there_in_both_languages(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    missing = page.evaluate(
        """async () => {
          const main = document.querySelector('script[type=module]').src;
          const {TEXTS} = await import(main.replace('main.js', 'texts.js'));
          const used = [...document.querySelectorAll('[data-say],[data-say-hint],[data-say-label]')]
            .flatMap((one) => [one.dataset.say, one.dataset.sayHint, one.dataset.sayLabel]).filter(Boolean);
          return [...Object.keys(TEXTS.en), ...used].filter((name) => !(name in TEXTS.zh) || !(name in TEXTS.en));
        }"""
    )
    assert missing == []


def test_every_control_has_a_name(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select, textarea, canvas')]
          .filter((one) => !one.hidden && !one.closest('[hidden]') && one.id !== 'badge')
          .filter((one) => !(one.getAttribute('aria-label') || one.innerText?.trim() || one.labels?.length))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_the_keyboard_alone_paints_and_downloads_with_the_marks(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    page.wait_for_function("() => document.activeElement.id === 'prompt'")
    page.keyboard.type("a fox in the forest")
    page.keyboard.press("Enter")
    painted(page, "a fox in the forest")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id") == "download":
            break
    name, content = downloaded(page, lambda: page.keyboard.press("Enter"))
    assert re.fullmatch(r"a-fox-in-the-forest-\d+\.png", name)
    assert Image.open(io.BytesIO(content)).info["parameters"].startswith("a fox in the forest\n")
    assert downloaded(page, lambda: page.keyboard.press("Control+s"))[1] == content


def test_only_what_is_brushed_changes(serving: Running, opened: Open, picture: bytes) -> None:
    page = opened(serving.url)
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
    page.wait_for_selector("#source")
    page.fill("#prompt", "a red apple")
    page.click("#brush-on")
    page.wait_for_selector("#brush")
    page.keyboard.press("Space")  # in the middle, by keys
    box = page.locator("#brush").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    page.click("#go")
    painted(page, "a red apple")
    changed = np.abs(pixels(save(page)) - pixels(picture)).sum(-1) > 0
    assert changed[120:136, 90:166].mean() > 0.9
    assert not changed[:80].any()
    assert not changed[176:].any()
    assert not changed[:, :40].any()


def test_a_mask_without_a_stroke_is_not_sent(serving: Running, opened: Open, picture: bytes) -> None:
    page = opened(serving.url)
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
    page.fill("#prompt", "a red apple")
    page.click("#brush-on")
    page.click("#go")
    page.wait_for_selector("#notice[data-kind=refusal]")
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.wait_for_function("() => document.querySelector('#notice-said').textContent.includes('PNG')")


def test_a_picture_is_described_varied_and_searched_by(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    write(page, "a castle at night")
    page.click("#edit")
    page.click("#describe")
    page.wait_for_selector("#notice[data-kind=note]")
    assert page.input_value("#prompt")
    page.click("#vary")
    page.wait_for_selector("#frame[data-state=final]")
    page.click("#alike")
    page.wait_for_selector("#found")
    assert page.locator("#strip li").count() > 0


@pytest.mark.parametrize("way", ["instruct", "extend"])
def test_words_can_be_an_instruction_or_widen_the_picture(
    serving: Running, opened: Open, picture: bytes, way: str
) -> None:
    page = opened(serving.url)
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
    page.click(f"#{way}")
    page.fill("#prompt", "a lake at night")
    page.focus("#prompt")
    page.keyboard.press("Enter")
    painted(page, "a lake at night")
    assert Image.open(io.BytesIO(save(page))).size == (256, 256)
    assert page.get_attribute("#notice", "data-kind") == ("notes" if way == "extend" else None)
    assert page.locator("#strip li.chosen").count() == 1  # kept for this visit


def test_drafts_on_the_way_fold_into_what_came_of_them(another: Callable[..., Running], opened: Open) -> None:
    page = opened(another().url)
    page.click("#more summary")
    page.select_option("#reuse-of", "exact")
    for prompt in ("an ant", "an ant on", "an ant on a leaf"):
        write(page, prompt)
    page.wait_for_selector("#strip li:first-child .drafts:not([hidden])")
    before = page.locator("#strip li").count()
    page.focus("#strip .open[tabindex='0']")
    page.keyboard.press("d")
    page.wait_for_function("n => document.querySelectorAll('#strip li').length === n", arg=before + 2)
    page.goto("about:blank")


def test_two_pictures_are_compared(serving: Running, opened: Open) -> None:
    page = opened(serving.url)
    write(page, "a sunflower")
    write(page, "a rocket in space")
    page.wait_for_function("() => document.querySelectorAll('#strip li').length > 1")
    page.focus("#strip .open[tabindex='0']")
    page.keyboard.press("c")
    page.wait_for_selector("#compare-this[aria-pressed=true]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("c")
    page.wait_for_selector("#compare")
    page.keyboard.press("ArrowRight")
    assert float(page.input_value("#cut")) > 50
    page.keyboard.press("Escape")
    assert page.is_hidden("#compare")


def test_it_comes_back_after_the_server_restarts(remembering: Studio, tmp_path: Path, opened: Open) -> None:
    with running(remembering, tmp_path) as first:
        page = opened(first.url, faults=True)
        write(page, "a horse")
    page.wait_for_selector("#link[data-state=lost]")
    assert "lost" in page.inner_text("#link-said")
    page.fill("#prompt", "a horse in the snow")  # while nobody hears it
    with running(remembering, tmp_path, port=first.port):
        page.wait_for_selector("#link[data-state=open]")
        painted(page, "a horse in the snow")
        page.goto("about:blank")


def test_a_key_is_asked_for_and_sent(another: Callable[..., Running], tmp_path: Path, opened: Open) -> None:
    secret = Keys(tmp_path).add("ann", ["generate", "read"])
    page = opened(another().url, live=False, faults=True)
    page.wait_for_selector("#key-form")
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice[data-kind=refusal]")
    page.fill("#key", secret)
    page.keyboard.press("Enter")
    page.wait_for_selector("#link[data-state=open]")
    write(page, "a key")
    page.wait_for_selector("#strip li")
    assert page.evaluate("() => JSON.stringify(localStorage)").find(secret) == -1
    page.goto("about:blank")


def test_it_fits_a_small_phone(serving: Running, opened: Open) -> None:
    page = opened(serving.url, viewport={"width": 360, "height": 640}, is_mobile=True, has_touch=True)
    write(page, "a very long prompt about a cat that sits on a table in the kitchen of a house by the sea at night")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360


def test_settings_are_remembered(serving: Running, opened: Open) -> None:
    page = opened(serving.url, color_scheme="dark")
    page.click("#theme")
    page.click("#more summary")
    page.fill("#steps", "3")
    page.select_option("#scaling", "crisp")
    page.reload()
    page.wait_for_selector("#link[data-state=open]")
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.input_value("#steps") == "3"
    assert page.get_attribute("#frame", "data-scaling") == "crisp"
