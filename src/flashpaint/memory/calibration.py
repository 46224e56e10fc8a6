"""From how alike two descriptions are to how much of a picture may be taken over: a table measured for one painter and
one clip. Knows how it is read and kept, not how it is measured.

Levels are noise shares (0 clean, 1 pure noise), which mean the same to every kind of model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flashpaint.errors import ModelDamaged
from flashpaint.memory.entry import digest_of

NEVER = 2.0  # above every cosine


class Rung(BaseModel):
    """From this similarity on, painting may start at this noise share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    similarity: float = Field(ge=-1, le=1)
    noise: float = Field(ge=0, le=1)


class Calibration(BaseModel):
    """rungs: rising in similarity, falling in noise. floor: the cosine of a picture and its description below which one
    that started warm is painted again. told: the cosine of two prompts from which on the description of one fits the
    other, above 1 for never. loss: the share of quality that may be lost. how: the command and the judge it was
    measured with, "" for the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    painter: str
    seer: str
    loss: float
    rungs: tuple[Rung, ...]
    floor: float
    told: float = NEVER
    how: str = ""

    @model_validator(mode="after")
    def _monotone(self) -> Calibration:
        for below, above in zip(self.rungs, self.rungs[1:], strict=False):
            if not (below.similarity < above.similarity and below.noise > above.noise):
                raise ValueError("rungs rise in similarity and fall in noise")
        return self

    @property
    def deepest(self) -> float:
        """The noise share from which the nearest neighbours are started; 1 where none is."""
        return min((rung.noise for rung in self.rungs), default=1.0)

    def start(self, similarity: float) -> float:
        """The noise share to start from: 1, from noise, where the neighbour is too far."""
        reached = [rung.noise for rung in self.rungs if similarity >= rung.similarity]
        return reached[-1] if reached else 1.0


def default_calibration(painter: str, seer: str) -> Calibration:
    """For a model that nobody has measured: only from descriptions that are nearly the same, and never far."""
    return Calibration(
        painter=painter, seer=seer, loss=0.0, rungs=(Rung(similarity=0.98, noise=0.85),), floor=-1.0, told=NEVER
    )


def calibration_file(folder: Path, painter: str, seer: str) -> Path:
    return folder / "calibration" / f"{digest_of({'painter': painter, 'seer': seer})}.json"


def read_calibration(path: Path) -> Calibration:
    """Raises ModelDamaged where the file is no calibration."""
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelDamaged(f"{path} is no calibration: run flashpaint calibrate again", param="model") from error
