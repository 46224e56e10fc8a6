"""What is remembered, as rows with signed urls: an owner's own, never another's."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import HTTPConnection

from flashpaint.serve.answers import url_of
from flashpaint.serve.pictures import TYPES
from flashpaint.serve.problems import missing, without_paths
from flashpaint.serve.service import Service

ID = re.compile(r"[0-9a-f]{16}")
PAGE = 200
# of an entry's record, what its owner may read: it may name files of the server's, too
TOLD = (
    *(
        "guidance_scale",
        "describe",
        "compose",
        "negative",
        "sampler",
        "schedule",
        "sigmas",
        "loras",
        "regions",
        "canvas",
    ),
    *("used", "notes"),
)
REMEMBERED = re.compile(r"(\d{1,18})-([0-9a-f]{16})")


class History:
    """Reads the studio's memory; raises Problem 404 where there is none."""

    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def memory(self) -> Any:
        if self.service.studio.memory is None:
            raise missing("this server was started without a memory")
        return self.service.studio.memory

    async def newest(self, owner: str, before: int | None, number: int) -> list[Any]:
        found: list[Any] = await self.service.aside(self.memory.store.entries, owner, before, number)
        return found

    async def one(self, owner: str, name: str) -> Any:
        """The entry of that id. Another owner's is as missing as one that never was."""
        entry = await self.service.aside(self._find, owner, name) if ID.fullmatch(name) else None
        if entry is None:
            raise missing(f"there is no picture {name!r} in this history", "id")
        return entry

    def _find(self, owner: str, name: str) -> Any:
        before = None  # stores find by owner, not by id
        while page := self.memory.store.entries(owner, before, PAGE):
            if found := next((entry for entry in page if entry.id == name), None):
                return found
            before = page[-1].seq
        return None

    async def remove(self, owner: str, name: str) -> None:
        gone = await self.service.aside(self.memory.store.remove, owner, [name])
        if not gone:
            raise missing(f"there is no picture {name!r} in this history", "id")

    async def picture(self, name: str, owner_mark: str) -> tuple[bytes, str]:
        """(content, media type) of what `name_of` names."""
        found = REMEMBERED.fullmatch(name)
        entries = await self.service.aside(self.memory.store.get, [int(found[1])]) if found else []
        for entry in entries:
            if found and entry.id == found[2] and self.service.shelf.mark_of(entry.scope.owner) == owner_mark:
                content: bytes = await self.service.aside(self.memory.store.picture, entry)
                return content, TYPES.get(entry.picture.rpartition(".")[2], "application/octet-stream")
        raise missing("this picture is not here, or no longer")

    def row(self, entry: Any, connection: HTTPConnection, **more: Any) -> dict[str, Any]:
        """An entry for its owner. The record may name a file of the server's: it stays here."""
        name = f"{entry.seq}-{entry.id}"
        return {
            "id": entry.id,
            "cursor": entry.seq,
            "url": url_of(self.service, connection, name, entry.scope.owner),
            "prompt": entry.prompt,
            "description": entry.description,
            "seed": entry.seed,
            "steps": entry.steps,
            "size": f"{entry.scope.width}x{entry.scope.height}",
            "painter": entry.scope.painter,
            "created": int(entry.created),
            "hits": entry.hits,
            **more,
        }

    def record(self, entry: Any, connection: HTTPConnection) -> dict[str, Any]:
        """All that is told of one entry: its row, and how it was painted."""
        told = {name: entry.record[name] for name in TOLD if name in entry.record}
        told["notes"] = [without_paths(note) for note in told.get("notes", ())]
        return {**self.row(entry, connection), "teller": entry.teller, "bytes": entry.bytes, **told}
