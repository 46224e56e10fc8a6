"""What `flashpaint paint` begins before it is imported and its words are read, and need not do meanwhile.

Knows its words no better than this: whether what they name will be painted with mini, as nearly all are.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence

from flashpaint.models.ahead import begin

OTHERWISE = {"--help", "--model", "--painter", "--seer", "--threads"}
# seconds after which a thread that has hashed or compiled goes on, though others import
SWITCH_S, USUAL_SWITCH_S = 0.0005, 0.005


def hurry(words: Sequence[str]) -> None:
    """Of a command line's words, the first one its command."""
    if list(words[:1]) != ["paint"] or not OTHERWISE.isdisjoint(word.partition("=")[0] for word in words):
        return
    # OpenBLAS spins in its threads for 0.1 s once it has them, on the core that compiles
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic would look for plugins through all packages that are installed
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    # what is imported is no garbage: it is not searched for cycles, now or at the end
    gc.disable()
    atexit.register(gc.freeze)
    sys.setswitchinterval(SWITCH_S)
    begin(look="--no-memory" not in words)


def settle() -> None:
    """Everything is open."""
    gc.freeze()
    gc.enable()
    sys.setswitchinterval(USUAL_SWITCH_S)
