"""The painter that is elsewhere, against a server that speaks the images API on the wire, and misspeaks it."""

from __future__ import annotations

import contextlib
import io
import logging
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("openai", reason="the extra: pip install -e '.[remote]'")

from flashpaint import Finished, PaintRequest, Preview, Studio
from flashpaint.errors import (
    Cancelled,
    FlashpaintError,
    ModelNotFound,
    OutOfRange,
    PaintingFailed,
    PictureUnreadable,
    QueueFull,
    RequestInvalid,
    SizeUnsupported,
)
from flashpaint.paint import endpoint
from flashpaint.paint.address import key_for, parsed
from flashpaint.paint.decoding import decoded
from flashpaint.paint.opening import open_painter
from flashpaint.paint.painter import Order
from flashpaint.paint.remote import RemotePainter
from tests.paint.images_server import Api, Asked, Reply, b64, gives, picture, png, refuses, serving, streams

KEY = "sk-very-secret-0123456789"
Make = Callable[..., RemotePainter]


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as api:
        yield api


@pytest.fixture
def make(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """A painter of the server here, without retries and patience unless a test asks for them."""
    monkeypatch.setenv("FLASHPAINT_PAINTER_KEY", KEY)
    with contextlib.ExitStack() as closing:

        def made(**parameters: Any) -> RemotePainter:
            painter = RemotePainter(api.url, "test-model", **{"retries": 0, "total_s": 20.0, **parameters})
            closing.callback(painter.close)
            return painter

        yield made


def order(text: str = "a cat", side: int = 64, **more: Any) -> Order:
    return Order(description=text, seed=7, width=side, height=side, **{"steps": 1, "guidance_scale": 1.0, **more})


def painted(painter: RemotePainter, one: Order | None = None) -> Image.Image:
    last = list(painter.steps([one or order()])[0])[-1]
    assert last.picture is not None
    return last.picture


def fails(painter: RemotePainter, kind: type[FlashpaintError], words: str, previews: bool = False) -> FlashpaintError:
    with pytest.raises(kind, match=words) as caught:
        list(painter.steps([order()], previews)[0])
    assert KEY not in str(caught.value)
    return caught.value


# ---- what is asked and what comes back


def test_an_order_becomes_one_call_and_its_picture(api: Api, make: Make) -> None:
    result = painted(make())
    assert result.size == (64, 64)
    assert result.mode == "RGB"
    asked = api.asked[0]
    assert asked.path == "/v1/images/generations"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.fields == {
        "model": "test-model",
        "prompt": "a cat",
        "size": "64x64",
        "response_format": "b64_json",
    }


def test_what_the_endpoint_heeds_is_sent_and_nothing_else(api: Api, make: Make) -> None:
    painter = make(heeds={"seed", "steps", "negative", "sigmas"}, steps=20)
    assert painter.spec.heeds == {"seed", "steps", "negative", "sigmas"}
    painted(painter, order(steps=30))
    assert {k: api.asked[0].fields.get(k) for k in ("seed", "steps", "guidance_scale", "negative", "sigmas")} == {
        "seed": 7,
        "steps": 30,
        "guidance_scale": None,
        "negative": None,
        "sigmas": None,
    }
    painted(painter, order(negative="rain", sigmas=(1.0, 0.5, 0.0)))
    assert api.asked[1].fields["sigmas"] == [1.0, 0.5, 0.0]
    assert "steps" not in api.asked[1].fields
    assert painter.notes_on("a cat") == ()
    assert "takes no seed" in make().notes_on("a cat")[0]


def test_parameters_that_cannot_be_true_are_refused(make: Make) -> None:
    for parameters, words in (
        ({"heeds": {"colour"}}, "heeds none of colour"),
        ({"heeds": {"steps"}}, "heeds steps has a default"),
        ({"side": 100}, "side is 100"),
    ):
        with pytest.raises(OutOfRange, match=words):
            make(**parameters)


def test_a_picture_streams_with_previews(api: Api, make: Make) -> None:
    api.answers = [streams]
    steps = list(make().steps([order()], previews=True)[0])
    assert [(s.position, s.steps) for s in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    previews = [s.preview for s in steps[:-1]]
    assert [p and p.getpixel((0, 0)) for p in previews] == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert steps[-1].picture is not None
    assert api.asked[0].fields["stream"] is True
    assert api.asked[0].fields["partial_images"] == 3


@pytest.mark.parametrize(
    "refusal",
    [
        refuses(400, "Unknown parameter: 'stream'.", param="stream"),
        refuses(400, "partial_images is not supported by this model"),
        lambda reply, asked: reply.json({"detail": [{"loc": ["body", "stream"], "msg": "extra"}]}, 422),
    ],
)
def test_an_endpoint_that_does_not_stream_is_asked_plainly_and_that_is_remembered(
    api: Api, make: Make, refusal: Any
) -> None:
    api.answers = [refusal, picture]
    painter = make()
    for _ in range(2):
        steps = list(painter.steps([order()], previews=True)[0])
        assert steps[-1].picture is not None
    assert ["stream" in asked.fields for asked in api.asked] == [True, False, False]
    assert not any("partial_images" in asked.fields for asked in api.asked[1:])


def test_an_endpoint_that_overlooks_stream_still_gives_its_picture(api: Api, make: Make) -> None:
    assert list(make().steps([order()], previews=True)[0])[-1].picture is not None


def test_response_format_is_left_out_where_it_is_unknown(api: Api, make: Make) -> None:
    api.answers = [refuses(400, "Unknown parameter: 'response_format'.", param="response_format"), picture]
    painter = make()
    painted(painter)
    painted(painter)
    assert ["response_format" in asked.fields for asked in api.asked] == [True, False, False]


def test_a_refusal_that_only_quotes_the_prompt_is_no_refusal_of_a_field(api: Api, make: Make) -> None:
    api.answers = [refuses(400, "your prompt 'a stream' is not liked")]
    with pytest.raises(RequestInvalid, match="is not liked"):
        list(make().steps([order("a stream")], previews=True)[0])
    assert len(api.asked) == 1


def test_an_edit_sends_picture_and_mask_as_the_api_wants_them(api: Api, make: Make) -> None:
    mask = Image.new("L", (64, 64))
    mask.paste(255, (0, 0, 32, 64))
    image = Image.new("RGB", (64, 64), "green")
    steps = list(make(heeds={"seed"}).edit(image, mask, order("a red cat")))
    assert steps[-1].picture is not None
    asked = api.asked[0]
    assert asked.path == "/v1/images/edits"
    assert {k: asked.fields[k] for k in ("model", "prompt", "size", "seed")} == {
        "model": "test-model",
        "prompt": "a red cat",
        "size": "64x64",
        "seed": "7",
    }
    sent = Image.open(io.BytesIO(asked.fields["mask"]))
    assert sent.getpixel((0, 0))[3] == 0, "painted anew"  # type: ignore[index]
    assert sent.getpixel((63, 0))[3] == 255, "kept"  # type: ignore[index]
    assert Image.open(io.BytesIO(asked.fields["image"])).getpixel((0, 0)) == (0, 128, 0)


def test_an_edit_streams_too_and_a_mask_of_another_size_is_refused(api: Api, make: Make) -> None:
    api.answers = [streams]
    painter, image = make(), Image.new("RGB", (64, 64))
    steps = list(painter.edit(image, None, order(), previews=True))
    assert len(steps) == 4
    assert "mask" not in api.asked[0].fields
    with pytest.raises(RequestInvalid, match="make them alike") as caught:
        painter.edit(image, Image.new("L", (32, 64)), order())
    assert caught.value.param == "mask"


# ---- pictures


def test_a_picture_of_another_size_is_scaled_and_of_another_shape_refused(api: Api, make: Make) -> None:
    api.answers = [gives(png((256, 256))), gives(png((64, 96)))]
    painter = make()
    assert painted(painter).size == (64, 64)
    fails(painter, PaintingFailed, "painted 64x96 where 64x64 was asked")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_the_formats_of_the_api_are_read(kind: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (32, 16), "red").save(out, kind)
    assert decoded(out.getvalue()).size == (32, 16)


def test_what_is_transparent_lies_on_white() -> None:
    assert decoded(png((8, 8), (255, 0, 0, 0), "RGBA")).getpixel((0, 0)) == (255, 255, 255)
    assert decoded(png((8, 8), (255, 0, 0, 255), "RGBA")).getpixel((0, 0)) == (255, 0, 0)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than there are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def noisy(side: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "GIF")
    return out.getvalue()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (noisy(64)[:2000], "not a whole picture"),
        (bomb(6000, 6000), "6000x6000 pixels"),
        (bomb(11000, 11000), "11000x11000 pixels"),
        (bomb(2**31 - 1, 2**31 - 1), "not a whole picture"),
        (gif(), "not a whole picture in PNG, WEBP, JPEG"),
        (b"rubbish", "not a whole picture"),
        (b"\x00", "not a whole picture"),
    ],
    ids=["truncated", "large", "larger", "bomb", "gif", "rubbish", "nothing"],
)
def test_what_is_no_sound_picture_is_refused(api: Api, make: Make, content: bytes, words: str) -> None:
    with pytest.raises(PictureUnreadable, match=words):
        decoded(content)
    api.answers = [gives(content)]
    fails(make(), PaintingFailed, "sent what cannot be read")


