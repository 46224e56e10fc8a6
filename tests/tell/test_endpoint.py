"""A chat endpoint on the wire: healthy, down, slow and talking rubbish; painting goes on through all of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

pytest.importorskip("openai", reason="the extra: pip install -e '.[remote]'")

from flashpaint import PaintRequest, Studio
from flashpaint.errors import OutOfRange
from flashpaint.tasks.sentence import scene_from
from flashpaint.tell.endpoint import EndpointTeller, key_for
from flashpaint.tell.teller import Sight

SIGHT = Sight(np.zeros(4, np.float32), ("a cat on the moon",), ("cat", "space"))


class Server(ThreadingHTTPServer):
    """answers: what each call gets in turn, the last one for ever: a description, raw bytes, a status, or seconds.

    plain: knows no field beyond OpenAI's. drips: sends its answer a byte at a time.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Any] = ["a cat in space"]
        self.asked: list[dict[str, Any]] = []
        self.plain = self.drips = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append({**body, "path": self.path})
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        if isinstance(answer, float):
            time.sleep(answer)
            answer = "a cat in space"
        status = answer if isinstance(answer, int) else 200
        if server.plain and "chat_template_kwargs" in body:
            status = 400
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
        said = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        content = (
            answer if isinstance(answer, bytes) else json.dumps(said if status == 200 else {"error": "no"}).encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "60")
        self.end_headers()
        for k in range(len(content)) if server.drips else ():
            self.wfile.write(content[k : k + 1])
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"" if server.drips else content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def test_it_is_told_the_prompt_and_what_clip_sees_and_its_answer_is_the_description(server: Server) -> None:
    teller = EndpointTeller(server.url, "tiny")
    assert teller.tell(["a cat in space"], [SIGHT])[0].description == "a cat in space"
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["model"] == "tiny"
    said = asked["messages"][-1]["content"]
    assert "a cat in space" in said
    assert "a cat on the moon" in said
    assert "cat, space" in said


def test_several_prompts_are_asked_at_once_and_answered_in_order(server: Server) -> None:
    server.answers = [0.3]
    started = time.perf_counter()
    told = EndpointTeller(server.url, "m").tell(["a cat in space"] * 4, [SIGHT] * 4)
    assert [t.description for t in told] == ["a cat in space"] * 4
    assert time.perf_counter() - started < 1.0


@pytest.mark.parametrize(
    "answer", [b"{", b"[]", b'{"choices": []}', b"\xff\xfe", 400, 500, "", "Ich kann das nicht", None, {"a": 1}]
)
def test_rubbish_is_left_out_with_a_note(server: Server, answer: Any) -> None:
    server.answers = [answer]
    (telling,) = EndpointTeller(server.url, "m", retries=0).tell(["a cat in space"], [SIGHT])
    assert telling.description == ""
    assert telling.note


def test_one_failure_is_tried_again(server: Server) -> None:
    server.answers = [500, "a cat in space"]
    assert EndpointTeller(server.url, "m", retries=1).tell(["a cat in space"], [SIGHT])[0].description


def test_a_slow_endpoint_is_not_waited_for_and_after_two_failures_it_rests(server: Server) -> None:
    now = [100.0]
    server.answers = [3.0]
    teller = EndpointTeller(server.url, "m", timeout_s=0.2, retries=0, clock=lambda: now[0])
    for _ in range(2):
        assert "gave no description" in teller.tell(["a cat"], [SIGHT])[0].note
    assert "rests" in teller.tell(["a cat"], [SIGHT])[0].note
    assert len(server.asked) == 2
    server.answers, now[0] = ["a cat"], 131.0
    assert teller.tell(["a cat"], [SIGHT])[0].description == "a cat"


@pytest.mark.parametrize("drips", [True, False])
def test_neither_drops_of_an_answer_nor_a_server_that_says_wait_a_minute_hold_a_picture_up(
    server: Server, drips: bool
) -> None:
    server.drips, server.answers = drips, ["a cat"] if drips else [429]
    started = time.perf_counter()
    (telling,) = EndpointTeller(server.url, "m", timeout_s=0.4, retries=1 - drips).tell(["a cat"], [SIGHT])
    assert time.perf_counter() - started < 2
    assert "in time" in telling.note


def test_of_many_prompts_only_the_first_wait_for_an_endpoint_that_is_stuck(server: Server) -> None:
    server.answers = [3.0]
    started = time.perf_counter()
    told = EndpointTeller(server.url, "m", timeout_s=0.3, retries=0, together=2).tell(["a cat"] * 40, [SIGHT] * 40)
    assert time.perf_counter() - started < 2
    assert len(told) == 40
    assert sum("rests" in telling.note for telling in told) >= 36


def test_an_endpoint_that_knows_no_wish_for_silence_is_asked_without_it_from_then_on(server: Server) -> None:
    server.plain = True
    teller = EndpointTeller(server.url, "m")
    for _ in range(2):
        assert teller.tell(["a cat in space"], [SIGHT])[0].description == "a cat in space"
    assert ["chat_template_kwargs" in asked for asked in server.asked] == [True, False, False]


def test_painting_goes_on_when_the_endpoint_is_down() -> None:
    studio = Studio.open(teller="http://127.0.0.1:9/v1#m")
    painting = studio.paint(PaintRequest("a cat in space", seed=1, steps=1))
    assert painting.description == "a cat in space"
    assert any("127.0.0.1:9" in note for note in painting.notes)


def test_it_writes_a_scene_over_the_wire_and_where_it_is_down_the_words_themselves_tell(server: Server) -> None:
    eyes = Studio.open()
    scene = {"things": [{"name": "cat", "left_of": "car"}, {"name": "car", "colour": "red"}]}
    server.answers = [f"Here it is: {json.dumps(scene)}", 500]
    studio = Studio(eyes.seer, EndpointTeller(server.url, "tiny", retries=0), eyes.painter)
    assert scene_from(studio, "a cat beside a red car").things[0].left_of == ("car",)
    assert "in_front_of" in server.asked[0]["messages"][0]["content"], "it was shown the schema"
    assert [thing.name for thing in scene_from(studio, "a dog left of a bus").things] == ["dog", "bus"]


def test_an_address_without_a_model_is_refused() -> None:
    with pytest.raises(OutOfRange, match="names no model"):
        Studio.open(teller="http://127.0.0.1:9/v1")


def test_a_general_key_goes_to_no_stranger_in_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLASHPAINT_TELLER_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert key_for("http://example.org/v1") == "none"
    assert key_for("https://example.org/v1") == key_for("http://localhost:1/v1") == "secret"
