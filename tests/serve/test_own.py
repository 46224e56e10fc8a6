"""Our own routes: jobs, history and search, describing a picture, memory, models; and the operator's policy."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from flashpaint import Studio
from flashpaint.errors import OutOfRange, PaintingFailed
from flashpaint.serve.keys import Keys
from flashpaint.serve.service import Service
from flashpaint.serve.settings import Settings
from flashpaint.serve.sight import read_concepts
from tests.serve.conftest import Running

Another = Callable[..., Running]


def settled(http: httpx2.Client, job: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + 20
    while job["state"] in ("waiting", "painting"):
        assert time.monotonic() < end
        time.sleep(0.02)
        job = http.get(f"/api/jobs/{job['id']}").json()
    return job


def test_a_job_is_painted_and_fetched_by_url(serving: Running) -> None:
    http = serving.http()
    answer = http.post("/api/jobs", json={"prompt": "a ship", "n": 2, "steps": 1, "output_format": "webp"})
    assert answer.status_code == 202
    job = settled(http, answer.json())
    assert job["state"] == "done"
    assert [http.get(row["url"]).headers["content-type"] for row in job["data"]] == ["image/webp"] * 2
    assert "b64_json" not in job["data"][0]
    assert job["id"] in [row["id"] for row in http.get("/api/jobs").json()["data"]]


def test_a_job_tells_its_place_and_progress_and_is_called_off(another: Another) -> None:
    server = another(at_once=1)
    http = server.http()
    first = http.post("/api/jobs", json={"prompt": "a sea", "steps": 200, "reuse": "off"}).json()
    second, third = (http.post("/api/jobs", json={"prompt": "a sea", "steps": 1}).json() for _ in "ab")
    assert (second["position"], third["position"]) == (0, 1)
    assert third["expected_wait_s"] > second["expected_wait_s"] > 0
    server.until(lambda _: http.get(f"/api/jobs/{first['id']}").json()["progress"] != [])
    assert http.get(f"/api/jobs/{first['id']}").json()["state"] == "painting"
    assert http.delete(f"/api/jobs/{first['id']}").json()["state"] == "cancelled"
    assert settled(http, third)["state"] == "done"
    assert http.get(f"/api/jobs/{first['id']}").json()["state"] == "cancelled"
    assert http.delete(f"/api/jobs/{second['id']}").json()["state"] == "done"


def test_a_job_that_fails_says_why(serving: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Any:
        raise RuntimeError("inside")
        yield

    monkeypatch.setattr(serving.service.studio, "stream", broken)
    job = settled(serving.http(), serving.http().post("/api/jobs", json={"prompt": "a ship"}).json())
    assert (job["state"], job["error"]["code"]) == ("failed", "internal_error")


def test_history_pages_backwards_and_pictures_are_found_by_words_and_by_looks(another: Another) -> None:
    http = another().http()
    for prompt in ("a red apple on a table", "a castle at night"):
        http.post("/v1/images/generations", json={"prompt": prompt, "seed": 1, "reuse": "exact"})
    newest = http.get("/api/history", params={"number": 1}).json()["data"]
    before = http.get("/api/history", params={"number": 1, "before": newest[0]["cursor"]}).json()["data"]
    assert [row["prompt"] for row in newest + before] == ["a castle at night", "a red apple on a table"]
    assert before[0].keys().isdisjoint({"record", "file", "owner"})
    by_words = http.get("/api/search", params={"q": "a red apple", "number": 5}).json()["data"]
    assert by_words[0]["id"] == before[0]["id"]
    picture = http.get(before[0]["url"]).content
    by_looks = http.post("/api/search", files={"image": picture}, data={"number": "1"}).json()["data"]
    assert [row["id"] for row in by_looks] == [before[0]["id"]]
    assert by_looks[0]["nearness"] > 0.99


def test_one_remembered_picture_tells_how_it_was_painted(another: Another, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    ann, bob = (keys.add(name, ["generate", "read"]) for name in ("ann", "bob"))
    server = another()
    hers, his = server.http(ann), server.http(bob)
    fields = {"prompt": "a lighthouse", "seed": 5, "steps": 2, "guidance_scale": 2}
    painted = hers.post("/v1/images/generations", json=fields).json()["data"][0]
    for _ in range(3):
        hers.post("/v1/images/generations", json={"prompt": "a dog", "steps": 1})
    one = hers.get(f"/api/history/{painted['reuse']['remembered']}").json()
    assert (one["prompt"], one["seed"], one["steps"], one["guidance_scale"]) == ("a lighthouse", 5, 2, 2)
    assert one["used"]["model"] == "mini"
    assert one.items() >= {"id": painted["reuse"]["remembered"], "size": "256x256"}.items()
    assert one.keys().isdisjoint({"file", "owner", "record"})
    assert hers.get(one["url"]).headers["content-type"].startswith("image/")
    for http, name in ((his, one["id"]), (hers, "0" * 16), (hers, "..%2f..%2fkeys.json"), (hers, "1 or 1=1")):
        answer = http.get(f"/api/history/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_server_whose_first_picture_fails_says_so_and_never_gets_ready(
    remembering: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(remembering.painter.loop, "submit", broken)
    service = Service(remembering, Settings(folder=tmp_path))
    asyncio.run(service.warm())
    assert not service.ready
    assert "the first picture failed" in caplog.text


def broken(*_: object) -> None:
    raise PaintingFailed("no engine here")


def test_a_picture_is_described_in_concepts(serving: Running, picture: bytes) -> None:
    answer = serving.http().post("/api/describe", files={"image": picture}).json()
    assert len(answer["data"]) > 3
    near = [row["similarity"] for row in answer["data"]]
    assert near == sorted(near, reverse=True)
    assert answer["description"].startswith(("a ", "an "))
    refused = serving.http().post("/api/search", files={"image": picture}, data={"number": "many"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "number")


def test_memory_and_models_tell_what_there_is(serving: Running) -> None:
    memory = serving.http().get("/api/memory").json()
    assert {"entries", "bytes", "budget", "since_start"} <= memory.keys()
    models = serving.http().get("/api/models").json()
    assert (models["painter"]["name"], models["painter"]["sides"], models["memory"]) == ("mini", [256], True)
    assert {"256x256", "512x256", "128x128"} <= {*models["painter"]["sizes"]}
    assert "/" not in str(models["seer"])


def test_the_openapi_document_lists_the_routes_and_their_fields(serving: Running) -> None:
    found = serving.http().get("/openapi.json").json()
    assert {"/v1/images/generations", "/v1/images/edits", "/api/jobs", "/api/search"} <= found["paths"].keys()
    assert "seed" in found["components"]["schemas"]["Generation"]["properties"]


def test_a_policy_blocks_what_comes_near_its_concepts_and_nothing_else(another: Another, tmp_path: Path) -> None:
    concepts = tmp_path / "concepts.txt"
    concepts.write_text("# what we do not paint\ncastle\n")
    server = another(policy="block", concepts=concepts)
    with pytest.raises(openai.BadRequestError) as caught:
        server.client().images.generate(prompt="a castle")
    assert caught.value.type == "image_generation_user_error"
    assert caught.value.code == "moderation_blocked"
    assert server.client().images.generate(prompt="a red apple", extra_body={"seed": 1}).data


def test_a_policy_that_warns_paints_all_the_same(another: Another, tmp_path: Path) -> None:
    concepts = tmp_path / "concepts.txt"
    concepts.write_text("castle\t0.9\n")
    assert another(policy="warn", concepts=concepts).client().images.generate(prompt="a castle").data


def test_a_list_of_concepts_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutOfRange):
        read_concepts(tmp_path / "none.txt")
    with pytest.raises(OutOfRange):
        Settings(folder=tmp_path, policy="block")
    with pytest.raises(OutOfRange):
        Settings(folder=tmp_path, policy="sometimes")
