"""A memory on the other side of a network that stalls: packets are lost and nobody says so. Needs root, for a network
namespace of its own.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.memory.conftest import PostgresStores, Server, ended, forked, make_entry, png
from tests.memory.s3_server import Line
from tests.memory.test_shared_memory import shared, until

NETWORK = 0x40000000  # CLONE_NEWNET
HERE, THERE = "10.203.77.1", "10.203.77.2"
ADDED = 120


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[str]:
    """The name of a namespace whose one cable leads here; `ip link set` that name down, and what is sent is lost."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and iproute2")
    name = f"fp{os.getpid() % 100000}"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "inside", "netns", name)
        ip("addr", "add", f"{HERE}/30", "dev", name)
        ip("link", "set", name, "up")
        ip("-n", name, "addr", "add", f"{THERE}/30", "dev", "inside")
        ip("-n", name, "link", "set", "inside", "up")
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], capture_output=True)
        subprocess.run(["ip", "netns", "del", name], capture_output=True)


def enter(name: str) -> None:
    with open(f"/var/run/netns/{name}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), NETWORK):
            raise OSError(ctypes.get_errno(), "setns")


def test_while_packets_are_lost_nobody_waits_and_nothing_acknowledged_is_lost(
    postgres: Server, postgres_stores: PostgresStores, cable: str, tmp_path: Path
) -> None:
    address, line, told = postgres_stores.address(), Line(postgres.port, HERE), tmp_path / "told"
    far = address.replace(f"127.0.0.1:{postgres.port}/", f"{HERE}:{line.port}/")

    def adding() -> None:
        enter(cable)
        store = shared(far, tmp_path / "spool")
        with told.open("w", buffering=1) as log:
            for number in range(ADDED):
                began = time.monotonic()
                kept = store.add(make_entry(number), png(number), ".png")
                log.write(f"{kept.id} {time.monotonic() - began:.3f}\n")
                time.sleep(0.05)
        until(lambda: not store.spool.waiting() and not store.away, 60)
        store.close()

    child = forked(adding)
    lines = lambda: told.read_text().splitlines() if told.exists() else []  # noqa: E731
    until(lambda: len(lines()) >= 10)
    ip("link", "set", cable, "down")
    lost_at = len(lines())
    until(lambda: len(lines()) >= lost_at + 40, 20)
    ip("link", "set", cable, "up")
    assert ended(child) == 0
    line.close()
    spent = [float(text.split()[1]) for text in lines()]
    assert len(spent) == ADDED
    assert sorted(spent)[-4] < 1, "a wait opens the circuit, and after that nobody waits"
    assert max(spent) < 5
    found = {entry.id for entry in postgres_stores.open(address).entries("ann", number=2 * ADDED)}
    assert {text.split()[0] for text in lines()} == found
