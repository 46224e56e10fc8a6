"""An images API on this machine that speaks the contract on the wire: it records what it is asked, and answers as a
test tells it, one way after another."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    fields: dict[str, Any]  # of JSON, or of the form: text parts as str, files as bytes

    @property
    def size(self) -> tuple[int, int]:
        width, height = self.fields["size"].split("x")
        return int(width), int(height)


Answer = Callable[["Reply", Asked], None]


@dataclass
class Api:
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)  # one after another, the last again and again
    here: int = 0  # requests that are being answered, and the most that ever were
    most: int = 0
    gone: threading.Event = field(default_factory=threading.Event)  # a caller has hung up
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Reply(BaseHTTPRequestHandler):
    """What an answer may do: send JSON, events or bytes, and hang up."""

    protocol_version = "HTTP/1.1"
    api: Api

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, self.fields(content))
        with self.api.lock:
            self.api.asked.append(asked)
            self.api.here += 1
            self.api.most = max(self.api.most, self.api.here)
            answer = self.api.next_answer()
        try:
            answer(self, asked)
        except OSError:
            self.api.gone.set()
            self.close_connection = True
        finally:
            with self.api.lock:
                self.api.here -= 1

    def fields(self, content: bytes) -> dict[str, Any]:
        kind = self.headers["Content-Type"]
        if kind.startswith("application/json"):
            return dict(json.loads(content))
        message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
        found: dict[str, Any] = {}
        for part in message.iter_parts():
            body = part.get_payload(decode=True)
            name = part.get_param("name", header="content-disposition")
            found[name] = body if part.get_filename() else body.decode()
        return found

    def body(self, content: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.body(json.dumps(value).encode(), status, **headers)

    def begin_events(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def event(self, value: dict[str, Any]) -> None:
        self.chunk(f"event: {value.get('type')}\ndata: {json.dumps(value)}\n\n".encode())

    def chunk(self, content: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.flush()

    def end_events(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


def png(size: tuple[int, int], colour: Any = (200, 30, 60), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, colour).save(out, "PNG")
    return out.getvalue()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def picture(reply: Reply, asked: Asked) -> None:
    reply.json({"created": 1, "data": [{"b64_json": b64(png(asked.size))}]})


def gives(content: bytes) -> Answer:
    return lambda reply, asked: reply.json({"created": 1, "data": [{"b64_json": b64(content)}]})


def refuses(status: int, message: str = "no", **more: Any) -> Answer:
    headers = more.pop("headers", {})
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None, **more}
    return lambda reply, asked: reply.json({"error": error}, status, **headers)


def streams(reply: Reply, asked: Asked) -> None:
    kind = "image_edit" if asked.path.endswith("edits") else "image_generation"
    reply.begin_events()
    reply.chunk(b": keep-alive\n\n")
    for k in range(int(asked.fields["partial_images"])):
        small = b64(png(asked.size, (k, k, k)))
        reply.event({"type": f"{kind}.partial_image", "b64_json": small, "partial_image_index": k})
    reply.event({"type": f"{kind}.completed", "b64_json": b64(png(asked.size)), "usage": None})
    reply.end_events()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Callers hang up as they like."""


@contextmanager
def serving() -> Iterator[Api]:
    api = Api(answers=[picture])
    server = Server(("127.0.0.1", 0), type("Bound", (Reply,), {"api": api}))
    api.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
