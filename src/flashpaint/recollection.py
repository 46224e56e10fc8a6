"""One request's way through memory: what it finds there, what of that it uses, and what it leaves.

Joins the memory, which knows arrays, with the clip that makes them and the painter that starts from them. A memory that
fails never fails a painting: it is painted from noise, with a note.
"""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint import marks
from flashpaint.errors import FlashpaintError
from flashpaint.memory.entry import Entry, Kind, Scope, digest_of
from flashpaint.memory.memory import LENDS, Match, Memory, skipped_steps
from flashpaint.paint.orders import scale_of, size_of
from flashpaint.paint.painter import Order, Painter, WarmPainter
from flashpaint.painting import Painting, Reuse
from flashpaint.request import PaintRequest
from flashpaint.see.seer import Seer

log = logging.getLogger(__name__)

KEYED = ("prompt", "seed", "steps", "negative", "sampler", "schedule", "sigmas", "loras", "describe", "compose")


@dataclass
class Recall:
    """What memory has for one request, filled in on its way. mode: of REUSE; z, seen (dim,): features of the prompt and
    of its description; identical: the stored answer; told: the description was remembered; match: what the picture
    started from; refused: it did, and the guard would not have it, after `tried` steps."""

    mode: str
    scope: Scope
    key: str
    began: float = field(default_factory=time.perf_counter)
    z: NDArray[np.float32] | None = None
    seen: NDArray[np.float32] | None = None
    identical: Entry | None = None
    told: bool = False
    match: Match | None = None
    refused: bool = False
    tried: int = 0
    notes: list[str] = field(default_factory=list)

    @contextmanager
    def forgiving(self) -> Iterator[None]:
        try:
            yield
        except FlashpaintError as error:
            log.warning("memory failed", exc_info=error)
            note = f"memory was no help: {error.message}"
            if note not in self.notes:  # several looks fail alike
                self.notes.append(note)


