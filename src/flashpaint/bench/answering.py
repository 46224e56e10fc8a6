"""How flashpaint, with this or that switched on, and the plain recipe answer a stream of requests. Knows no judge."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from flashpaint.bench.workload import Ask
from flashpaint.memory.calibration import Calibration, read_calibration
from flashpaint.memory.memory import Memory
from flashpaint.memory.opening import calibration_of
from flashpaint.memory.sqlite import SqliteStore
from flashpaint.models.folder import ModelFolder
from flashpaint.paint.loop_painter import LoopPainter
from flashpaint.request import PaintRequest
from flashpaint.studio import Studio

MANY = 50  # steps of a sampler that was not distilled
MANY_CALIBRATION = Path(__file__).parents[3] / "training" / "weights" / "denoiser.calibration.json"


@dataclass(frozen=True)
class Setting:
    """What is switched on. many: steps of a model that was not distilled; callers: at once."""

    name: str
    many: bool = True
    tell: bool = False
    memory: bool = False
    guard: bool = False
    callers: int = 1


@dataclass
class Run:
    """What a setting gave. seconds, skipped (share of the steps), pictures: one a request, in the order asked."""

    name: str
    wall_s: float = 0.0
    seconds: list[float] = field(default_factory=list)
    skipped: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    pictures: list[Image.Image] = field(default_factory=list)
    steps: float = 0.0
    stored: int = 0

    @property
    def hits(self) -> list[bool]:
        """Requests of which at least half of the steps were remembered."""
        return [share >= 0.5 for share in self.skipped]


@dataclass(frozen=True)
class Models:
    """few: mini as it ships, table: its calibration; many: the painter of many steps, with the same eyes and tongue."""

    few: Studio
    many: LoopPainter
    table: Calibration

    @contextmanager
    def opened(self, many: bool, memory: Path | None) -> Iterator[Studio]:
        """A studio with the memory in this folder, or with none."""
        few = self.few
        painter = self.many if many else few.painter
        kept = None
        if memory is not None:
            table = read_calibration(MANY_CALIBRATION) if many else self.table
            kept = Memory(SqliteStore(memory), table, memory)
        studio = Studio(few.seer, few.teller, painter, kept)
        try:
            yield studio
        finally:
            studio.close()


def fill(models: Models, many: bool, folder: Path, asked: Sequence[Ask], tell: bool, tick: Callable[[], None]) -> Path:
    """A memory that has answered these."""
    with models.opened(many, folder) as studio:
        for ask in asked:
            studio.paint(PaintRequest(ask.prompt, steps=MANY if many else None, describe=tell))
            tick()
    return folder


@contextmanager
def copied(folder: Path | None) -> Iterator[Path]:
    """A copy of the folder, or an empty one."""
    with tempfile.TemporaryDirectory(prefix="flashpaint-trace-") as copy:
        if folder is not None:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
        yield Path(copy)


def run(
    models: Models,
    setting: Setting,
    asked: Sequence[Ask],
    tick: Callable[[], None],
    filled: Path | None = None,
    first_seed: int = 0,
) -> Run:
    """filled: a memory to begin with; else an empty one."""
    found, numbers = Run(setting.name), itertools.count()
    paintings: list[tuple[int, float, float, str, Image.Image, int]] = []
    with copied(filled) as folder, models.opened(setting.many, folder if setting.memory else None) as studio:
        if studio.memory and not setting.guard:
            studio.memory.calibration = studio.memory.calibration.model_copy(update={"floor": -1.0})

        def call() -> None:
            while (k := next(numbers)) < len(asked):
                started = time.perf_counter()
                # the seed makes runs alike; reuse must be asked for beside it
                steps = MANY if setting.many else None
                request = PaintRequest(
                    asked[k].prompt, seed=first_seed + k, steps=steps, describe=setting.tell, reuse="auto"
                )
                painting = studio.paint(request)
                spent = time.perf_counter() - started
                reuse = painting.reuse
                share = reuse.skipped / painting.steps
                paintings.append((k, spent, share, reuse.kind, painting.picture, painting.painted_steps))
                tick()

        began = time.perf_counter()
        with ThreadPoolExecutor(setting.callers) as pool:
            for caller in [pool.submit(call) for _ in range(setting.callers)]:
                caller.result()
        found.wall_s = time.perf_counter() - began
        if studio.memory:
            found.stored = studio.memory.store.statistics().bytes
    for _, spent, skipped, kind, picture, done in sorted(paintings, key=lambda painted: painted[0]):
        found.seconds.append(spent)
        found.skipped.append(skipped)
        found.kinds.append(kind)
        found.pictures.append(picture)
        found.steps += done / len(asked)
    return found


def plain_run(folder: ModelFolder, asked: Sequence[Ask], tick: Callable[[], None]) -> Run:
    from flashpaint.bench.recipe import STEPS, PlainMini

    recipe, found = PlainMini(folder), Run("plain recipe")
    recipe.paint("a cat", 0)
    began = time.perf_counter()
    for k, ask in enumerate(asked):
        started = time.perf_counter()
        found.pictures.append(recipe.paint(ask.prompt, k).picture)
        found.seconds.append(time.perf_counter() - started)
        tick()
    found.wall_s, found.steps = time.perf_counter() - began, STEPS
    found.skipped = [0.0] * len(asked)
    return found


def calibrated(folder: ModelFolder) -> Calibration:
    return calibration_of(Path(), folder.title, folder.title, folder)
