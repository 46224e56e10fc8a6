"""Who may: keys, their scopes, and that no owner ever sees what is another's."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import openai
import pytest
from typer.testing import CliRunner

from flashpaint.cli import app
from flashpaint.errors import OutOfRange
from flashpaint.serve.keys import Keys
from flashpaint.serve.server import bound, check_reach
from flashpaint.serve.settings import Settings
from flashpaint.serve.shelf import Shelf
from tests.serve.conftest import Running

Another = Callable[..., Running]
QUICK = {"steps": 1}


def test_a_key_is_found_and_nothing_in_the_file_is_the_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    secret = keys.add("ann", ["generate"])
    assert keys.find(secret) == keys.named("ann")
    assert keys.find(secret[:-1]) is None
    assert secret not in keys.path.read_text()
    assert secret.removeprefix("fp-") not in keys.path.read_text()
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "scopes"), [("", ["read"]), ("a b", ["read"]), ("public", ["read"]), ("ann", []), ("ann", ["all"])]
)
def test_a_key_that_makes_no_sense_is_refused(tmp_path: Path, name: str, scopes: list[str]) -> None:
    with pytest.raises(OutOfRange):
        Keys(tmp_path).add(name, scopes)
    assert not Keys(tmp_path).path.exists()


def test_the_command_line_adds_lists_and_revokes(tmp_path: Path) -> None:
    run, data = CliRunner().invoke, ["--data", str(tmp_path)]
    secret = run(app, ["keys", "add", "ann", "--scope", "generate,read", *data]).stdout.strip()
    assert secret.startswith("fp-")
    assert "ann  generate,read" in run(app, ["keys", "list", *data]).stdout
    assert secret not in run(app, ["keys", "list", *data]).stdout
    assert isinstance(run(app, ["keys", "add", "ann", *data]).exception, OutOfRange)
    assert run(app, ["keys", "revoke", "ann", *data]).exit_code == 0
    assert Keys(tmp_path).all() == []


def test_a_host_that_others_reach_is_refused_without_keys_unless_open(tmp_path: Path) -> None:
    elsewhere = {"folder": tmp_path, "host": "0.0.0.0"}
    with pytest.raises(OutOfRange) as caught:
        check_reach(Settings(**elsewhere))
    assert caught.value.param == "host"
    check_reach(Settings(**elsewhere, open=True))
    Keys(tmp_path).add("ann", ["generate"])
    check_reach(Settings(**elsewhere))


def test_a_port_that_is_taken_is_told_before_any_model_is_loaded(serving: Running, tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["serve", "--port", str(serving.port), "--data", str(tmp_path)])
    assert isinstance(found.exception, OutOfRange)
    assert found.exception.param == "port"
    with pytest.raises(OutOfRange):
        bound(Settings(folder=tmp_path, host="no.such.host.invalid"))


def test_two_keys_never_see_each_others_pictures(another: Another, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    ann, bob = (keys.add(name, ["generate", "read"]) for name in ("ann", "bob"))
    server = another()
    painted = server.client(ann).images.generate(
        prompt="a purple castle", response_format="url", extra_body={**QUICK, "seed": 4}
    )
    same = server.client(bob).images.generate(prompt="a purple castle", extra_body={**QUICK, "seed": 4})
    assert same.data[0].reuse["kind"] == "none"
    hers, his = (server.http(key) for key in (ann, bob))
    rows = hers.get("/api/history").json()["data"]
    assert [row["prompt"] for row in rows] == ["a purple castle"]
    assert {row["id"] for row in rows}.isdisjoint(row["id"] for row in his.get("/api/history").json()["data"])
    found = his.get("/api/search", params={"q": "a purple castle"}).json()["data"]
    assert rows[0]["id"] not in [row["id"] for row in found]
    for url in (painted.data[0].url, rows[0]["url"]):
        assert httpx2.get(url).status_code == 200
        assert hers.get(url).status_code == 200
        assert his.get(url).status_code == 404
    assert his.delete(f"/api/history/{rows[0]['id']}").status_code == 404
    assert hers.delete(f"/api/history/{rows[0]['id']}").status_code == 204
    assert hers.get("/api/history").json()["data"] == []
    job = hers.post("/api/jobs", json={"prompt": "a job", **QUICK}).json()
    assert his.get(f"/api/jobs/{job['id']}").status_code == 404
    assert his.delete(f"/api/jobs/{job['id']}").status_code == 404
    assert his.get("/api/jobs").json()["data"] == []


def test_a_key_may_only_what_its_scopes_say_and_nothing_once_revoked(another: Another, tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    secret = keys.add("ann", ["generate"])
    server = another()
    assert server.client(secret).models.list()
    for path in ("/api/history", "/api/search?q=cat", "/metrics", "/api/memory"):
        answer = server.http(secret).get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")
    with pytest.raises(openai.AuthenticationError):
        server.client("fp-wrong").images.generate(prompt="a cat")
    nobody = server.http().post("/v1/images/generations", content=b"not even json")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "invalid_api_key")
    assert server.http().get("/healthz").status_code == 200
    keys.revoke("ann")
    keys.add("bob", ["admin"])
    with pytest.raises(openai.AuthenticationError):
        server.client(secret).models.list()


def test_shelves_of_one_folder_that_open_together_sign_alike(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        shelves = list(pool.map(lambda _: Shelf(tmp_path, hold_s=100), range(64)))
    assert len({shelf.secret for shelf in shelves}) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("secret")] == ["secret"]


def test_a_url_is_good_only_as_it_was_signed_and_only_for_a_while(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, hold_s=100)
    name = shelf.put(b"picture", "png")
    assert shelf.get(name) == (b"picture", "image/png")
    query = dict(part.split("=") for part in shelf.sign(name, "ann").split("&"))
    shelf.check(name, **query)
    Shelf(tmp_path, hold_s=100).check(name, **query)  # after a restart
    for changed in ({"expires": "9999999999"}, {"owner": shelf.mark_of("bob")}, {"signature": "0" * 64}):
        with pytest.raises(Exception, match="not signed"):
            shelf.check(name, **{**query, **changed})
    with pytest.raises(Exception, match="not signed"):
        shelf.check("other.png", **query)
    old = Shelf(tmp_path, hold_s=-10)
    with pytest.raises(Exception, match="expired"):
        old.check(name, **dict(part.split("=") for part in old.sign(name, "ann").split("&")))


def test_the_shelf_throws_away_what_no_url_opens_any_more(tmp_path: Path) -> None:
    import os
    import time

    shelf = Shelf(tmp_path, hold_s=1)
    name = shelf.put(b"picture", "png")
    os.utime(shelf.folder / name, (time.time() - 100,) * 2)
    shelf._swept = 0
    kept = shelf.put(b"another", "png")
    assert [path.name for path in shelf.folder.iterdir()] == [kept]


def test_an_open_server_paints_for_anyone_and_shows_them_no_history(another: Another) -> None:
    server = another(open=True, host="0.0.0.0")
    assert server.client().images.generate(prompt="a cat", extra_body=QUICK).data
    assert server.http().get("/api/history").status_code == 403


def test_a_page_elsewhere_cannot_use_a_server_on_loopback(serving: Running) -> None:
    post, body = serving.http().post, {"prompt": "a cat", "steps": 1}
    path = "/v1/images/generations"
    assert post(path, json=body, headers={"origin": serving.url}).status_code == 200
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        refused = post(path, json=body, headers={"origin": origin})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "origin_refused")
    rebound = serving.http().get("/api/history", headers={"host": "evil.example"})
    assert (rebound.status_code, rebound.json()["error"]["code"]) == (403, "host_refused")
    assert (
        "access-control-allow-origin" not in serving.http().get("/healthz", headers={"origin": "https://a.b"}).headers
    )


def test_an_origin_that_is_allowed_gets_cors_without_credentials(another: Another) -> None:
    server = another(origins=("https://page.example",))
    headers = {"origin": "https://page.example", "access-control-request-method": "POST"}
    asked = server.http().options("/v1/images/generations", headers=headers)
    assert asked.headers["access-control-allow-origin"] == "https://page.example"
    assert "access-control-allow-credentials" not in asked.headers
    assert (
        server.http().post("/v1/images/generations", json={"prompt": "a", "steps": 1}, headers=headers).status_code
        == 200
    )


def test_answers_carry_strict_headers(serving: Running) -> None:
    headers = serving.http().get("/healthz").headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers
