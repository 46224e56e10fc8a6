"""What clip sees, for routes: searching, and the operator's policy. Runs on threads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flashpaint import gallery
from flashpaint.errors import OutOfRange
from flashpaint.serve.problems import Problem, missing
from flashpaint.studio import Studio

BLOCKED = 0.99  # of everyday words lie farther from what is looked at than the concept does


class Sight:
    """The studio's clip, one caller at a time, the studio's own paintings among them."""

    def __init__(self, studio: Studio) -> None:
        # seers promise no thread-safety and the studio guards its own by this lock: ours must be the same
        self.studio, self.turn = studio, studio.reading

    def text(self, text: str) -> NDArray[np.float32]:
        with self.turn:
            seen: NDArray[np.float32] = self.studio.seer.see_text([self.studio.mended(text).text])[0]
        return seen

    def picture(self, picture: Image.Image) -> NDArray[np.float32]:
        with self.turn:
            seen: NDArray[np.float32] = self.studio.seer.see_images([picture])[0]
        return seen

    def shares(self, seen: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
        """How near each of the others (n, dim) lies to what was seen (dim,): the share of everyday words farther off,
        0 to 1. A rank, since cosines of one clip are not those of another."""
        with self.turn:
            words = self.studio.concepts.features @ seen
        shares: NDArray[np.float64] = (words[None] < (others @ seen)[:, None]).mean(1)
        return shares

    def search(self, asked: str | Image.Image, number: int, owner: str) -> list[tuple[Any, float]]:
        """(entry, nearness) of the owner's pictures."""
        if self.studio.memory is None:
            raise missing("this server was started without a memory")
        with self.turn:
            return [*gallery.search(self.studio, asked, number, owner)]


@dataclass(frozen=True)
class Finding:
    concept: str
    share: float


class Policy:
    """What the operator does not want asked for or shown. mode: "off", "warn" or "block"; file: a concept a line, in
    words that clip reads; after a tab, the share of everyday words that must lie farther (BLOCKED where none is said).
    """

    def __init__(self, mode: str, file: Path | None, sight: Sight) -> None:
        self.mode, self.sight = mode, sight
        rows = [] if mode == "off" or file is None else read_concepts(file)
        self.limits = dict(rows)
        self.features = np.stack([sight.text(word) for word, _ in rows]) if rows else None

    def prompt(self, prompt: str) -> Finding | None:
        return None if self.features is None else self._found(self.sight.text(prompt))

    def picture(self, picture: Image.Image) -> Finding | None:
        return None if self.features is None else self._found(self.sight.picture(picture))

    def _found(self, seen: NDArray[np.float32]) -> Finding | None:
        assert self.features is not None
        shares = self.sight.shares(seen, self.features)
        over = [
            Finding(word, float(share))
            for (word, limit), share in zip(self.limits.items(), shares, strict=True)
            if share >= limit
        ]
        return max(over, key=lambda finding: finding.share, default=None)


def refusal(of: str, finding: Finding) -> Problem:
    """In the shape of OpenAI's moderation."""
    return Problem(
        400,
        "image_generation_user_error",
        f"the {of} comes near {finding.concept!r}, which this server does not paint: ask for something else",
        param="prompt",
        code="moderation_blocked",
    )


def read_concepts(file: Path) -> list[tuple[str, float]]:
    try:
        lines = [line.split("#")[0].strip() for line in file.read_text("utf-8").splitlines()]
        rows = [line.partition("\t") for line in lines if line]
        return [(word.strip(), float(limit) if limit.strip() else BLOCKED) for word, _, limit in rows]
    except (OSError, ValueError) as error:
        raise OutOfRange(f"{file} is no list of concepts ({error}): write one a line", param="concepts") from error
