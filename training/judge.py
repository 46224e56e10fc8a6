"""judge: an independent reader of pictures. It trains on scenes and says which things, tints, place, time, ground and
style a 256x256 picture shows, and where. It shares no weights, architecture or seed with clip, which steers them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flashpaint.bench.judge import Verdict, all_present, relation_holds, verdicts_of
from training.ahead import ahead
from training.autoencoder import as_tensor
from training.run import Stage, fast_arithmetic, load, set_rate, take_up
from training.scenes import Painter
from training.world import COLOURS, PLACES, STYLES, THINGS, TIMES, TINTS, WEATHERS, Scene, sample

GRID = 8
NOTHING = len(THINGS)
WHOLE = {"place": len(PLACES) + 1, "time": len(TIMES), "ground": len(COLOURS) + 1, "style": len(STYLES)}
WHOLE["weather"] = len(WEATHERS)


class Block(nn.Module):
    """x + norm(conv(relu(norm(conv(x))))), then relu."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def step_down(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 2, stride=2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU())


class Judge(nn.Module):
    """pictures (n, 3, 256, 256) in [0, 1] -> what stands in each of 8x8 cells, and what the whole picture shows."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(3, width // 2, 4, stride=4, bias=False),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
            Block(width // 2),
            step_down(width // 2, width),
            Block(width),
            step_down(width, 2 * width),
            Block(2 * width),
            Block(2 * width),
            step_down(2 * width, 4 * width),
            Block(4 * width),
            Block(4 * width),
        )
        self.things = nn.Conv2d(4 * width, NOTHING + 1, 1)
        self.tints = nn.Conv2d(4 * width, len(TINTS) + 1, 1)
        self.whole = nn.ModuleDict({name: nn.Linear(4 * width, n) for name, n in WHOLE.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        x = self.trunk(pictures * 2 - 1)
        mean = self.features(x)
        return {
            "things": self.things(x).float(),
            "tints": self.tints(x).float(),
            **{name: head(mean).float() for name, head in self.whole.items()},
        }

    @staticmethod
    def features(x: Tensor) -> Tensor:
        return x.mean((2, 3))


def truth(scenes: list[Scene]) -> dict[str, Tensor]:
    """Targets: the thing and tint of every cell near an item's centre, and the classes of the whole."""
    n = len(scenes)
    things = torch.full((n, GRID, GRID), NOTHING)
    tints = torch.full((n, GRID, GRID), -100)
    for k, scene in enumerate(scenes):
        for item in sorted(scene.items, key=lambda item: -item.size):  # as they are painted
            reach = max(0.8 / GRID, 0.28 * item.size)
            for row in range(GRID):
                for column in range(GRID):
                    if abs((column + 0.5) / GRID - item.cx) < reach and abs((row + 0.5) / GRID - item.cy) < reach:
                        things[k, row, column] = item.thing
                        tints[k, row, column] = len(TINTS) if item.tint is None else item.tint
    return {
        "things": things,
        "tints": tints,
        "place": torch.tensor([len(PLACES) if s.place is None else s.place for s in scenes]),
        "time": torch.tensor([s.time for s in scenes]),
        "ground": torch.tensor(
            [-100 if s.place is not None else len(COLOURS) if s.ground is None else s.ground for s in scenes]
        ),
        "style": torch.tensor([s.style if s.items else -100 for s in scenes]),
        "weather": torch.tensor([s.weather for s in scenes]),
    }


def loss_of(said: dict[str, Tensor], true: dict[str, Tensor]) -> Tensor:
    def entropy(name: str) -> Tensor:
        return torch.nan_to_num(F.cross_entropy(said[name], true[name], ignore_index=-100, label_smoothing=0.02))

    return 4 * entropy("things") + entropy("tints") + sum(entropy(name) for name in WHOLE) * 0.5


@torch.no_grad()
def verdicts(judge: Judge, pictures: Tensor) -> list[Verdict]:
    return verdicts_of({name: logits.numpy() for name, logits in judge(pictures).items()})


def things_of(scene: Scene) -> list[int]:
    return [item.thing for item in scene.items]


def open_judge(stage: Stage) -> Judge:
    state = load(stage.of("judge"))
    if state is None:
        raise SystemExit("train the judge first: python -m training.judge")
    judge = Judge(16 if stage.small else 64)
    judge.load_state_dict(state["model"])
    return judge.eval()


def held_out_accuracy(judge: Judge, painter: Painter, number: int) -> str:
    rng = random.Random(4242)
    scenes = [sample(rng, keep_held_out=True) for _ in range(number)]
    found: list[Verdict] = []
    for start in range(0, number, 32):
        found += verdicts(judge, as_tensor([painter.paint(s, rng) for s in scenes[start : start + 32]]))
    pairs = list(zip(found, scenes, strict=True))
    present = [all_present(v, things_of(s)) for v, s in pairs if s.items]
    top1 = [v.top(1)[0] == s.items[0].thing for v, s in pairs if len(s.items) == 1]
    return (
        f"thing top-1 {mean(top1):.3f}  all present {mean(present):.3f}  "
        f"relation {mean([relation_holds(v, things_of(s), s.relation) for v, s in pairs if s.relation]):.3f}  "
        f"place {mean([v.place == s.place for v, s in pairs if s.place is not None]):.3f}"
    )


def mean(values: list[bool]) -> float:
    return sum(values) / len(values) if values else float("nan")


def main() -> None:
    stage = Stage.from_arguments("judge", __doc__, minutes=25)
    torch.set_num_threads(stage.threads)
    torch.manual_seed(31337)
    judge = Judge(16 if stage.small else 64).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=3e-3, weight_decay=0.02)
    step, number = 0, 8 if stage.small else 32
    if state := stage.resume():
        step = take_up(state, judge, optimiser)
    painter, mean_loss = Painter(stage.runs, extra=0.25), 8.0
    painted = ahead(partial(batches, stage.runs, number), f"judge {step}")
    while stage.progress < 1:
        set_rate(optimiser, 3e-3 * min(1, (step + 1) / 100) * max(0.01, 1 - stage.progress))
        scenes, pictures = next(painted)
        with fast_arithmetic():
            said = judge(pictures)
        loss = loss_of(said, truth(scenes))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
        mean_loss += (float(loss.detach()) - mean_loss) * 0.02
        if step % 200 == 0 or stage.progress >= 1:
            judge.eval()
            stage.log(
                f"step {step}  loss {mean_loss:.3f}  " + held_out_accuracy(judge, painter, 16 if stage.small else 256)
            )
            judge.train()
            stage.save({"model": judge.state_dict(), "optimiser": optimiser.state_dict(), "step": step})


def batches(runs: Path, number: int, seed: str) -> Iterator[tuple[list[Scene], Tensor]]:
    """Scenes and their pictures without end, for a process that paints ahead."""
    painter, rng = Painter(runs, extra=0.25), random.Random(seed)
    while True:
        scenes = [sample(rng) for _ in range(number)]
        yield scenes, disturbed(as_tensor([painter.paint(s, rng) for s in scenes]), rng)


def disturbed(pictures: Tensor, rng: random.Random) -> Tensor:
    """Slight blur and noise, so that the judge reads shapes and not the compositor's exact pixels."""
    if rng.random() < 0.5:
        small = F.interpolate(pictures, scale_factor=rng.choice([0.5, 0.35]), mode="bilinear", antialias=True)
        pictures = F.interpolate(small, size=pictures.shape[-2:], mode="bilinear")
    return (pictures + 0.03 * rng.random() * torch.randn_like(pictures)).contiguous(memory_format=torch.channels_last)


if __name__ == "__main__":
    main()
