"""What comes out: Painting, and the events before it. Knows no model and no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from flashpaint.request import PaintRequest


@dataclass(frozen=True)
class Reuse:
    """What of a painting came from memory.

    kind: "none"; "near": started from a neighbour's latents; "identical": the stored picture; "refused": started so,
    looked wrong, and was painted from noise. neighbour: its id; similarity: cosine of the two descriptions; skipped:
    steps that were not painted; tried: those of a refused start, painted in vain; saved_s: seconds that were not spent,
    as far as can be told from those that are; told: whether the description was remembered too. remembered: the id of
    this painting in memory, "" where it is not kept.
    """

    kind: str = "none"
    neighbour: str = ""
    similarity: float = 0.0
    skipped: int = 0
    tried: int = 0
    saved_s: float = 0.0
    told: bool = False
    remembered: str = ""


@dataclass(frozen=True)
class Painting:
    """A finished picture and how it came about.

    seed, steps, guidance_scale: what was really used. timings: seconds a stage (see, tell, condition, denoise, decode,
    total; shared by all pictures of one batch). used: model, version, engine, device, teller. notes: what the caller
    should know, such as a prompt that was longer than the model reads. reuse: what came from memory. painted_steps:
    denoising steps that were painted for it, those of drafts and of a refused start among them.
    """

    picture: Image.Image
    description: str
    request: PaintRequest
    seed: int
    steps: int
    guidance_scale: float
    timings: Mapping[str, float]
    used: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())
    reuse: Reuse = field(default=Reuse())
    painted_steps: int = 0


@dataclass(frozen=True)
class Told:
    """The description is written."""

    description: str


@dataclass(frozen=True)
class Progress:
    """A stage has begun (step 0), or a denoising step of `steps` is done."""

    stage: str
    step: int = 0
    steps: int = 0


@dataclass(frozen=True)
class Preview:
    """What the picture will be, as far as the latents tell after `step` of `steps`."""

    picture: Image.Image
    step: int
    steps: int


@dataclass(frozen=True)
class Finished:
    painting: Painting


Event = Told | Progress | Preview | Finished
