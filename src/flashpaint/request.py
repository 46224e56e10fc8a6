"""What goes in: PaintRequest, its source and its regions. Knows no model and no engine."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageChops

from flashpaint.errors import MaskInvalid, OutOfRange, PromptEmpty, PromptTooLong, PromptUnreadable, SizeUnsupported

PROMPT_LIMIT = 2000  # characters
SEED_LIMIT = 2**63 - 1
STEPS_LIMIT = 200
REUSE = ("auto", "exact", "off")
TASKS = ("edit", "inpaint", "outpaint", "vary", "instruct")
CANVASES = ("flat", "tile", "panorama")
FLAT = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that become RGB without a colour profile
PIXELS = 50_000_000
SIDES = (16, 16384)


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
class Source:
    """The picture that a request starts from, and how much of it may change.

    picture: becomes RGB, what is transparent lies on white. mask: of the picture's size; "L": white (255) is edited,
    black kept to the bit; "RGBA": alpha 0 is edited (OpenAI's rule); greys in between blend. strength: above 0, to 1:
    the share of the steps that are painted; 1 paints the edited part from noise. look: paint what clip sees in the
    picture instead of the description (variations; models of our own folders). task: one of TASKS, for the record; by
    default "inpaint" with a mask, else "edit". note: what the caller should know of how the picture was prepared.
    """

    picture: Image.Image
    mask: Image.Image | None = None
    strength: float = 0.75
    look: bool = False
    task: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", clean_picture(self.picture))
        check_number("strength", self.strength, 0, 1, whole=False)
        if self.strength == 0:
            raise OutOfRange("strength is 0, which changes nothing: give a number above 0, to 1", param="strength")
        if self.mask is not None:
            check_mask(self.mask, self.picture.size)
        object.__setattr__(self, "task", self.task or ("edit" if self.mask is None else "inpaint"))
        if self.task not in TASKS:
            raise OutOfRange(f"there is no task {self.task!r}: name one of {', '.join(TASKS)}", param="task")

    @property
    def edited(self) -> Image.Image | None:
        """The mask as "L", 255 where the picture is edited; None without one."""
        return None if self.mask is None else edited_part(self.mask)


def clean_picture(picture: Image.Image) -> Image.Image:
    """RGB. Raises OutOfRange for what is no picture of 8 bits in grey or RGB, SizeUnsupported for its size."""
    if not isinstance(picture, Image.Image) or picture.mode not in FLAT:
        found = getattr(picture, "mode", type(picture).__name__)
        raise OutOfRange(f"the picture is {found}: give one of 8 bits in RGB, RGBA or grey", param="image")
    width, height = picture.size
    if not SIDES[0] <= min(width, height) <= max(width, height) <= SIDES[1] or width * height > PIXELS:
        raise SizeUnsupported(
            f"the picture has {width}x{height} pixels: give sides of {SIDES[0]} to {SIDES[1]}, at most "
            f"{PIXELS // 10**6} megapixels",
            param="image",
        )
    return on_white(picture)


def on_white(picture: Image.Image) -> Image.Image:
    """RGB, what is transparent on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def check_mask(mask: Image.Image, size: tuple[int, int]) -> None:
    """Raise MaskInvalid unless the mask is of this size and of a mode that says what to edit, and edits something."""
    if not isinstance(mask, Image.Image) or mask.mode not in ("L", "RGBA"):
        found = getattr(mask, "mode", type(mask).__name__)
        raise MaskInvalid(f"the mask is {found}: give L (white is edited) or RGBA (alpha 0 is edited)", param="mask")
    if mask.size != size:
        raise MaskInvalid(
            f"the mask has {mask.width}x{mask.height} pixels, the picture {size[0]}x{size[1]}: make them alike",
            param="mask",
        )
    most = edited_part(mask).getextrema()[1]
    if not isinstance(most, int | float) or most < 128:
        raise MaskInvalid("the mask edits nothing: paint what to change white, or make it transparent", param="mask")


def edited_part(mask: Image.Image) -> Image.Image:
    return mask if mask.mode == "L" else ImageChops.invert(mask.getchannel("A"))


@dataclass(frozen=True)
class Region:
    """A part of the picture that is painted under a description of its own.

    description: in the painter's language, as it is: the teller rewrites it no more. box: (left, top, right, bottom) in
    shares of the picture, 0 to 1. until: the noise share, 0 to 1, down to which it is painted so; below, the whole is
    painted under its own description alone.
    """

    description: str
    box: tuple[float, float, float, float]
    until: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "description", clean_prompt(self.description, "regions"))
        check_number("until", self.until, 0, 1, whole=False)
        for side in self.box:
            check_number("a region's box", side, 0, 1, whole=False)
        left, top, right, bottom = self.box
        if not (left < right and top < bottom):
            raise OutOfRange(
                f"the box {self.box} is empty: give left, top, right and bottom, rising, in shares of the picture",
                param="regions",
            )


@dataclass(frozen=True)
class PaintRequest:
    """One picture to paint. None means the model's own default (seed: a fresh one, which the Painting tells).

    prompt: 1 to 2,000 characters, any language. seed: 0 to 2**63 - 1. width, height: pixels, as the model allows.
    steps: 1 to 200. guidance_scale: 0 to 50 (1 = no guidance). describe: whether the teller rewrites the prompt.
    compose: whether several things are painted apart and laid together, by a painter that paints each better alone.
    negative: what to steer away from, by guidance. sampler: "euler", "dpm++2m" or "lcm". schedule: of the noise levels,
    "own" or "karras". sigmas: the levels themselves, falling to 0, instead of steps. loras: (name, weight) of those
    that the painter has, weights -2 to 2. reuse: of what is remembered: "auto" starts from the latents of a picture
    that is near enough, "exact" answers with the very picture that an identical request gave, "off" paints as if there
    were no memory and leaves nothing there; by default "exact" with a seed, which asks for one picture, else "auto".
    owner: who asks, and whose pictures alone may be used again. source: the picture to start from; such a request reads
    nothing from memory and leaves nothing there, whatever reuse says. regions: parts with descriptions of their own.
    canvas: "flat"; "tile", whose opposite borders meet; or "panorama", all around (equirectangular, twice as wide as
    high). What has regions or a canvas leaves memory alone too.
    """

    prompt: str
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    describe: bool = True
    compose: bool = True
    negative: str = ""
    sampler: str | None = None
    schedule: str | None = None
    sigmas: tuple[float, ...] | None = None
    loras: tuple[tuple[str, float], ...] = ()
    reuse: str | None = None
    owner: str = ""
    source: Source | None = None
    regions: tuple[Region, ...] = ()
    canvas: str = "flat"

    @property
    def recallable(self) -> bool:
        """Whether memory may answer it and learn from it."""
        return self.source is None and not self.regions and self.canvas == "flat"

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
        if self.source is not None and not isinstance(self.source, Source):
            raise OutOfRange(f"source is a Source, not {type(self.source).__name__}", param="source")
        if self.canvas not in CANVASES:
            raise OutOfRange(f"there is no canvas {self.canvas!r}: name one of {', '.join(CANVASES)}", param="canvas")
        check_number("seed", self.seed, 0, SEED_LIMIT)
        check_number("width", self.width, 1, 65536)
        check_number("height", self.height, 1, 65536)
        check_number("steps", self.steps, 1, STEPS_LIMIT)
        check_number("guidance_scale", self.guidance_scale, 0, 50, whole=False)
