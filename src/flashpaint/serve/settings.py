"""How a server behaves, as its operator says. Knows no framework."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from flashpaint.errors import OutOfRange
from flashpaint.request import check_number

MEBI = 2**20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """folder: of keys, the secret that signs urls, and the pictures behind them.

    at_once: pictures that paint at the same time; max_queue: of those that wait for their turn; per_key: of one owner's
    that paint at the same time; rate: of one owner's a minute, 0 for any number; deadline_s: from arrival to answer, 0
    for none; drain_s: what is being painted when the server is told to stop may take so long; url_s: how long a signed
    url holds; heartbeat_s: between two comments of a silent stream. cancel_on_disconnect: nobody paints for who left.
    origins: of pages elsewhere that may call; hosts: names beside its own that a server on loopback answers to.
    aliases: model names that mean the painter. upload_bytes, upload_pixels, upload_count: of one request's pictures.
    open: who has no key may paint, too. policy: "off", "warn" or "block"; concepts: the file of what it looks for.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 7860
    at_once: int = 8
    max_queue: int = 64
    per_key: int = 8
    rate: float = 0
    deadline_s: float = 120
    drain_s: float = 30
    url_s: float = 3600
    heartbeat_s: float = 5
    cancel_on_disconnect: bool = True
    open: bool = False
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    upload_bytes: int = 50 * MEBI
    upload_pixels: int = 40_000_000
    upload_count: int = 16
    policy: str = "off"
    concepts: Path | None = field(default=None)

    def __post_init__(self) -> None:
        check_number("port", self.port, 0, 65535)
        for name, least in (("at_once", 1), ("max_queue", 0), ("per_key", 1), ("upload_count", 1)):
            check_number(name, getattr(self, name), least, 10_000)
        for name in ("rate", "deadline_s", "drain_s", "url_s"):
            check_number(name, getattr(self, name), 0, 10_000_000, whole=False)
        if self.policy not in ("off", "warn", "block"):
            raise OutOfRange(f"policy is {self.policy!r}: name one of off, warn, block", param="policy")
        if self.policy != "off" and self.concepts is None:
            raise OutOfRange("a policy looks for concepts: name their file, one a line", param="concepts")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def body_bytes(self) -> int:
        """Of one whole request: its pictures and a mask, and the fields beside them."""
        return min(self.upload_count + 1, 4) * self.upload_bytes + MEBI


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
