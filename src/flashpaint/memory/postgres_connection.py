"""Connections to a PostgreSQL server that may hang, die or be replaced. Knows no table.

Whatever happens on the way, an answer or MemoryAway comes within `wait_s`: a server that is gone is noticed by its
connection, one that hangs by a clock of ours. What was lost with a connection is tried once more on a new one, so
whatever runs here must not count twice.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import psycopg
from pgvector.psycopg import register_vector
from psycopg_pool import ConnectionPool, PoolTimeout

from flashpaint.errors import DiskFull, MemoryBusy, MemoryDamaged, OutOfRange
from flashpaint.memory.address import Address
from flashpaint.memory.store import MemoryAway

Answer = TypeVar("Answer")
Connection = psycopg.Connection[tuple[Any, ...]]

AT_ONCE = 8  # connections of one process
CONNECT_S = 2  # the least that libpq takes
SEARCH = "SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order"
LOCK = "SELECT pg_advisory_xact_lock(hashtext('flashpaint memory'), hashtext(current_schema()))"
log = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it says at each try what is said here once

WAITING = (
    "starting up",
    "shutting down",
    "recovery",
    "too many",
    "terminating",
)  # what a server says that will be back


class Connections:
    """A pool. wait_s: within which whatever is run has its answer."""

    def __init__(self, address: Address, wait_s: float) -> None:
        self.address, self.wait_s = address, wait_s
        self._pool = ConnectionPool(
            address.database,
            kwargs={"autocommit": True, "connect_timeout": CONNECT_S, "application_name": "flashpaint"},
            min_size=1,
            max_size=AT_ONCE,
            open=False,
            configure=prepared,
            reconnect_timeout=0,  # who asks next tries again
        )

    def first(self, run: Callable[[Connection], Answer]) -> Answer:
        """On a connection of its own, before the pool's, whose errors say what is wrong with the address."""
        try:
            with psycopg.connect(self.address.database, autocommit=True, connect_timeout=CONNECT_S) as connection:
                return run(connection)
        except psycopg.OperationalError as error:
            told = self.address.redacted(str(error))
            if "FATAL" in told and not any(word in told for word in WAITING):
                raise OutOfRange(f"{self.address.shown} cannot be opened ({told})", param="memory") from None
            raise self._away(told) from None
        except psycopg.Error as error:
            raise self._translated(error) from None

    def run(self, ask: Callable[[Connection], Answer]) -> Answer:
        """Its answer; asked twice where the connection was lost the first time."""
        until = time.monotonic() + self.wait_s
        for last in (False, True):
            try:
                with self._connection(until) as connection, limited(connection, until):
                    return answered(ask, connection)
            except PoolTimeout as error:
                raise self._away("no connection") from error
            except psycopg.Error as error:
                lost = isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and is_lost(error)
                if not lost:
                    raise self._translated(error) from error
                if last or time.monotonic() > until:
                    raise self._away("the connection was lost") from error
                self._pool.drain()  # the others are lost too
        raise AssertionError("the second time answers or raises")

    def write(self, change: Callable[[Connection], Answer]) -> Answer:
        """All of it or nothing, with no other writer meanwhile, of whichever machine."""

        def alone(connection: Connection) -> Answer:
            with connection.transaction():
                connection.execute(LOCK)
                return change(connection)

        return self.run(alone)

    @contextlib.contextmanager
    def _connection(self, until: float) -> Iterator[Connection]:
        if self._pool.closed:
            self._pool.open()
        with self._pool.connection(timeout=max(0.001, until - time.monotonic())) as connection:
            yield connection

    def _away(self, why: str) -> MemoryAway:
        """Where it is says the log alone: the message reaches whoever asked for a picture."""
        log.warning("%s does not answer: %s", self.address.shown, " ".join(why.split()))
        return MemoryAway("the shared memory does not answer", param="memory")

    def _translated(self, error: psycopg.Error) -> Exception:
        if isinstance(error, psycopg.errors.DiskFull):
            return DiskFull("the disk of the shared memory is full: free some space", param="memory")
        if isinstance(error, (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
            return MemoryBusy("others write to the shared memory: try again", param="memory")
        if isinstance(error, psycopg.errors.InsufficientResources):
            return self._away(str(error))
        return MemoryDamaged(f"the shared memory refuses ({self.address.redacted(str(error))})", param="memory")

    def close(self) -> None:
        self._pool.close(timeout=0.2)


def prepared(connection: Connection) -> None:
    """Vectors as arrays, and how thoroughly their index is searched."""
    connection.execute(SEARCH)
    register_vector(connection)


def answered(ask: Callable[[Connection], Answer], connection: Connection) -> Answer:
    """A server that may only be read is no longer the primary: its connection is of no use to anybody."""
    try:
        return ask(connection)
    except psycopg.errors.ReadOnlySqlTransaction:
        connection.close()
        raise


def is_lost(error: psycopg.Error) -> bool:
    """A connection that ended says so in class 57 (a server that shuts down) and 08, or in no words of SQL at all."""
    return error.sqlstate is None or error.sqlstate[:2] in ("57", "08") or error.sqlstate == "25006"


@contextlib.contextmanager
def limited(connection: Connection, until: float) -> Iterator[None]:
    """Cut the connection off when the time is up: a server that hangs keeps its end open for ever."""
    ours = os.dup(connection.fileno())  # the driver may close its own first
    clock = threading.Timer(max(0.001, until - time.monotonic()), cut, [ours])
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()
        clock.join()
        os.close(ours)


def cut(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
