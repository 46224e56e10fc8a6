"""A user's own pictures into memory, so that it serves from the first request; and finding what is there.

Knows the studio, whose models see, describe and encode; files are `memory.library`'s.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from flashpaint.errors import OutOfRange
from flashpaint.memory.entry import Entry, Kind, digest_of
from flashpaint.memory.library import Found, Skipped, read_picture
from flashpaint.memory.memory import Memory
from flashpaint.paint.painter import WarmPainter
from flashpaint.recollection import Recollection
from flashpaint.request import PaintRequest, clean_prompt
from flashpaint.studio import Studio

TOGETHER = 8  # pictures in one pass of each model
CONCEPTS = 3  # of a picture that nobody has described


@dataclass(frozen=True)
class Known:
    """The picture was in memory already."""

    path: Path


@dataclass(frozen=True)
class Remembered:
    path: Path
    entry: Entry


Outcome = Remembered | Known | Skipped


def memory_of(studio: Studio) -> tuple[Memory, Recollection]:
    if studio.memory is None or studio.recollection is None:
        raise OutOfRange("this studio was opened without a memory: name its folder", param="memory")
    return studio.memory, studio.recollection


def index(
    studio: Studio,
    paths: Iterable[Path | Skipped],
    width: int | None = None,
    height: int | None = None,
    owner: str = "",
) -> Iterator[Outcome]:
    """Read, look at, describe, encode and remember each picture; what became of each, as it is known.

    width, height: to which they are cropped and scaled, and at which requests will find them; the painter's own by
    default. A picture that is there already is not looked at again: a run that was cut off goes on.
    """
    _, recollection = memory_of(studio)
    request = PaintRequest("a picture", width=width, height=height, owner=owner)
    scope, waiting = recollection.scope(request), list[Found]()
    for path in paths:
        found = read_picture(path, max(scope.width, scope.height)) if isinstance(path, Path) else path
        if isinstance(found, Skipped):
            yield found
        elif studio.memory and studio.memory.store.by_key(scope, key_of(found)):
            yield Known(found.path)
        else:
            waiting.append(found)
        if len(waiting) == TOGETHER:
            yield from remember(studio, waiting, request)
            waiting = []
    yield from remember(studio, waiting, request)


def key_of(found: Found) -> str:
    return digest_of({"file": found.sha256, "caption": found.caption})


def remember(studio: Studio, found: Sequence[Found], request: PaintRequest) -> Iterator[Remembered]:
    if not found:
        return
    memory, recollection = memory_of(studio)
    scope = recollection.scope(request)
    pictures = [ImageOps.fit(f.picture, (scope.width, scope.height), Image.Resampling.LANCZOS) for f in found]
    seen = studio.seer.see_images(pictures)
    prompts = [
        f.caption or ", ".join(words) for f, words in zip(found, studio.concepts.near(seen, CONCEPTS), strict=True)
    ]
    z = studio.seer.see_text(prompts)
    captioned = [k for k, f in enumerate(found) if f.caption]
    described = list(prompts)
    for k, telling in zip(captioned, studio.telling([prompts[k] for k in captioned], z[captioned]), strict=True):
        described[k] = telling.description or prompts[k]
    read = studio.seer.see_text(described)
    latents = studio.painter.encode(pictures) if isinstance(studio.painter, WarmPainter) else [None] * len(found)
    for k, one in enumerate(found):
        entry = Entry(
            scope=scope,
            prompt=prompts[k],
            description=described[k],
            features={
                "prompt": z[k].astype(np.float16),
                "description": read[k].astype(np.float16),
                "picture": seen[k].astype(np.float16),
            },
            latents=latents[k],
            key=key_of(one),
            teller=studio.teller.name if one.caption else "",
            steps=studio.painter.spec.steps,
            record={"file": str(one.path.resolve()), "caption": one.caption_from or "what clip sees"},
        )
        yield Remembered(one.path, memory.store.add(entry, webp(pictures[k]), ".webp"))


def webp(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=90)
    return out.getvalue()


def search(studio: Studio, asked: str | Image.Image, number: int = 12, owner: str = "") -> list[tuple[Entry, float]]:
    """The owner's pictures that come nearest to a text or to a picture; (entry, nearness up to 1), nearest first."""
    memory, _ = memory_of(studio)
    if isinstance(asked, Image.Image):
        return memory.search(owner, studio.seer.name, studio.seer.see_images([asked])[0], "picture", number)
    prompt = studio.mended(clean_prompt(asked)).text
    z = studio.seer.see_text([prompt])
    told = studio.telling([prompt], z)[0].description or prompt
    both = np.concatenate([z, studio.seer.see_text([told])])
    found: dict[int, Entry] = {}
    kinds: tuple[Kind, ...] = ("picture", "description")
    for kind, features in itertools.product(kinds, both):
        found |= {entry.seq: entry for entry, _ in memory.search(owner, studio.seer.name, features, kind, 4 * number)}
    ranked = sorted(((entry, nearness(entry, both, told)) for entry in found.values()), key=lambda pair: -pair[1])
    return ranked[:number]


def nearness(entry: Entry, both: NDArray[np.float32], told: str) -> float:
    """Half what clip sees: the mean cosine of picture and description to the text as it was said or as it was told,
    whichever is nearer; half the share of the told words that the description has, since clip hears the tone of a whole
    better than its one thing."""
    features = entry.features["picture"].astype(np.float32) + entry.features["description"].astype(np.float32)
    wanted = words_of(told)
    shared = len(wanted & words_of(entry.description)) / max(len(wanted), 1)
    return (float((both @ features).max() / 2) + shared) / 2


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold())) - {"a", "an", "the", "of", "in", "on", "at", "and", "with"}
