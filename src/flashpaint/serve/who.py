"""Who asks: from the key of a request, or from the lack of one, to an owner and what they may. Knows no routes."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from flashpaint.serve.keys import RESERVED, SCOPES, Key, Keys
from flashpaint.serve.problems import Problem
from flashpaint.serve.settings import Settings

PROTOCOL = "flashpaint"  # of the live socket; beside it, a browser sends its key as a second protocol
KEYED = "flashpaint-key."
HOW = "Authorization: Bearer KEY"


@dataclass(frozen=True)
class Caller:
    """owner: whose pictures they are; "" is whoever runs this machine, who also paints from the command line. key: the
    hash of the one that was shown, "" where none was needed."""

    owner: str
    scopes: frozenset[str]
    key: str = ""

    def must(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Problem(403, "permission_error", f"this needs a key with the scope {scope!r}", code="scope_missing")


def secret_of(connection: HTTPConnection) -> str:
    """The key that a request carries, "" for none. Never from the url, which is logged everywhere."""
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    offered = [word.strip() for word in connection.headers.get("sec-websocket-protocol", "").split(",")]
    return next((word.removeprefix(KEYED) for word in offered if word.startswith(KEYED)), "")


def caller_of(connection: HTTPConnection, keys: Keys, settings: Settings) -> Caller:
    """Raises Problem 401 where a key is needed. Without any keys, a server that only this machine can reach asks for
    none, and takes the placeholder that clients insist on."""
    secret = secret_of(connection)
    found = with_key(keys.find(secret)) if secret else None
    if found := found or without_key(keys, settings):
        return found
    raise unknown("this key is not known here, or was revoked" if secret else "this needs a key: " + HOW)


def with_key(key: Key | None) -> Caller | None:
    return None if key is None else Caller(key.name, frozenset(key.scopes), key.sha256)


def without_key(keys: Keys, settings: Settings) -> Caller | None:
    if settings.open:
        return Caller("", frozenset(SCOPES)) if settings.loopback else Caller(RESERVED, frozenset({"generate"}))
    return Caller("", frozenset(SCOPES)) if settings.loopback and not keys.all() else None


def check_still(caller: Caller, scope: str, keys: Keys, settings: Settings) -> None:
    """Of what takes long: raises Problem where it could not be begun any more, since its key was revoked or, where it
    needed none, one is asked for now."""
    found = with_key(keys.hashed_as(caller.key)) if caller.key else without_key(keys, settings)
    if found is None:
        raise unknown("this key was revoked" if caller.key else "this needs a key by now: " + HOW)
    found.must(scope)


def unknown(said: str) -> Problem:
    return Problem(401, "authentication_error", said, code="invalid_api_key", headers={"www-authenticate": "Bearer"})
