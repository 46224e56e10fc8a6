"""One JSON object a line, each with the id of the request that it tells of."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "from": record.name,
            "said": record.getMessage(),
            **({"request_id": found} if (found := request_id.get()) else {}),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            said["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(said, ensure_ascii=False, default=str)


def log_to_stderr(level: int = logging.INFO) -> None:
    """For the process of a server: ours and uvicorn's, whose own lines of access ours replace."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    logging.getLogger("flashpaint").setLevel(level)
    logging.getLogger("uvicorn.access").disabled = True
    for chatty in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
