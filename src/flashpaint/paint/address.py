"""The address of a remote painter, and the key that goes there."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flashpaint.errors import RequestInvalid

KINDS: dict[str, Callable[[str], Any]] = {
    "heeds": lambda names: names.split(","),
    "steps": int,
    "guidance_scale": float,
    "side": int,
}


def parsed(address: str) -> tuple[str, str, dict[str, Any]]:
    """https://host/v1#model -> (base URL, model, options of RemotePainter). What an endpoint can do beside the plain
    API follows the model: #model;heeds=seed,steps;steps=20;side=512. The part after # is never sent."""
    parts = urlsplit(address)
    model, *options = parts.fragment.split(";")
    if not model or not parts.hostname or parts.username or parts.password:
        raise RequestInvalid(
            "a remote painter is an address with its model, such as https://host/v1#model; its key goes into "
            "FLASHPAINT_PAINTER_KEY, not into the address",
            param="painter",
        )
    return urlunsplit(parts._replace(fragment="")), model, _options(options)


def key_for(base_url: str) -> str:
    """FLASHPAINT_PAINTER_KEY; else OPENAI_API_KEY, which never goes in the clear to another machine; else a word, as
    the client sends no empty key and endpoints without keys read none."""
    if key := os.environ.get("FLASHPAINT_PAINTER_KEY", "").strip():
        return key
    parts = urlsplit(base_url)
    private = parts.scheme == "https" or _is_here(parts.hostname or "")
    return (private and os.environ.get("OPENAI_API_KEY", "").strip()) or "none"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _options(options: list[str]) -> dict[str, Any]:
    try:
        return {name: KINDS[name](value) for name, _, value in (option.partition("=") for option in options)}
    except (ValueError, KeyError) as failure:
        raise RequestInvalid(
            f"{';'.join(options)!r} are no options of a remote painter: after the model may come "
            f"{', '.join(KINDS)}, as in #model;heeds=seed;side=512",
            param="painter",
        ) from failure
