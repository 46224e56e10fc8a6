"""The page at /: static files of page/, by their exact names. Knows nothing of what they do.

The page names its files below a digest of all of them: a browser keeps them for good, and a new page names new ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from flashpaint.serve.problems import missing

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HERE = "@/"  # in index.html: where the files are
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'"
    ),
}


@dataclass(frozen=True)
class File:
    content: bytes
    media_type: str
    etag: str


def read_page() -> tuple[Mapping[str, File], str]:
    """(files by name, digest of all)."""
    folder = files("flashpaint.serve") / "page"
    found = {
        file.name: file.read_bytes()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.rpartition(".")[2] in TYPES
    }
    whole = hashlib.sha256()
    for name, content in found.items():
        whole.update(b"%b\n%d\n%b" % (name.encode(), len(content), content))
    digest = whole.hexdigest()[:16]
    found["index.html"] = found["index.html"].replace(HERE.encode(), f"page/{digest}/".encode())
    return {name: file_of(name, content) for name, content in found.items()}, digest


def file_of(name: str, content: bytes) -> File:
    return File(content, TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def answer(file: File, request: Request, keeping: str) -> Response:
    headers = {**HEADERS, "etag": file.etag, "cache-control": keeping}
    held = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.etag in held or "*" in held:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def page_routes() -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    found, digest = read_page()

    @routes.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return answer(found["index.html"], request, "no-cache")

    @routes.api_route("/page/{version}/{name}", methods=["GET", "HEAD"])
    async def file(version: str, name: str, request: Request) -> Response:
        if version != digest or name == "index.html" or name not in found:
            raise missing("the page has no such file, or no longer: load it anew")
        return answer(found[name], request, "public, max-age=31536000, immutable")

    return routes
