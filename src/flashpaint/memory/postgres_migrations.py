"""The shape of a shared database, as the list of what was done to it. A change is a new function at the end, never an
edit. The rows of `pictures` never change, so that no use writes to an index of vectors; what uses earn is in `uses`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from psycopg.errors import InsufficientPrivilege

from flashpaint.errors import MemoryNewer, OutOfRange
from flashpaint.memory.entry import KINDS
from flashpaint.memory.postgres_connection import LOCK, Connection

WIDEST = 4000  # numbers that halfvec can index
LEAST = (0, 8)  # of pgvector: iterative scans
Migration = Callable[[Connection], None]


def first(db: Connection) -> None:
    """`totals` holds sums that would be dear to take over all rows, and the newest number: given under the lock,
    numbers become visible in their order, so that who asks for those after another misses none. `unneeded` are pictures
    that may have no row, since when."""
    db.execute("""CREATE TABLE pictures (
        seq bigint PRIMARY KEY, id text NOT NULL UNIQUE,
        scope text NOT NULL, owner text NOT NULL, painter text NOT NULL, seer text NOT NULL,
        width integer NOT NULL, height integer NOT NULL, task text NOT NULL, steered text NOT NULL,
        key text NOT NULL, prompt text NOT NULL, said text NOT NULL, description text NOT NULL, teller text NOT NULL,
        seed bigint NOT NULL, steps integer NOT NULL, record text NOT NULL,
        seen_prompt halfvec, seen_description halfvec, seen_picture halfvec, latents bytea, shape text,
        picture text NOT NULL, bytes bigint NOT NULL, "check" bigint NOT NULL, created double precision NOT NULL)""")
    for kind in KINDS:
        db.execute(f"ALTER TABLE pictures ALTER seen_{kind} SET STORAGE MAIN")  # beside the row, for exact search
    db.execute("ALTER TABLE pictures ALTER latents SET STORAGE EXTERNAL")
    db.execute("CREATE INDEX by_scope ON pictures (scope, seq)")
    db.execute("CREATE INDEX by_key ON pictures (scope, key) WHERE key <> ''")
    db.execute(
        "CREATE INDEX by_said ON pictures (owner, teller, md5(said))"
    )  # a prompt may be longer than an index's key
    db.execute("CREATE INDEX by_owner ON pictures (owner, seq)")
    db.execute("CREATE INDEX by_picture ON pictures (picture)")
    db.execute("""CREATE TABLE uses (
        seq bigint PRIMARY KEY REFERENCES pictures ON DELETE CASCADE, bytes bigint NOT NULL,
        hits integer NOT NULL, saved bigint NOT NULL, used double precision NOT NULL, heat double precision NOT NULL,
        worth double precision NOT NULL, last bigint NOT NULL DEFAULT 0)""")
    db.execute("CREATE INDEX by_worth ON uses (worth, seq)")
    db.execute("CREATE TABLE unneeded (picture text PRIMARY KEY, since double precision NOT NULL)")
    db.execute("CREATE TABLE totals (name text PRIMARY KEY, value bigint NOT NULL)")
    names = ("entries", "bytes", "evicted", "removals", "budget", "newest")
    db.execute("INSERT INTO totals SELECT unnest(%s::text[]), 0", [list(names)])


MIGRATIONS: list[Migration] = [first]


def migrate(db: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the database to the newest shape, whole or not at all, whoever else does. MemoryNewer, OutOfRange."""
    with db.transaction():
        db.execute(LOCK)
        db.execute("SET LOCAL client_min_messages = warning")
        version = version_of(db)
        if version > len(migrations):
            raise MemoryNewer(
                f"this memory was written by a newer flashpaint (shape {version}, known here: {len(migrations)}): "
                "upgrade flashpaint, or name another with FLASHPAINT_MEMORY",
                param="memory",
            )
        if version == 0:
            need_vectors(db)
            db.execute("CREATE TABLE IF NOT EXISTS versions (version integer PRIMARY KEY, since timestamptz NOT NULL)")
        for number, step in enumerate(migrations[version:], version + 1):
            step(db)
            db.execute("INSERT INTO versions VALUES (%s, now())", [number])


def version_of(db: Connection) -> int:
    if one(db, "SELECT to_regclass(current_schema() || '.versions') IS NULL"):
        return 0
    return int(one(db, "SELECT coalesce(max(version), 0) FROM versions"))


def need_vectors(db: Connection) -> None:
    """pgvector, made in the database where that may be done. Raises OutOfRange."""
    told = one(db, "SELECT max(default_version) FROM pg_available_extensions WHERE name = 'vector'")
    if told is None or tuple(map(int, told.split(".")[:2])) < LEAST:
        raise OutOfRange(
            f"the database has {f'pgvector {told}' if told else 'no pgvector'}: install pgvector 0.8 or newer on its "
            "server (Debian: postgresql-17-pgvector)",
            param="memory",
        )
    try:
        db.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
    except InsufficientPrivilege:
        raise OutOfRange(
            "the database lacks pgvector and its user may not add it: have its owner run CREATE EXTENSION vector",
            param="memory",
        ) from None
    if one(db, "SELECT to_regtype('halfvec') IS NULL"):
        raise OutOfRange("pgvector is in a schema that the address's search_path leaves out: add it", param="memory")


def one(db: Connection, asked: str) -> str:
    """The one value of the one row, whatever it is."""
    found = db.execute(asked).fetchone()
    assert found is not None
    value: str = found[0]
    return value


def index_vectors(db: Connection, dim: int) -> None:
    """A graph (HNSW, Malkov and Yashunin 2018) for each kind of features this wide, once there are any; within a
    transaction that holds the lock. Wider ones than can be indexed are searched one by one."""
    if not 0 < dim <= WIDEST:
        return
    for kind in KINDS:
        db.execute(
            f"CREATE INDEX IF NOT EXISTS near_{kind}_{dim} ON pictures USING hnsw "
            f"((seen_{kind}::halfvec({dim})) halfvec_ip_ops) WHERE vector_dims(seen_{kind}) = {dim}"
        )
