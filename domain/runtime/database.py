"""The database: its schema, brought up to date by numbered files, and connections to it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
from psycopg import AsyncConnection, Connection, errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

# What everybody answers alike: the database cannot be reached, went away, or became a standby.
DATABASE_AWAY = (psycopg.OperationalError, PoolTimeout, errors.ReadOnlySqlTransaction)
Reading = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Reading]

# Words, links and the like: three times faster than with the standard library's reader.
set_json_loads(orjson.loads)

SCHEMA = Path(__file__).parent / "schema"
ONE_MIGRATES = 0x0CA5EB00C  # the advisory lock under which a database is migrated

ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'casebook_service') THEN
        CREATE ROLE casebook_service NOLOGIN;
    END IF;
EXCEPTION
    -- Roles belong to the cluster: a migration of another database may have made it just now.
    WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
LEDGER = """
CREATE TABLE IF NOT EXISTS public.casebook_migrations (
    name       text        PRIMARY KEY,
    sha256     text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON public.casebook_migrations TO casebook_service
"""
LOCK = "SELECT pg_advisory_lock(%(key)s)"
APPLIED = "SELECT name, sha256 FROM public.casebook_migrations ORDER BY name"
RECORD = "INSERT INTO public.casebook_migrations (name, sha256) VALUES (%(name)s, %(sha256)s)"


class MigrationRefused(Exception):
    """This database is not migrated."""

    def __init__(self, **details: str) -> None:
        super().__init__((self.__doc__ or "").format(**details))


class MigrationChanged(MigrationRefused):
    """Migration {name} was changed after this database had it: put it back, and add a new one."""


class MigrationMissed(MigrationRefused):
    """Migration {name} is older than {last}, which this database has: give it a higher number."""


class DatabaseIsNewer(MigrationRefused):
    """This database has migration {name}, which this release does not know: use the newer one."""


class RoleNotAllowed(MigrationRefused):
    """{user} may not make the role that the service belongs to: CREATE ROLE casebook_service."""


def migrations(folder: Path = SCHEMA) -> dict[str, bytes]:
    """The numbered files in their order, by name without ending."""
    return {file.stem: file.read_bytes() for file in sorted(folder.glob("[0-9]*.sql"))}


def migrate(owner_url: str, folder: Path = SCHEMA) -> list[str]:
    """Brings the database up to date; the names of what was applied now.

    Each file is a transaction of its own. Whoever comes second waits, and then finds nothing to do.

    Raises:
        MigrationRefused: this database and this release do not belong together.
    """
    known = migrations(folder)
    with connect(owner_url, "casebook migrate", autocommit=True) as conn:
        conn.execute(LOCK, {"key": ONE_MIGRATES})
        _make_role(conn)
        conn.execute(LEDGER)
        names = pending(known, dict(conn.execute(APPLIED)))
        for name in names:
            with conn.transaction():
                conn.execute(known[name])
                conn.execute(RECORD, {"name": name, "sha256": _sha256(known[name])})
    return names


def pending(known: Mapping[str, bytes], applied: Mapping[str, str]) -> list[str]:
    """Which of the known migrations a database lacks that has `applied`: SHA-256 by name.

    Raises:
        MigrationRefused: the two histories differ.
    """
    for name, sha256 in applied.items():
        if name not in known:
            raise DatabaseIsNewer(name=name)
        if _sha256(known[name]) != sha256:
            raise MigrationChanged(name=name)
    missing = [name for name in known if name not in applied]
    last = max(applied, default="")
    if missing and missing[0] < last:
        raise MigrationMissed(name=missing[0], last=last)
    return missing


def connect(url: str, name: str, *, autocommit: bool = False) -> Connection[TupleRow]:
    """A connection for whoever works alone, such as a follower; PostgreSQL shows it as `name`."""
    return psycopg.connect(_conninfo(url, name), autocommit=autocommit)


def pool(url: str, name: str, *, most: int = 10, **settings: str) -> Pool:
    """Connections for requests, up to `most`; to be opened by `async with`.

    A statement ends after 15 s and an idle transaction after 30: a stuck request holds up nobody.
    `settings` are PostgreSQL's, for these connections.
    Connections are not tried before use (a round trip each time): after a restart of PostgreSQL,
    one request for each connection finds out.
    """
    limits = {"statement_timeout": "15s", "idle_in_transaction_session_timeout": "30s"}
    return AsyncConnectionPool(
        _conninfo(url, name, **(limits | settings)),
        # What a request reads is one statement: no BEGIN and COMMIT around it.
        kwargs={"autocommit": True},
        open=False,
        min_size=2,
        max_size=most,
        timeout=5,
        # After that the next request tries anew. With the five minutes of the default, the pauses
        # double up to half of them, and a database that is back is not noticed for as long.
        reconnect_timeout=2,
        name=name,
    )


# Only for the release that wants it so: the one before goes on with what there is.
OUTDATED: Final = """
SELECT tablename FROM pg_tables WHERE schemaname = 'shape' AND read.is_outdated(tablename)
 ORDER BY tablename
"""


async def unready(of: Pool) -> str | None:
    """Why the database cannot serve this release, in a sentence; None: it can."""
    known = migrations()
    try:
        async with of.connection(timeout=2) as conn:
            rows = await conn.execute(APPLIED)
            applied: dict[str, str] = dict(await rows.fetchall())
            lacking = pending(known, applied)
            if not lacking and (row := await (await conn.execute(OUTDATED)).fetchone()):
                return f"The read model {row[0]} is being made anew for this release."
    except (psycopg.OperationalError, PoolTimeout):
        await of.check()  # connections that died with a server that is back are made anew
        return "The database does not answer."
    except errors.UndefinedTable:
        lacking = list(known)
    except DatabaseIsNewer:
        return (
            None  # an upgrade is under way, and a migration leaves the release before what it needs
        )
    except MigrationRefused as why:
        return str(why)
    return f"The database lacks migration {lacking[0]}: casebook migrate." if lacking else None


def _conninfo(url: str, name: str, **limits: str) -> str:
    given: dict[str, Any] = conninfo_to_dict(url)
    words = [
        str(given.get("options") or ""),
        *(f"-c {key}={value}" for key, value in limits.items()),
    ]
    options = " ".join(filter(None, words))
    return make_conninfo(
        **{"connect_timeout": "5", **given, "application_name": name},
        **({"options": options} if options else {}),
    )


def _make_role(conn: Connection[TupleRow]) -> None:
    try:
        conn.execute(ROLE)
    except errors.InsufficientPrivilege:
        raise RoleNotAllowed(user=conn.info.user) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
