"""Every error that flashpaint raises on purpose: a code for programs, a message that says what to do, the parameter.

Knows no other module. Borders translate: the command line to an exit code, HTTP to a status.
"""

from __future__ import annotations


class FlashpaintError(Exception):
    """Base of the tree. `code` is stable; `param` names the request's field or None."""

    code = "flashpaint_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class RequestInvalid(FlashpaintError):
    """The request cannot be met as it stands; nothing was done."""

    code = "request_invalid"


class PromptEmpty(RequestInvalid):
    code = "prompt_empty"


class PromptTooLong(RequestInvalid):
    code = "prompt_too_long"


class PromptUnreadable(RequestInvalid):
    code = "prompt_unreadable"


class OutOfRange(RequestInvalid):
    code = "out_of_range"


class SizeUnsupported(RequestInvalid):
    code = "size_unsupported"


class MaskInvalid(RequestInvalid):
    """A mask does not say what to edit of its picture."""

    code = "mask_invalid"


class ModelNotFound(FlashpaintError):
    """There is no model folder where one was named."""

    code = "model_not_found"


class ModelDamaged(FlashpaintError):
    """A model folder misses a file, or a file is not the one that its manifest names."""

    code = "model_damaged"


class QueueFull(FlashpaintError):
    """Too many pictures are waiting; `wait_s` is when to try again."""

    code = "queue_full"

    def __init__(self, message: str, *, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class PaintingFailed(FlashpaintError):
    """The engine broke on this picture; others are not touched."""

    code = "painting_failed"


class ReplicaLost(FlashpaintError):
    """What was at work on this is gone, and nothing else could take it on: asking again is of use."""

    code = "replica_lost"


class Cancelled(FlashpaintError):
    """The picture was called off before it was done."""

    code = "cancelled"


class PictureUnreadable(FlashpaintError):
    """A file is no picture that can be opened."""

    code = "picture_unreadable"


class OutputExists(FlashpaintError):
    code = "output_exists"


class OutputUnwritable(FlashpaintError):
    code = "output_unwritable"


class DiskFull(OutputUnwritable):
    code = "disk_full"


class MemoryDamaged(FlashpaintError):
    """Something that was remembered is not what it was."""

    code = "memory_damaged"


class MemoryNewer(FlashpaintError):
    """The memory was written by a newer flashpaint."""

    code = "memory_newer"


class MemoryBusy(FlashpaintError):
    """Another process has held the memory for too long."""

    code = "memory_busy"
