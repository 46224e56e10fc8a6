"""One stage's run: its folder, its time budget, its log, its checkpoints and its contact sheets. Knows no model."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import torch

RUNS = Path(__file__).parent / "runs"


@dataclass
class Stage:
    """The setting of one stage. `minutes` counts training time over all its runs, checkpoints included."""

    name: str
    minutes: float
    small: bool
    runs: Path
    threads: int
    started: float = field(default_factory=time.monotonic)
    before: float = 0.0

    @classmethod
    def from_arguments(cls, name: str, purpose: str | None, minutes: float) -> Stage:
        parser = argparse.ArgumentParser(prog=f"python -m training.{name}", description=purpose)
        parser.add_argument("--minutes", type=float, help=f"training time over all runs (default {minutes})")
        parser.add_argument("--small", action="store_true", help="a tiny setting that ends in seconds, for tests")
        parser.add_argument("--runs", type=Path, default=RUNS, help="where stages keep their files (training/runs)")
        parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads (all)")
        a = parser.parse_args()
        budget = a.minutes if a.minutes is not None else (0.15 if a.small else minutes)
        stage = cls(name, budget, a.small, a.runs, a.threads)
        stage.folder.mkdir(parents=True, exist_ok=True)
        return stage

    @property
    def folder(self) -> Path:
        return self.runs / self.name

    def of(self, stage: str) -> Path:
        """An earlier stage's folder."""
        return self.runs / stage

    @property
    def spent(self) -> float:
        """Minutes trained so far, those of earlier runs included."""
        return self.before + (time.monotonic() - self.started) / 60

    @property
    def progress(self) -> float:
        """0 to 1 of the budget: schedules follow it, so that a run of any length ends annealed."""
        return min(1.0, self.spent / self.minutes)

    def log(self, line: str) -> None:
        stamped = f"{self.spent:7.2f} min  {line}"
        print(stamped, flush=True)
        with open(self.folder / "log.txt", "a") as out:
            out.write(stamped + "\n")

    def save(self, state: dict[str, Any]) -> None:
        """Write the checkpoint whole or not at all."""
        import torch

        partial = self.folder / "checkpoint.pt.partial"
        torch.save({**state, "spent": self.spent}, partial)
        os.replace(partial, self.folder / "checkpoint.pt")

    def resume(self) -> dict[str, Any] | None:
        """The newest checkpoint, and the clock set to where it stopped; None on a fresh start."""
        state = load(self.folder)
        if state:
            self.before, self.started = state["spent"], time.monotonic()
            self.log(f"resumed at {self.before:.1f} of {self.minutes:g} minutes")
        return state


def load(folder: Path) -> dict[str, Any] | None:
    """A stage's checkpoint (tensors and plain values only), or None."""
    import torch

    path = folder / "checkpoint.pt"
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def fast_arithmetic() -> torch.autocast:
    """The context of a training step: bfloat16 where the processor has AMX, else float32 as it is.

    Emulated, bfloat16 takes ten times as long as float32; with AVX512-BF16 alone, a step of the denoiser takes 1.3
    times as long.
    """
    import torch

    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_amx_tile_supported())


def take_up(state: dict[str, Any], model: Any, optimiser: Any) -> int:
    """Fill model and optimiser from a checkpoint and return its step; restored weights come without an optimiser."""
    model.load_state_dict(state["model"])
    if "optimiser" in state:
        optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def set_rate(optimiser: Any, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def contact_sheet(pictures: Sequence[Image.Image], columns: int, path: Path) -> None:
    """Lay equal-sized pictures out in a grid, on white."""
    width, height = pictures[0].size
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for i, picture in enumerate(pictures):
        at = (i % columns * width, i // columns * height)
        sheet.paste(picture, at, picture if picture.mode == "RGBA" else None)
    sheet.save(path)