class Recollection:
    """teller: the name and version that descriptions are kept under."""

    def __init__(self, memory: Memory, seer: Seer, painter: Painter, teller: str) -> None:
        self.memory, self.seer, self.painter, self.teller = memory, seer, painter, teller
        self.step_s, self.tell_s = 0.0, 0.0  # running means, of what was not remembered

    def scope(self, request: PaintRequest) -> Scope:
        spec = self.painter.spec
        width, height = size_of(request, spec)
        return Scope(
            owner=request.owner,
            painter=spec.title,
            seer=self.seer.name,
            width=width,
            height=height,
            steered=digest_of({"negative": request.negative, "loras": request.loras}),
        )

    def recall(self, request: PaintRequest) -> Recall:
        """The first look, before any model runs: has the very same been asked for?"""
        mode = request.reuse or ("auto" if request.seed is None else "exact")
        facts = {name: getattr(request, name) for name in KEYED}
        facts |= {"scale": scale_of(request, self.painter.spec), "teller": self.teller, "engine": self.painter.engine}
        found = Recall(mode, self.scope(request), "" if request.seed is None else digest_of(facts))
        self.memory.counts.asked += mode != "off"
        if found.key and mode != "off":
            with found.forgiving():
                found.identical = self.memory.store.by_key(found.scope, found.key)
        return found

    def description(self, recall: Recall, prompt: str) -> str:
        """What the teller would say, if memory knows; else ""."""
        if recall.mode != "auto" or recall.z is None:
            return ""
        with recall.forgiving():
            said = self.memory.description(recall.scope, self.teller, prompt, recall.z)
            recall.told = bool(said)
            self.memory.counts.told += recall.told
            return said or ""
        return ""

    def started(self, recall: Recall, order: Order, planned: bool = False) -> Order:
        """The order, from a neighbour's latents where one is near enough. planned: what it shows is laid out; only the
        nearest neighbours show the same layout."""
        if recall.mode != "auto" or recall.seen is None or not isinstance(self.painter, WarmPainter):
            return order
        with recall.forgiving():
            match = self.memory.match(recall.scope, recall.seen, order.seed)
            skipped = skipped_steps(self.painter.noise_shares(order), match.noise) if match else 0
            if match and skipped and not (planned and match.noise > self.memory.calibration.deepest):
                recall.match = match
                return replace(order, start=match.entry.latents, skipped=skipped)
        return order

    def accepts(self, recall: Recall, order: Order, picture: NDArray[np.float32]) -> bool:
        """The guard on a picture (its features) that started from a neighbour; the neighbour's use is counted."""
        if recall.match is None or recall.seen is None:
            return True
        recall.refused = not self.memory.fits(recall.seen, picture)
        if recall.refused:
            self.memory.counts.refused += 1
            recall.tried = order.steps - order.skipped
        return not recall.refused

    def reuse(self, recall: Recall, order: Order) -> Reuse:
        """The report, and the neighbour's reward."""
        match, skipped = recall.match, order.skipped
        saved = skipped * self.step_s + recall.told * self.tell_s
        if match is None:
            return Reuse(saved_s=saved, told=recall.told)
        if not recall.refused:
            self.memory.counts.near += 1
            with recall.forgiving():
                self.memory.store.hit(match.entry.seq, skipped)
        kind = "refused" if recall.refused else "near"
        return Reuse(kind, match.entry.id, match.similarity, skipped, recall.tried, saved, recall.told)

    def keep(
        self,
        recall: Recall,
        painting: Painting,
        order: Order,
        latents: NDArray[np.float16] | None,
        seen: NDArray[np.float32],
    ) -> str:
        """Remember a picture that shows something new; its id, "" where it was not kept.

        One that started from a neighbour as near as any is not: it adds little that the neighbour is not. One that
        started from a lesser neighbour is, but lends no latents: the next would start from its faults.
        """
        if recall.mode == "off" or recall.z is None or recall.seen is None:
            return ""
        if order.skipped and recall.match and recall.match.noise <= self.memory.calibration.deepest:
            return ""
        lends = not order.skipped or recall.match is None or recall.match.noise > LENDS
        features: dict[Kind, NDArray[np.float32]] = {"prompt": recall.z, "description": recall.seen, "picture": seen}
        entry = Entry(
            scope=recall.scope,
            prompt=painting.request.prompt,
            description=painting.description,
            features={kind: row.astype(np.float16) for kind, row in features.items()},
            latents=latents if lends else None,
            key="" if order.skipped else recall.key,
            teller=self.teller if painting.request.describe else "",
            seed=painting.seed,
            steps=painting.steps,
            record=marks.record(painting),
        )
        with recall.forgiving():
            return self.memory.store.add(entry, marks.to_png(painting), ".png").id
        return ""

    def remembered(self, recall: Recall, request: PaintRequest) -> Painting | None:
        """The stored answer to an identical request; None where it can no longer be read."""
        entry = recall.identical
        if entry is None:
            return None
        with recall.forgiving():
            picture = Image.open(io.BytesIO(self.memory.store.picture(entry)))
            picture.load()
            self.memory.store.hit(entry.seq, entry.steps)
            self.memory.counts.identical += 1
            spent = time.perf_counter() - recall.began
            saved = entry.steps * self.step_s + self.tell_s
            return Painting(
                picture.convert("RGB"),
                entry.description,
                request,
                entry.seed,
                entry.steps,
                scale_of(request, self.painter.spec),
                {"recall": spent, "total": spent},
                {str(k): str(v) for k, v in entry.record.get("used", {}).items()},
                tuple(recall.notes),
                Reuse("identical", entry.id, 1.0, entry.steps, 0, saved, True, entry.id),
            )
        return None

    def learn(self, recall: Recall, order: Order, seconds: Mapping[str, float]) -> None:
        """What steps and telling take, from a painting that was alone."""
        steps = order.steps - order.skipped
        self.step_s += (seconds.get("denoise", 0.0) / steps - self.step_s) * (0.2 if self.step_s else 1)
        if not recall.told and seconds.get("tell"):
            self.tell_s += (seconds["tell"] - self.tell_s) * (0.2 if self.tell_s else 1)
