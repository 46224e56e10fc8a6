"""A small model hub on this machine: the listing with sizes and hashes, revisions, files with ranges and a CDN of its
own. It counts what it serves, and can be gated, stalled, broken off and wrong."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".ckpt", ".onnx")


def commit_of(folder: Path) -> str:
    """Of the content, so that a changed model has another commit."""
    files = [(p.relative_to(folder).as_posix(), p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()]
    return hashlib.sha1(repr([(name, hashlib.sha1(content).digest()) for name, content in files]).encode()).hexdigest()


@dataclass
class Hub:
    """Serves the folders below `root`, one a model, as owner/name."""

    root: Path
    gated: set[str] = field(default_factory=set)
    served: Counter[str] = field(default_factory=Counter)  # bytes by file name
    asked: list[tuple[str, int]] = field(default_factory=list)  # file name and first byte of each request
    stall_at: dict[str, int] = field(default_factory=dict)  # by file name: so many bytes, then wait for `go`
    go: threading.Event = field(default_factory=threading.Event)
    wrong: set[str] = field(default_factory=set)  # file names whose bytes are not those that are listed
    break_at: dict[str, int] = field(default_factory=dict)  # by file name: so many bytes, then hang up, once
    extra: list[dict[str, Any]] = field(default_factory=list)  # more siblings, listed and not there
    cdn_headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    cdn: str = ""

    def publish(self, folder: Path, id: str = "tests/tiny") -> str:
        """Serve this folder's content as main, and by its commit for good."""
        commit = commit_of(folder)
        for name in ("main", commit):
            target = self.root / id / name
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
        return commit

    def folder(self, id: str, revision: str) -> Path | None:
        found = self.root / id / revision
        return found if found.is_dir() else None

    def siblings(self, folder: Path) -> list[dict[str, Any]]:
        return [self.sibling(p, p.relative_to(folder).as_posix()) for p in folder.rglob("*") if p.is_file()]

    def sibling(self, path: Path, name: str) -> dict[str, Any]:
        content = path.read_bytes()
        row: dict[str, Any] = {
            "rfilename": name,
            "size": len(content),
            "blobId": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
        }
        if path.suffix in LARGE:
            row["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), "pointerSize": 134}
        return row


def handler(hub: Hub, is_cdn: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if is_cdn:
                hub.cdn_headers.append({k.lower(): v for k, v in self.headers.items()})
                return self.send_file(hub.root / path.lstrip("/"))
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                return self.send_listing(found[1], found[2] or "main")
            if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                return self.resolve(*found.groups())
            return self.send_error_code(404, "EntryNotFound")

        def send_error_code(self, status: int, code: str) -> None:
            body = json.dumps({"error": code}).encode()
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def refused(self, id: str, revision: str) -> bool:
            if not (hub.root / id).is_dir():
                self.send_error_code(404, "RepoNotFound")
            elif id in hub.gated and self.headers.get("Authorization") != "Bearer hf_good":
                self.send_error_code(401, "GatedRepo")
            elif hub.folder(id, revision) is None:
                self.send_error_code(404, "RevisionNotFound")
            else:
                return False
            return True

        def send_listing(self, id: str, revision: str) -> None:
            if self.refused(id, revision):
                return
            folder = hub.folder(id, revision)
            assert folder
            rows = [*hub.siblings(folder), *hub.extra]
            body = json.dumps({"id": id, "sha": commit_of(folder), "siblings": rows}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def resolve(self, id: str, revision: str, name: str) -> None:
            if self.refused(id, revision):
                return
            folder = hub.folder(id, revision)
            assert folder
            path = folder / name
            if not path.is_file():
                self.send_error_code(404, "EntryNotFound")
            elif path.suffix in LARGE:  # as hubs do: large files lie elsewhere
                self.send_response(302)
                self.send_header("Location", f"{hub.cdn}/{path.relative_to(hub.root)}")
                self.send_header("X-Repo-Commit", commit_of(folder))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self.send_file(path, commit_of(folder))

        def send_file(self, path: Path, commit: str = "") -> None:
            content = path.read_bytes()
            if path.name in hub.wrong:
                content = bytes([content[0] ^ 1]) + content[1:]
            whole, start = len(content), 0
            if asked := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
                start = int(asked[1])
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
            self.send_header("Content-Length", str(whole - start))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if self.command == "GET":
                self.send_bytes(path.name, content, start)

        def send_bytes(self, name: str, content: bytes, start: int) -> None:
            hub.asked.append((name, start))
            stop = hub.break_at.pop(name, None)
            for at in range(start, len(content), 2**16):
                if at >= hub.stall_at.get(name, len(content)):
                    hub.go.wait(30)
                if stop is not None and at >= stop:
                    self.close_connection = True
                    return
                chunk = content[at : at + 2**16]
                try:
                    self.wfile.write(chunk)
                except OSError:  # the other side was killed
                    self.close_connection = True
                    return
                hub.served[name] += len(chunk)

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients are killed as tests like."""


@contextmanager
def serving(root: Path) -> Iterator[Hub]:
    hub = Hub(root)
    servers = [Server(("127.0.0.1", 0), handler(hub, is_cdn)) for is_cdn in (False, True)]
    hub.url, hub.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.go.set()
        for server in servers:
            server.shutdown()
            server.server_close()