def test_too_many_bytes_are_refused_unread(api: Api, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureUnreadable, match="9 bytes: 8 are allowed"):
        decoded(b"123456789", most_bytes=8)
    monkeypatch.setattr(endpoint, "BODY", 2**20)
    api.answers = [gives(bytes(2**21))]
    fails(make(retries=2), PaintingFailed, "answered with more than 1 MiB")
    assert len(api.asked) == 1, "and not asked for again"


def test_a_preview_that_cannot_be_read_spoils_nothing(api: Api, make: Make) -> None:
    def answer(reply: Reply, asked: Asked) -> None:
        reply.begin_events()
        reply.event({"type": "image_generation.partial_image", "b64_json": b64(b"no"), "partial_image_index": 0})
        reply.event({"type": "image_generation.queued"})
        reply.event({"type": "image_generation.completed", "b64_json": b64(png(asked.size))})
        reply.end_events()

    api.answers = [answer]
    assert [s.preview for s in make().steps([order()], previews=True)[0]] == [None]


# ---- endpoints that fail


def hang_up(reply: Reply, asked: Asked) -> None:
    reply.close_connection = True


def break_off(reply: Reply, asked: Asked) -> None:
    reply.begin_events()
    reply.event({"type": "image_generation.partial_image", "b64_json": b64(png(asked.size)), "partial_image_index": 0})
    reply.close_connection = True


