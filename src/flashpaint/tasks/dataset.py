"""A dataset of driving scenes on disk, in COCO's and YOLO's formats, that goes on where it was broken off.

FOLDER/images, maps, labels, records: a file a picture, in train, val and test; annotations/SPLIT.json, data.yaml and
dataset.json at the end. A picture's record is written last, so what has one is whole, and is not painted again.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from flashpaint import marks
from flashpaint.errors import OutputExists, OutputUnwritable
from flashpaint.studio import Studio
from flashpaint.tasks.compose import Composed
from flashpaint.tasks.driving import Drive, Sweep, check, drives, painted
from flashpaint.tasks.truth import FOUND, Label, coco, label_map, labels, yolo

SPLITS = (("train", 0.8), ("val", 0.1), ("test", 0.1))
TOGETHER = 32  # pictures of one layout that are in memory at once


class Dataset:
    """folder: made if need be. Raises OutputExists where it holds another sweep, OutputUnwritable or DiskFull."""

    def __init__(self, folder: Path, sweep: Sweep) -> None:
        self.folder, self.sweep = folder, sweep
        self.drives = drives(sweep)
        self.names = tuple(dict.fromkeys(thing.name for drive in self.drives for thing in drive.scene.things))

    def paint(self, studio: Studio, tick: Callable[[int], None] = lambda number: None) -> int:
        """Paint what is not there yet, and write the summaries; the number of pictures painted now. tick: told of the
        number that are whole."""
        check(self.sweep, studio.painter.spec.name)
        self.begin(studio.painter.spec.title)
        missing = [drive for drive in self.drives if not self.record(drive).exists()]
        tick(len(self.drives) - len(missing))
        for part in parts(missing):
            for drive, composed in zip(part, painted(studio, part), strict=True):
                self.keep(drive, composed, labels(studio, composed))
                tick(1)
        self.summarise(studio.painter.spec.title)
        return len(missing)

    def begin(self, painter: str) -> None:
        """The sweep's own file, which tells one dataset from another."""
        sweep = {"painter": painter, "sweep": self.sweep.model_dump(mode="json")}
        content = json.dumps(sweep, indent=1, ensure_ascii=False).encode()
        file = self.folder / "sweep.json"
        if file.exists() and file.read_bytes() != content:
            raise OutputExists(f"{self.folder} holds another sweep: choose another folder", param="out")
        if self.folder.is_dir() and any(self.folder.iterdir()) and not file.exists():
            raise OutputExists(f"{self.folder} holds other files: choose a new folder", param="out")
        self.write("sweep.json", content)

    def keep(self, drive: Drive, composed: Composed, found: Sequence[Label]) -> None:
        """A picture's files, its record last."""
        split, picture = split_of(drive), composed.painting.picture
        self.write(f"images/{split}/{drive.name}.png", marks.to_png(composed.painting))
        out = io.BytesIO()
        label_map(composed).save(out, "PNG")
        self.write(f"maps/{split}/{drive.name}.png", out.getvalue())
        self.write(f"labels/{split}/{drive.name}.txt", yolo(picture.size, found, self.names).encode())
        record = {
            "size": picture.size,
            "asked": {name: getattr(drive, name) for name in ("layout", "road", "weather", "time", "camera_height")},
            "labels": [asdict(label) for label in found],
        }
        self.write(self.record(drive).relative_to(self.folder).as_posix(), json.dumps(record).encode())

    def summarise(self, painter: str) -> None:
        """COCO's annotations a split, YOLO's data.yaml, and the card."""
        counts, kept = {}, 0
        for split, _ in SPLITS:
            rows = [self.read(drive) for drive in self.drives if split_of(drive) == split]
            found = coco(rows, self.names)
            counts[split] = {
                "pictures": len(rows),
                "things": len(found["annotations"]),
                "found": sum(row["found"] for row in found["annotations"]),
            }
            kept += len(rows)
            self.write(f"annotations/{split}.json", json.dumps(found).encode())
        paths = {split: f"images/{split}" for split, _ in SPLITS}
        plain = {"path": ".", **paths, "names": dict(enumerate(self.names))}
        self.write("data.yaml", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode())
        card = {
            "name": self.folder.name,
            "description": "driving scenes painted by flashpaint, with boxes and masks of what was laid down",
            "painter": painter,
            "generated": True,
            "pictures": kept,
            "splits": counts,
            "categories": list(self.names),
            "found": f"clip finds the thing in its box (score >= {FOUND}); only such boxes are in labels/",
            "sweep": self.sweep.model_dump(mode="json"),
        }
        self.write("dataset.json", json.dumps(card, indent=1, ensure_ascii=False).encode())

    def record(self, drive: Drive) -> Path:
        return self.folder / "records" / split_of(drive) / f"{drive.name}.json"

    def read(self, drive: Drive) -> tuple[str, tuple[int, int], list[Label]]:
        """(file name, size, labels) of a picture that is whole."""
        record: dict[str, Any] = json.loads(self.record(drive).read_text("utf-8"))
        found = [Label(**{**label, "box": tuple(label["box"])}) for label in record["labels"]]
        return f"{drive.name}.png", (record["size"][0], record["size"][1]), found

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all."""
        file = self.folder / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputUnwritable(f"{file.parent} cannot be made ({error.strerror})", param="out") from error
        marks.write(content, file)


def split_of(drive: Drive) -> str:
    """By the layout, so that no two splits show the same one; a layout's split never changes."""
    drawn = int.from_bytes(hashlib.sha256(str(drive.layout).encode()).digest()[:4], "big") / 2**32
    for name, share in SPLITS:
        if drawn < share:
            return name
        drawn -= share
    return SPLITS[-1][0]


def parts(sought: Sequence[Drive]) -> Iterator[list[Drive]]:
    """Those of one layout together, so many at once."""
    for _, alike in groupby(sought, key=lambda drive: drive.layout):
        own = list(alike)
        yield from (own[k : k + TOGETHER] for k in range(0, len(own), TOGETHER))
