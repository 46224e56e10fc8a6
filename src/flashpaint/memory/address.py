"""Where a memory lies: a folder, or a PostgreSQL database with a place for its pictures. Knows no driver.

postgresql://USER@HOST/DATABASE?pictures=s3://BUCKET/PREFIX
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from flashpaint.errors import OutOfRange
from flashpaint.memory.entry import digest_of

SCHEMES = ("postgresql", "postgres")
SECRETS = ("password", "sslpassword", "passfile")  # of a connection string's parameters
EXAMPLE = "postgresql://USER@HOST/DATABASE?pictures=s3://BUCKET/PREFIX"


@dataclass(frozen=True)
class Address:
    """database: what the driver is given, password and all, so never shown; pictures: a folder or an fsspec URL without
    credentials; shown: both, for people."""

    database: str = field(repr=False)
    pictures: str
    shown: str

    @property
    def digest(self) -> str:
        """One short name, whatever the password."""
        return digest_of({"address": self.shown})

    def redacted(self, text: str) -> str:
        """A driver's words without the connection string that they may quote."""
        text = text.replace(self.database, self.shown)
        secrets = [
            urlsplit(self.database).password,
            *(v for n, v in parse_qsl(urlsplit(self.database).query) if n in SECRETS),
        ]
        for secret in filter(None, secrets):
            text = text.replace(unquote(secret), "***").replace(secret, "***")
        return text


def is_address(memory: str | Path) -> bool:
    return str(memory).partition(":")[0] in SCHEMES


def address_of(memory: str) -> Address:
    """Raises OutOfRange, which quotes no password."""
    try:
        url = urlsplit(memory)
        told = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
        url.port  # noqa: B018  (raises where it is no number)
    except ValueError:
        raise OutOfRange(f"the memory's address cannot be read: write it as {EXAMPLE}", param="memory") from None
    pictures = [value for name, value in told if name == "pictures"]
    if url.scheme not in SCHEMES or len(pictures) != 1 or not pictures[0]:
        raise OutOfRange(f"a shared memory is named with a place for its pictures: {EXAMPLE}", param="memory")
    place = picture_place(pictures[0])
    rest = [(name, value) for name, value in told if name != "pictures"]
    open_ = [(name, value) for name, value in rest if name not in SECRETS]
    host = url.netloc.rpartition("@")[2]
    user = url.netloc.rpartition("@")[0].partition(":")[0]
    shown = urlunsplit(
        (url.scheme, f"{user}@{host}" if user else host, url.path, query([*open_, ("pictures", place)]), "")
    )
    return Address(urlunsplit((url.scheme, url.netloc, url.path, query(rest), "")), place, shown)


def query(told: list[tuple[str, str]]) -> str:
    return urlencode(told, quote_via=quote, safe="/:")


def picture_place(place: str) -> str:
    """Raises OutOfRange for credentials, which would be shown, and for chains of file systems, some of which run what
    they read."""
    if "::" in place or "@" in place or "?" in place:
        raise OutOfRange(
            "pictures are put in a plain place such as s3://BUCKET/PREFIX: credentials and endpoints go into the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)",
            param="memory",
        )
    if re.match(r"\A[a-z0-9]+://", place) or place.startswith("/"):
        return place.rstrip("/") or "/"
    raise OutOfRange(
        "pictures are put in an absolute folder or an fsspec URL such as s3://BUCKET/PREFIX", param="memory"
    )