def end_early(reply: Reply, asked: Asked) -> None:
    reply.begin_events()
    reply.event({"type": "image_generation.partial_image", "b64_json": b64(png(asked.size)), "partial_image_index": 0})
    reply.end_events()


def fail_in_the_stream(code: str | None) -> Any:
    def answer(reply: Reply, asked: Asked) -> None:
        reply.begin_events()
        reply.event({"type": "error", "error": {"message": "out of memory", "code": code, "param": None}})
        reply.end_events()

    return answer


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refuses(401, f"Incorrect API key: {KEY}"), PaintingFailed, "does not accept the key .401.: set FLASHPAINT"),
        (refuses(403), PaintingFailed, "does not accept the key"),
        (refuses(404, "no such model"), ModelNotFound, "has no model test-model or no images API"),
        (refuses(400, "bad seed", param="seed"), RequestInvalid, "refuses this request: bad seed"),
        (refuses(400, f"echo {KEY}"), RequestInvalid, "echo …"),
        (refuses(400, "64x64 is too small", param="size"), SizeUnsupported, "does not paint this size"),
        (refuses(400, "no", code="moderation_blocked"), RequestInvalid, "say it otherwise"),
        (refuses(413), RequestInvalid, "refuses this request"),
        (refuses(429, "pay", code="insufficient_quota"), PaintingFailed, "status 429: pay"),
        (refuses(500, "it broke"), PaintingFailed, "status 500: it broke"),
        (lambda r, a: r.body(b"<html>", 502, "text/html"), PaintingFailed, "status 502"),
        (lambda r, a: r.body(b"{nonsense"), PaintingFailed, "no answer of an images API"),
        (lambda r, a: r.body(b"hello", kind="text/plain"), PaintingFailed, "without a picture"),
        (lambda r, a: r.body(b"[1]"), PaintingFailed, "without a picture"),
        (lambda r, a: r.json({"data": []}), PaintingFailed, "without a picture"),
        (lambda r, a: r.json({"data": "x"}), PaintingFailed, "without a picture"),
        (lambda r, a: r.json({"data": [{"b64_json": "§§§"}]}), PaintingFailed, "no base64"),
        (lambda r, a: r.json({"data": [{"b64_json": 3}]}), PaintingFailed, "without a picture"),
        (lambda r, a: r.json({"data": [{"url": "http://127.0.0.1:9/x"}]}), PaintingFailed, "addresses are not visited"),
        (hang_up, PaintingFailed, "failed or broke off"),
    ],
)
def test_each_failure_says_what_to_do(
    api: Api, make: Make, answer: Any, kind: type[FlashpaintError], words: str
) -> None:
    api.answers = [answer]
    fails(make(), kind, words)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (break_off, PaintingFailed, "broke off"),
        (end_early, PaintingFailed, "broke off before the picture was complete"),
        (fail_in_the_stream(None), PaintingFailed, "gave up: out of memory"),
        (fail_in_the_stream("content_policy_violation"), RequestInvalid, "say it otherwise"),
        (lambda r, a: (r.begin_events(), r.chunk(b"data: {oops\n\n"), r.end_events()), PaintingFailed, "no answer"),
    ],
)
def test_a_stream_that_fails_is_a_failure(
    api: Api, make: Make, answer: Any, kind: type[FlashpaintError], words: str
) -> None:
    api.answers = [answer]
    fails(make(), kind, words, previews=True)


