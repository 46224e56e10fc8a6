"""What goes in and what comes out: PaintRequest, Painting and the events between. Knows no model and no engine."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from PIL import Image

from flashpaint.errors import OutOfRange, PromptEmpty, PromptTooLong, PromptUnreadable

PROMPT_LIMIT = 2000  # characters
SEED_LIMIT = 2**63 - 1
STEPS_LIMIT = 200
REUSE = ("auto", "exact", "off")


def clean_prompt(prompt: str, param: str = "prompt") -> str:
    """The prompt (or what `param` names) in NFC, line breaks and tabs as spaces, trimmed.

    Raises PromptEmpty, PromptTooLong or PromptUnreadable (control characters, lone surrogates).
    """
    if not isinstance(prompt, str):
        raise PromptUnreadable(f"a {param} is text, not {type(prompt).__name__}: pass a string", param=param)
    text = " ".join(unicodedata.normalize("NFC", prompt).split())
    for at, character in enumerate(text):
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise PromptUnreadable(
                f"character {at + 1} of the {param} is U+{ord(character):04X}, which is no text: remove it",
                param=param,
            )
    if all(unicodedata.category(character)[0] in "CZM" for character in text):
        raise PromptEmpty('the prompt is empty: say what to paint, for example "a cat in space"', param=param)
    if len(text) > PROMPT_LIMIT:
        raise PromptTooLong(f"the {param} has {len(text)} characters: shorten it to {PROMPT_LIMIT}", param=param)
    return text


def check_number(name: str, value: float | None, low: float, high: float, whole: bool = True) -> None:
    """Raise OutOfRange unless value is None or a number in low..high (a whole one, if asked)."""
    if value is None:
        return
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        raise OutOfRange(
            f"{name} is {value!r}: give {'a whole number' if whole else 'a number'} from {low} to {high}", param=name
        )


def check_sigmas(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels as numbers. Raises OutOfRange unless they fall strictly and end at 0."""
    found = tuple(map(float, levels))
    falling = all(below < level for level, below in pairwise(found))
    if not 2 <= len(found) <= STEPS_LIMIT + 1 or found[-1] != 0 or not falling or not math.isfinite(found[0]):
        raise OutOfRange(
            f"sigmas are 2 to {STEPS_LIMIT + 1} numbers that fall strictly and end at 0, for example 1, 0.6, 0.3, 0",
            param="sigmas",
        )
    return found


@dataclass(frozen=True)
class PaintRequest:
    """One picture to paint. None means the model's own default (seed: a fresh one, which the Painting tells).

    prompt: 1 to 2,000 characters, any language. seed: 0 to 2**63 - 1. width, height: pixels, as the model allows.
    steps: 1 to 200. guidance_scale: 0 to 50 (1 = no guidance). describe: whether the teller rewrites the prompt.
    negative: what to steer away from, by guidance. sampler: "euler", "dpm++2m" or "lcm". schedule: of the noise levels,
    "own" or "karras". sigmas: the levels themselves, falling to 0, instead of steps. loras: (name, weight) of those
    that the painter has, weights -2 to 2. reuse: of what is remembered: "auto" starts from the latents of a picture
    that is near enough, "exact" answers with the very picture that an identical request gave, "off" paints as if there
    were no memory and leaves nothing there; by default "exact" with a seed, which asks for one picture, else "auto".
    owner: who asks, and whose pictures alone may be used again.
    """

    prompt: str
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    describe: bool = True
    negative: str = ""
    sampler: str | None = None
    schedule: str | None = None
    sigmas: tuple[float, ...] | None = None
    loras: tuple[tuple[str, float], ...] = ()
    reuse: str | None = None
    owner: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", clean_prompt(self.prompt))
        if self.negative:
            object.__setattr__(self, "negative", clean_prompt(self.negative, "negative"))
        if self.sigmas is not None:
            object.__setattr__(self, "sigmas", check_sigmas(self.sigmas))
            if self.steps is not None or self.schedule is not None:
                raise OutOfRange("sigmas say the steps and the schedule: leave out both", param="sigmas")
        for name, weight in self.loras:
            check_number(f"the weight of lora {name}", weight, -2, 2, whole=False)
        if self.reuse not in (None, *REUSE):
            raise OutOfRange(f"reuse is {self.reuse!r}: name one of {', '.join(REUSE)}", param="reuse")
        check_number("seed", self.seed, 0, SEED_LIMIT)
        check_number("width", self.width, 1, 65536)
        check_number("height", self.height, 1, 65536)
        check_number("steps", self.steps, 1, STEPS_LIMIT)
        check_number("guidance_scale", self.guidance_scale, 0, 50, whole=False)


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
    should know, such as a prompt that was longer than the model reads. reuse: what came from memory.
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
