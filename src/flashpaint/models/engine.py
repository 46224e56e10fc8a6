"""OpenVINO as the house loads it: without its telemetry, and its converter only where something is converted.

The telemetry (openvino_telemetry) tells a web service of every start, from a process that it forks, and keeps an id of
the machine in the home folder. It comes with the converter, and where it is missing OpenVINO does without.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

TELEMETRY, CONVERTER = "openvino_telemetry", "openvino.tools.ovc"

_turn = threading.RLock()


def openvino() -> Any:
    """The module; whoever has imported it before keeps it as it is."""
    with _turn:
        if "openvino" not in sys.modules:
            with absent(TELEMETRY, CONVERTER):
                import openvino as fresh
            fresh.convert_model = _convert_model
        return sys.modules["openvino"]


def _convert_model(*args: Any, **kwargs: Any) -> Any:
    """`openvino.convert_model` until its first call, which loads the converter: 100 modules."""
    with _turn, absent(TELEMETRY):
        from openvino.tools.ovc import convert_model
    openvino().convert_model = convert_model
    return convert_model(*args, **kwargs)


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Importing these fails for as long as this lasts."""
    there: dict[str, ModuleType] = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(there)
