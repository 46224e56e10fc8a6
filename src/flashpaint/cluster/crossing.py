"""What goes between the ingress and the replicas: plain dataclasses of numbers, texts, arrays and pictures.

Errors cross as values, since an exception with fields of its own does not survive being pickled. Knows no Ray.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flashpaint.errors import FlashpaintError, PaintingFailed, QueueFull
from flashpaint.paint.painter import Order, PainterSpec
from flashpaint.paint.step import Step


@dataclass(frozen=True)
class Work:
    """An order on its way to a paint replica. key: of this try; avoid: a replica that has just failed it; edit: in the
    way of an EditingPainter."""

    key: str
    order: Order
    previews: bool
    avoid: str = ""
    edit: bool = False


@dataclass(frozen=True)
class Begun:
    """A replica has the work. notes: what the painter says of the description."""

    replica: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One of our errors. wait_s: of QueueFull."""

    code: str
    message: str
    param: str | None = None
    wait_s: float = 0.0


Heard = Begun | Step | Fault


@dataclass(frozen=True)
class PainterCard:
    """What an ingress must know of its painter. batch: pictures that share a pass, where it paints in our loop."""

    spec: PainterSpec
    engine: str
    warm: bool
    edits: bool
    batch: int


@dataclass(frozen=True)
class ReaderCard:
    """What an ingress must know of its seer and teller. taught: the seer's own words, where it knows them."""

    seer: str
    dim: int
    teller: str
    taught: Mapping[str, Sequence[str]] | None = None


@dataclass
class Tally:
    """What a paint replica did since it began, for whoever watches it."""

    replica: str = ""
    pid: int = 0
    begun: int = 0
    finished: int = 0
    called_off: int = 0
    failed: int = 0
    steps: int = 0
    passes: int = 0
    sharing: int = 0  # pictures in all passes together
    underway: dict[str, int] = field(default_factory=dict)  # key -> steps left


def tree(kind: type[FlashpaintError] = FlashpaintError) -> Iterator[type[FlashpaintError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from tree(below)


def fault_of(error: Exception) -> Fault:
    """What is not ours becomes PaintingFailed: its insides stay in the replica's log."""
    if not isinstance(error, FlashpaintError):
        return Fault(PaintingFailed.code, f"the replica failed on this picture: {error}")
    return Fault(error.code, error.message, error.param, getattr(error, "wait_s", 0.0))


def error_of(fault: Fault) -> FlashpaintError:
    """The error as it was raised, of the same class: the first in the tree that has its code."""
    kind = next((each for each in tree() if each.code == fault.code), PaintingFailed)
    if kind is QueueFull:
        return QueueFull(fault.message, wait_s=fault.wait_s)
    return kind(fault.message, param=fault.param)