def test_an_endpoint_that_is_down_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(RemotePainter("http://127.0.0.1:9/v1", "m", retries=0), PaintingFailed, "see whether it runs")


def test_a_crowded_endpoint_is_asked_again_and_in_the_end_says_when(api: Api, make: Make) -> None:
    crowded = refuses(429, "slow down", headers={"retry_after_ms": "50"})
    api.answers = [crowded, crowded, picture]
    assert painted(make(retries=2)).size == (64, 64)
    assert [asked.headers["x-stainless-retry-count"] for asked in api.asked] == ["0", "1", "2"]
    api.answers = [refuses(429, "slow down", headers={"retry_after": "30"})]
    full = fails(make(), QueueFull, "try again in about 30 s")
    assert isinstance(full, QueueFull)
    assert full.wait_s == 30


def test_an_endpoint_that_takes_too_long_is_given_up(api: Api, make: Make) -> None:
    ended = threading.Event()

    def drip(reply: Reply, asked: Asked) -> None:
        reply.begin_events()
        while not ended.wait(0.05):  # each byte in time, the whole never
            reply.chunk(b": wait\n\n")

    api.answers = [drip]
    started = time.monotonic()
    fails(make(total_s=0.5), PaintingFailed, "longer than 0.5 s", previews=True)
    assert time.monotonic() - started < 5
    assert api.gone.wait(5), "and hung up on"
    ended.set()


# ---- several at once, and none


def test_several_orders_are_painted_at_once_but_not_more_than_are_allowed(api: Api, make: Make) -> None:
    def slow(reply: Reply, asked: Asked) -> None:
        time.sleep(0.2)
        picture(reply, asked)

    api.answers = [slow]
    all_steps = make(at_once=3).steps([order(f"cat {k}", 64) for k in range(7)])
    assert all(list(steps)[-1].picture is not None for steps in all_steps)
    assert api.most == 3
    assert {asked.fields["prompt"] for asked in api.asked} == {f"cat {k}" for k in range(7)}


def test_more_than_may_wait_are_refused_and_none_is_begun(api: Api, make: Make) -> None:
    painter = make(at_once=1, room=1)
    with pytest.raises(QueueFull):
        painter.steps([order()] * 3)
    assert api.asked == []
    for steps in painter.steps([order()] * 2):
        assert list(steps)[-1].picture is not None


def waiting(api: Api) -> threading.Event:
    """The server begins to answer, and then writes keep-alives for as long as somebody listens."""
    begun = threading.Event()

    def answer(reply: Reply, asked: Asked) -> None:
        reply.begin_events()
        begun.set()
        for _ in range(400):
            reply.chunk(b": wait\n\n")
            time.sleep(0.05)

    api.answers = [answer]
    return begun


def test_closing_the_steps_hangs_up_and_frees_the_place(api: Api, make: Make) -> None:
    begun = waiting(api)
    painter = make(at_once=1, room=0)
    steps = painter.steps([order()], previews=True)[0]
    assert begun.wait(10)
    steps.close()
    assert next(steps, None) is None
    assert api.gone.wait(5)
    api.answers = [picture]
    assert painted(painter).size == (64, 64)


def test_letting_the_steps_go_hangs_up(api: Api, make: Make) -> None:
    begun = waiting(api)
    painter = make()
    steps = painter.steps([order()], previews=True)
    assert begun.wait(10)
    del steps
    assert api.gone.wait(5)


