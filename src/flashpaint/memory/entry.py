"""What is remembered of one picture, and within which bounds it may be used again. Knows no database and no model."""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["prompt", "description", "picture"]
KINDS: tuple[Kind, ...] = ("prompt", "description", "picture")  # what clip saw of an entry


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Pictures of one scope may stand in for one another; those of two never do.

    owner: whose they are; painter, seer: name and version; task: "paint"; steered: the LoRAs and the negative prompt,
    in a fixed form.
    """

    owner: str
    painter: str
    seer: str
    width: int
    height: int
    task: str = "paint"
    steered: str = ""

    @property
    def digest(self) -> str:
        return digest_of(self.__dict__)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One remembered picture.

    key: of the request that it answers, "" for a picture that answers none; steps: what it cost to paint; features
    (dim,) float16 of length 1, by kind; latents (channels, height, width) float16, None where the painter has none;
    picture: the name of its file, hash and ending; bytes: of picture and row; record: how it was made, for people; seq:
    its number in the store, 0 before it has one.
    """

    scope: Scope
    prompt: str
    description: str
    features: Mapping[Kind, NDArray[np.float16]]
    latents: NDArray[np.float16] | None = None
    key: str = ""
    teller: str = ""
    seed: int = 0
    steps: int = 1
    record: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""
    bytes: int = 0
    created: float = 0.0
    hits: int = 0
    seq: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def check(self) -> int:
        """A checksum of all that a reader relies on: what a damaged page of the database changes is noticed."""
        shape = None if self.latents is None else self.latents.shape
        texts = [self.id, self.scope.digest, self.key, self.prompt, self.description, self.teller, self.picture]
        told = [*texts, self.seed, self.steps, dict(self.record), shape, float(self.created)]
        crc = zlib.crc32(json.dumps(told).encode())
        for kind in KINDS:
            crc = zlib.crc32(_bytes(self.features.get(kind)), crc)
        return zlib.crc32(_bytes(self.latents), crc)


def _bytes(array: NDArray[Any] | None) -> bytes:
    return b"" if array is None else np.asarray(array, np.float16).tobytes()


def digest_of(facts: Mapping[str, Any]) -> str:
    """One short name for these facts, whatever their order."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def said(prompt: str) -> str:
    """The prompt as far as capitals, spaces and a full stop at its end say nothing."""
    return " ".join(prompt.casefold().split()).rstrip(".。 ")
