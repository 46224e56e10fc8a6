"""An S3-compatible server for tests (moto's), and a line to it that can fail or stall."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

BUCKET = "pictures"


class Line:
    """Forwards connections to a port; `broken` ends each at once, `stalled` lets each wait for an answer."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.target, self.broken, self.stalled = port, False, False
        self._ears = socket.create_server((host, 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._ears.getsockname()[1])

    def drop(self) -> None:
        """What is open now, as when a cable is pulled."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._ears.close()
        self.drop()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._ears.accept()
                if self.broken:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.target))
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while told := one.recv(2**16):
                if self.stalled:
                    continue
                other.sendall(told)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)


def serving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """The line to a server with one bucket, named in the environment as one's own would be."""
    pytest.importorskip("moto", reason="there is no S3-compatible server here: pip install 'flashpaint[test]'")
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    line = Line(server.get_host_and_port()[1])
    address = f"http://127.0.0.1:{line.port}"
    for name, value in (
        ("AWS_ENDPOINT_URL", address),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
    try:
        yield line
    finally:
        line.close()
        server.stop()
