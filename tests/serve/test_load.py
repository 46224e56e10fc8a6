"""Under load: who waits, who is sent away and until when, and what becomes of pictures that nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import socket
import threading
import time
from collections.abc import Callable

import httpx2
import openai
import pytest

from flashpaint.errors import OutOfRange, QueueFull
from flashpaint.serve.line import Allowance, Line, Ticket
from flashpaint.serve.server import Hurried
from tests.serve.conftest import Running

LONG = {"steps": 200, "reuse": "off"}  # seconds, unless it is called off
Another = Callable[..., Running]


def in_line(work: Callable[[], None]) -> None:
    async def run() -> None:
        work()

    asyncio.run(run())


def called(tickets: list[Ticket]) -> list[bool]:
    return [ticket.called.done() for ticket in tickets]


def test_turns_go_round_between_owners() -> None:
    def work() -> None:
        line = Line(at_once=2, room=20, per_owner=2)
        many = line.enter("many", 8)
        few = line.enter("few", 2)
        assert called(many)[:3] == [True, True, False]
        line.leave(many[0])
        assert called(few) == [True, False]  # before the third of who came first
        line.leave(few[0])
        assert called(few) == [True, True]
        line.leave(many[1])
        assert called(many)[:4] == [True, True, True, False]

    in_line(work)


def test_one_owner_never_paints_more_than_its_share() -> None:
    def work() -> None:
        line = Line(at_once=4, room=20, per_owner=1)
        assert called(line.enter("a", 3)) == [True, False, False]
        assert called(line.enter("b", 1)) == [True]

    in_line(work)


def test_a_full_line_says_when_to_come_back() -> None:
    def work() -> None:
        line = Line(at_once=1, room=2, per_owner=1)
        line.hold_s = 3.0
        line.enter("a", 3)
        with pytest.raises(QueueFull) as caught:
            line.enter("b", 1)
        assert caught.value.wait_s == 9.0  # two wait and one paints
        with pytest.raises(OutOfRange):
            line.enter("b", 4)

    in_line(work)


def test_a_place_and_its_wait_shrink_as_others_leave() -> None:
    def work() -> None:
        line = Line(at_once=1, room=9, per_owner=1)
        line.hold_s = 2.0
        tickets = line.enter("a", 4)
        assert [line.position(ticket) for ticket in tickets] == [0, 0, 1, 2]
        assert [line.expected_wait_s(ticket) for ticket in tickets] == [0, 2, 4, 6]
        line.leave(tickets[1])
        assert line.position(tickets[3]) == 1
        for ticket in (tickets[0], *tickets[2:]):
            line.leave(ticket)
        assert (line.waiting, line.painting, line.places) == (0, 0, {})

    in_line(work)


def test_an_allowance_refills_with_time() -> None:
    now = [0.0]
    allowance = Allowance(6, lambda: now[0])
    allowance.spend("a", 6)
    allowance.spend("b", 1)
    with pytest.raises(QueueFull) as caught:
        allowance.spend("a", 2)
    assert caught.value.wait_s == 20
    now[0] = 20
    allowance.spend("a", 2)


def hold(server: Running, number: int) -> list[threading.Thread]:
    """So many long pictures, until their clients hang up after two seconds."""

    def ask() -> None:
        with contextlib.suppress(httpx2.TimeoutException):
            httpx2.post(f"{server.url}/v1/images/generations", json={"prompt": "a sea", **LONG}, timeout=2)

    threads = [threading.Thread(target=ask) for _ in range(number)]
    for thread in threads:
        thread.start()
    return threads


def test_a_full_queue_is_429_with_an_honest_wait_and_empties_when_clients_leave(another: Another) -> None:
    server = another(at_once=1, max_queue=1)
    threads = hold(server, 2)
    server.until(lambda service: service.line.waiting == 1)
    with pytest.raises(openai.RateLimitError) as caught:
        server.client().images.generate(prompt="a dog")
    assert caught.value.code == "queue_full"
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert caught.value.response.headers["x-should-retry"] == "true"
    for thread in threads:
        thread.join()
    server.until(lambda service: service.line.waiting + service.line.painting == 0, 2)


def test_a_client_that_hangs_up_frees_its_place_within_a_step(serving: Running) -> None:
    stream = serving.client().images.generate(prompt="a sea", stream=True, partial_images=3, extra_body=LONG)
    next(iter(stream))
    assert serving.service.line.painting == 1
    stream.close()
    serving.until(lambda service: service.line.painting == 0, 2)
    serving.until(lambda service: len(service.studio.painter.loop) == 0, 2)


def test_where_told_so_a_picture_is_painted_for_who_left(another: Another) -> None:
    server = another(cancel_on_disconnect=False)
    painted = server.service.metrics.pictures.labels("none")
    before = painted._value.get()
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(
            f"{server.url}/v1/images/generations",
            json={"prompt": "a sea", "steps": 120, "reuse": "off"},
            timeout=0.2,
        )
    server.until(lambda _: painted._value.get() > before)


def test_a_deadline_calls_off_and_tells_clients_not_to_retry(serving: Running) -> None:
    began = time.monotonic()
    with pytest.raises(openai.InternalServerError) as caught:
        serving.client().images.generate(prompt="a sea", extra_body=LONG, extra_headers={"x-deadline-ms": "400"})
    assert caught.value.status_code == 504
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert time.monotonic() - began < 2
    serving.until(lambda service: service.line.painting == 0, 2)


def test_a_deadline_that_is_no_number_is_refused(serving: Running) -> None:
    answer = serving.http().post("/v1/images/generations", json={"prompt": "a"}, headers={"x-deadline-ms": "soon"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-deadline-ms")


def test_a_rate_limit_is_429_with_the_wait_until_there_is_more(another: Another) -> None:
    server = another(rate=2)
    client = server.client()
    for _ in range(2):
        client.images.generate(prompt="a dog", extra_body={"steps": 1, "reuse": "off"})
    with pytest.raises(openai.RateLimitError) as caught:
        client.images.generate(prompt="a dog")
    assert 20 <= int(caught.value.response.headers["retry-after"]) <= 30
    assert server.service.line.painting == 0


def test_a_silent_stream_is_kept_alive_by_comments(another: Another) -> None:
    server = another(at_once=1, heartbeat_s=0.05)
    thread = hold(server, 1)[0]
    server.until(lambda service: service.line.painting == 1)
    lines = []
    body = {"prompt": "a dog", "stream": True, "steps": 1, "reuse": "off"}
    with server.http().stream("POST", "/v1/images/generations", json=body) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    thread.join()
    comments = [line for line in lines if line.startswith(":")]
    assert any("waiting" in line for line in comments)
    assert len(comments) > 5
    assert [line for line in lines if line.startswith("event:")] == ["event: image_generation.completed"]


def test_metrics_count_pictures_and_errors(serving: Running) -> None:
    serving.client().images.generate(prompt="a dog", extra_body={"steps": 1, "reuse": "off"})
    text = serving.http().get("/metrics").text
    for line in (
        'flashpaint_pictures_total{reuse="none"}',
        'flashpaint_stage_seconds_bucket{le="0.1",stage="denoise"}',
        "flashpaint_waiting 0.0",
        "flashpaint_ready 1.0",
        'flashpaint_requests_total{method="POST",route="/v1/images/generations",status="200"}',
    ):
        assert line in text


def test_metrics_tell_how_many_pictures_shared_a_pass(another: Another) -> None:
    server = another()
    if not hasattr(server.service.studio.painter.loop, "on_pass"):
        pytest.skip("the denoise loop tells of no passes")
    server.service.studio.painter.loop.batch = 4  # whether that pays on this machine or not
    server.client().images.generate(prompt="a dog", n=4, extra_body={"steps": 8, "reuse": "off"})
    text = httpx2.get(f"{server.url}/metrics").text
    alone = float(re.search(r'flashpaint_pass_pictures_bucket{le="1.0"} (\S+)', text)[1])
    passes = float(re.search(r"flashpaint_pass_pictures_count (\S+)", text)[1])
    moved = float(re.search(r"flashpaint_pass_pictures_sum (\S+)", text)[1])
    assert moved == 4 * 8 + 2 * 4  # and the two pictures of the warm-up, which ride alone
    assert alone < passes < moved
    assert float(re.search(r"flashpaint_pass_seconds_sum (\S+)", text)[1]) > 0


@pytest.mark.parametrize("stage", ["see", "tell", "condition", "denoise", "decode", "total"])
def test_every_stage_has_its_latency(serving: Running, stage: str) -> None:
    serving.client().images.generate(prompt="a dog", extra_body={"steps": 1, "reuse": "off"})
    count = re.search(rf'flashpaint_stage_seconds_count{{stage="{stage}"}} (\S+)', serving.http().get("/metrics").text)
    assert count is not None
    assert float(count[1]) >= 1


def test_what_is_not_done_when_the_time_to_stop_is_over_is_told_so(another: Another) -> None:
    server = another(drain_s=0.3)
    caught: list[openai.APIStatusError] = []

    def ask() -> None:
        with pytest.raises(openai.InternalServerError) as found:
            server.client().images.generate(prompt="a sea", extra_body=LONG)
        caught.append(found.value)

    thread = threading.Thread(target=ask)
    thread.start()
    server.until(lambda service: service.line.painting == 1)
    server.server.should_exit = True
    thread.join()
    assert (caught[0].status_code, caught[0].code) == (503, "stopping")
    assert caught[0].response.headers["x-should-retry"] == "true"


def test_who_sends_a_request_too_slowly_is_hung_up_on(another: Another, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flashpaint.serve.server.HEADERS_S", 0.2)
    monkeypatch.setattr("flashpaint.serve.gate.BODY_S", 0.2)
    server = another()
    head = b"POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\n"
    json_head = b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"
    for said, answer in ((head, b""), (b"", b""), (head + json_head, b"HTTP/1.1 408")):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as slow:
            slow.sendall(said)
            assert slow.recv(100)[: len(answer) or 100] == answer


def test_a_connection_that_is_over_is_not_held_until_its_hurry_is(serving: Running) -> None:
    def held() -> int:
        gc.collect()
        return sum(isinstance(one, Hurried) for one in gc.get_objects())

    serving.until(lambda _: held() < 50)
    before = held()
    for _ in range(50):
        socket.create_connection(("127.0.0.1", serving.port)).close()
    serving.until(lambda _: held() <= before + 2, 5)  # the hurry is of 15 s
