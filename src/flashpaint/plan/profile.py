"""What one replica costs in time: the seconds of its stages, as measured, in a JSON file."""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from flashpaint.errors import OutOfRange


class Profile(BaseModel):
    """Seconds of one replica's work.

    pass_s: of a denoiser's pass by the rows that share it; batch: the most rows that do; steps: of a cold picture.
    read_s: see, tell and condition, one picture at a time under a lock; decode_s: a picture's, on the loop's thread;
    keep_s: to look at a picture and remember it, under the lock again, 0 without memory; startup_s: from the order for
    a replica to its first request. skipped: steps that a memory hit need not paint, as measured. reading_speed,
    painting_speed: of both when they go on at once, 1 for as fast as alone: they share the same cores.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = "by hand"
    steps: int = Field(ge=1, le=200)
    batch: int = Field(default=1, ge=1, le=1024)
    pass_s: dict[int, float] = Field(min_length=1)
    read_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    decode_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    keep_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    startup_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    skipped: int = Field(default=0, ge=0)
    reading_speed: float = Field(default=1.0, gt=0, le=1)
    painting_speed: float = Field(default=1.0, gt=0, le=1)

    @field_validator("pass_s")
    @classmethod
    def _above_nothing(cls, seconds: dict[int, float]) -> dict[int, float]:
        if not all(rows > 0 and 0 < spent < float("inf") for rows, spent in seconds.items()):
            raise ValueError("a pass has one row or more and takes more than no time")
        return dict(sorted(seconds.items()))

    def pass_of(self, rows: int) -> float:
        """Seconds of a pass of so many rows: between those measured a line, beyond them in proportion."""
        known = list(self.pass_s)
        at = bisect_left(known, rows)
        if at == len(known):
            return self.pass_s[known[-1]] * rows / known[-1]
        if at == 0:
            return self.pass_s[known[0]]
        low, high = known[at - 1], known[at]
        share = (rows - low) / (high - low)
        return self.pass_s[low] + share * (self.pass_s[high] - self.pass_s[low])

    def alone_s(self, steps: int) -> float:
        """Seconds that a picture of so many steps takes in an idle replica."""
        return self.read_s + steps * self.pass_of(1) + self.decode_s

    def most_per_s(self, steps: float) -> float:
        """Pictures a second that a replica paints at most: full passes, with the reading beside them while that lasts,
        each at the speed it then has."""
        paint = steps * self.pass_of(self.batch) / self.batch + self.decode_s
        read = self.read_s + self.keep_s
        beside = min(read / self.reading_speed, paint / self.painting_speed)  # seconds that both go on
        return 1 / (beside + (read - beside * self.reading_speed) + (paint - beside * self.painting_speed))


def read_profile(path: Path) -> Profile:
    """Raises OutOfRange where the file is no profile."""
    try:
        return Profile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise OutOfRange(
            f"{path} could not be read ({error.strerror}): measure one with flashpaint plan --measure {path}",
            param="profile",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise OutOfRange(f"{path} is no profile: {where}: {first['msg']}", param="profile") from error