def test_closing_the_painter_ends_those_who_wait_and_it_can_paint_again(api: Api, make: Make) -> None:
    begun = waiting(api)
    painter = make(at_once=1)
    first, second = painter.steps([order()] * 2, previews=True)
    assert begun.wait(10)
    heard: list[BaseException] = []

    def listen() -> None:
        try:
            next(first)
        except FlashpaintError as failure:
            heard.append(failure)

    listener = threading.Thread(target=listen)
    listener.start()
    painter.close()
    listener.join(10)
    assert isinstance(heard[0], Cancelled)
    with pytest.raises(Cancelled):
        next(second)
    assert api.gone.wait(5)
    api.answers = [picture]
    assert painted(painter).size == (64, 64)


# ---- addresses and keys


def test_an_address_names_model_and_options() -> None:
    assert parsed("https://host/v1#org/model:free") == ("https://host/v1", "org/model:free", {})
    base, model, options = parsed("http://host:8000/v1?api-version=3#m;heeds=seed,steps;steps=20;side=512")
    assert (base, model) == ("http://host:8000/v1?api-version=3", "m")
    assert options == {"heeds": ["seed", "steps"], "steps": 20, "side": 512}


@pytest.mark.parametrize(
    "address",
    [
        "https://host/v1",
        "https://host/v1#",
        "https://me:secret@host/v1#m",
        "https:///v1#m",
        "https://h#m;side=big",
        "https://h#m;colour=red",
        "https://h#m;;",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        open_painter(address)
    assert "secret" not in caught.value.message


def test_the_key_of_one_provider_goes_to_no_other_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHPAINT_PAINTER_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    assert key_for("https://host/v1") == key_for("http://localhost:1/v1") == key_for("http://[::1]/v1") == "sk-openai"
    assert key_for("http://10.0.0.3/v1") == "none"
    monkeypatch.setenv("FLASHPAINT_PAINTER_KEY", " ours\n")
    assert key_for("http://10.0.0.3/v1") == "ours"


def test_the_key_is_in_no_log_and_no_repr(api: Api, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    painter = make()
    painted(painter)
    api.answers = [refuses(401, f"bad {KEY}")]
    fails(painter, PaintingFailed, "key")
    assert KEY not in caplog.text + repr(painter) + repr(painter.endpoint) + repr(painter.spec)


def test_what_only_painters_here_have_is_refused(api: Api) -> None:
    for more in ({"revision": "main"}, {"fast": "max"}):
        with pytest.raises(OutOfRange, match="own to choose"):
            open_painter(f"{api.url}#m", **more)  # type: ignore[arg-type]


def test_without_the_client_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flashpaint.paint.endpoint", None)
    with pytest.raises(ModelNotFound, match=r"pip install 'flashpaint\[remote\]'"):
        open_painter("https://host/v1#m")


# ---- in the studio


def test_the_studio_paints_with_minis_words_and_an_endpoints_pictures(api: Api, make: Make) -> None:
    ours = Studio.open(painter=f"{api.url}#test-model;heeds=seed;side=128")
    painting = ours.paint(PaintRequest("太空中的一只猫", seed=3))
    assert painting.picture.size == (128, 128)
    assert painting.description == "a cat in space"
    assert api.asked[-1].fields["prompt"] == "a cat in space"
    assert api.asked[-1].fields["seed"] == 3
    assert painting.used["model"] == "test-model"
    assert painting.used["engine"] == "remote"
    with pytest.raises(OutOfRange, match="takes no steps"):
        ours.paint(PaintRequest("a cat", steps=3))
    with pytest.raises(SizeUnsupported, match="16 to 3840 in steps of 16"):
        ours.paint(PaintRequest("a cat", width=100, height=128))
    api.answers = [streams]
    events = list(ours.stream(PaintRequest("a dog", seed=1)))
    assert sum(isinstance(event, Preview) for event in events) == 3
    assert isinstance(events[-1], Finished)
    api.answers = [picture]
    together = ours.paint_many([PaintRequest(text, seed=k) for k, text in enumerate(["a cat", "a dog", "a star"])])
    assert [p.description for p in together] == ["a cat", "a dog", "a star"]


def test_a_note_says_that_a_seed_was_not_heeded(api: Api, make: Make) -> None:
    ours = Studio.open(painter=f"{api.url}#test-model;side=128")
    assert any("takes no seed" in note for note in ours.paint(PaintRequest("a cat")).notes)
    with pytest.raises(OutOfRange, match="takes no seed"):
        ours.paint(PaintRequest("a cat", seed=1))
