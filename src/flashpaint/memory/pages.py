"""Rows out of a database file that SQLite no longer reads whole, page by page (sqlite.org/fileformat2.html).

Knows leaf pages of tables, overflow chains and the write-ahead log; does not know which row is true: checksums do.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE, LEAF = 4096, 0x0D
HEADER, WAL_HEADER, FRAME_HEADER = 100, 32, 24  # bytes
WIDTHS = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}  # of serial types below 12


class Pages:
    """The newest version of every page: of the log where it is there, else of the file."""

    def __init__(self, path: Path) -> None:
        self.file = path.read_bytes()
        said = int.from_bytes(self.file[16:18], "big")
        self.size = 65536 if said == 1 else said if said >= 512 and said & (said - 1) == 0 else PAGE
        log = path.with_name(path.name + "-wal")
        self.log = dict(logged(log.read_bytes(), self.size)) if log.exists() else {}
        self.number = max([len(self.file) // self.size, *self.log])

    def __getitem__(self, number: int) -> bytes:
        return self.log.get(number) or self.file[(number - 1) * self.size : number * self.size]


def logged(log: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """(number, page) of the log's frames, oldest first, up to its last commit; those with other salts are older."""
    salts, frame = log[16:24], FRAME_HEADER + size
    waiting = []
    for at in range(WAL_HEADER, len(log) - frame + 1, frame):
        number, committed = struct.unpack_from(">II", log, at)
        if log[at + 8 : at + 16] != salts:
            return
        waiting.append((number, log[at + FRAME_HEADER : at + frame]))
        if committed:
            yield from waiting
            waiting.clear()


def rows_in(path: Path, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Whatever looks like a row of these columns, the first of which is its number, deleted ones too."""
    pages = Pages(path)
    for number in range(1, pages.number + 1):
        page, start = pages[number], HEADER if number == 1 else 0
        if len(page) < pages.size or page[start] != LEAF:
            continue
        for cell in range(int.from_bytes(page[start + 3 : start + 5], "big")):
            try:
                at = int.from_bytes(page[start + 8 + 2 * cell : start + 10 + 2 * cell], "big")
                seq, payload = cell_at(pages, page, at)
                values = record(payload, len(columns))
            except (IndexError, ValueError, KeyError, struct.error):
                continue
            yield dict(zip(columns, [seq, *values[1:]], strict=True))


def cell_at(pages: Pages, page: bytes, at: int) -> tuple[int, bytes]:
    """(rowid, payload), with what overflowed to other pages."""
    length, at = varint(page, at)
    seq, at = varint(page, at)
    room, least = pages.size - 35, (pages.size - 12) * 32 // 255 - 23
    wanted = least + (length - least) % (pages.size - 4)
    local = length if length <= room else wanted if wanted <= room else least
    parts, left = [page[at : at + local]], length - local
    following = page[at + local : at + local + 4]
    while left > 0:
        over = pages[int.from_bytes(following, "big")]
        if len(over) < pages.size:
            raise ValueError("a chain that leads nowhere")
        following, part = over[:4], over[4 : 4 + left]
        parts.append(part)
        left -= len(part)
    return seq, b"".join(parts)


def record(payload: bytes, columns: int) -> list[Any]:
    """The values of a record, as many as there are columns. Raises ValueError where they are not."""
    end, at = varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = varint(payload, at)
        kinds.append(kind)
    if len(kinds) != columns:
        raise ValueError("another table's")
    values, at = [], end
    for kind in kinds:
        width = WIDTHS[kind] if kind < 12 else (kind - 12) // 2
        values.append(value(kind, payload[at : at + width]))
        at += width
    return values


def value(kind: int, raw: bytes) -> Any:
    """By its serial type: nothing, an integer, a float, 0, 1, a blob or a text."""
    if kind >= 12:
        return raw.decode("utf-8", "replace") if kind % 2 else raw
    if kind == 7:
        return struct.unpack(">d", raw)[0]
    return {0: None, 8: 0, 9: 1}.get(kind, int.from_bytes(raw, "big", signed=True))


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """(the number, where it ends): seven bits a byte, high ones first; a ninth byte counts whole."""
    number = 0
    for last in range(at, at + 8):
        number = number << 7 | raw[last] & 0x7F
        if raw[last] < 0x80:
            return number, last + 1
    return number << 8 | raw[at + 8], at + 9
