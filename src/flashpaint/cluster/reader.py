"""Seer and Teller whose models are read replicas. Called from threads, never from an event loop."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError
from ray.serve.handle import DeploymentHandle

from flashpaint.cluster.crossing import Fault, ReaderCard, error_of
from flashpaint.errors import QueueFull, ReplicaLost
from flashpaint.tell.teller import Sight, Telling

T = TypeVar("T")

NOTES = 512  # texts whose notes are known here
PATIENCE_S = 30.0  # for one answer of a read replica


def asked(call: Callable[[], Any]) -> Any:
    """A replica's answer; reading changes nothing, so what was lost on its way is asked for once more."""
    for again in (True, False):
        try:
            found = call().result(timeout_s=PATIENCE_S)
        except BackPressureError as error:
            raise QueueFull("too many texts wait to be read: try again in about 1 s", wait_s=1) from error
        except RayTaskError:
            raise
        except (RayError, DeploymentUnavailableError, TimeoutError) as error:
            if again and not isinstance(error, TimeoutError):
                continue
            raise ReplicaLost("no replica could read this just now: ask again") from error
        if isinstance(found, Fault):
            raise error_of(found)
        return found
    raise AssertionError("unreachable")


class RaySeer:
    def __init__(self, handle: DeploymentHandle[Any], card: ReaderCard) -> None:
        self.handle, self.name, self.dim = handle, card.seer, card.dim
        self._notes: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def see_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        z: NDArray[np.float32]
        z, notes = asked(lambda: self.handle.see_text.remote(list(texts)))
        with self._lock:
            self._notes.update(zip(texts, notes, strict=True))
            while len(self._notes) > NOTES:
                self._notes.popitem(last=False)
        return z

    def see_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        z: NDArray[np.float32] = asked(lambda: self.handle.see_images.remote(list(images)))
        return z

    def notes_on(self, text: str) -> tuple[str, ...]:
        if (known := self._notes.get(text)) is None:
            self.see_text([text])
            known = self._notes.get(text, ())
        return known


class TaughtRaySeer(RaySeer):
    def __init__(self, handle: DeploymentHandle[Any], card: ReaderCard) -> None:
        super().__init__(handle, card)
        self.taught = card.taught or {}

    def likely_things(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = asked(lambda: self.handle.likely_things.remote(list(images)))
        return found


def ray_seer(handle: DeploymentHandle[Any], card: ReaderCard) -> RaySeer:
    return TaughtRaySeer(handle, card) if card.taught else RaySeer(handle, card)


class RayTeller:
    """concepts: none, as sights are made where the teller is."""

    concepts = 0

    def __init__(self, handle: DeploymentHandle[Any], card: ReaderCard) -> None:
        self.handle, self.name = handle, card.teller

    def tell(self, prompts: Sequence[str], sights: Sequence[Sight]) -> list[Telling]:
        z = np.stack([sight.z for sight in sights])
        found: list[Telling] = asked(lambda: self.handle.tell.remote(list(prompts), z))
        return found
