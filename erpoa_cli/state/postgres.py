"""The control store in PostgreSQL, shared by machines; right behind a pooler that lends connections per transaction.

Nothing outlives a transaction: no session setting, no prepared statement, no advisory lock. What a transaction needs
(the schema, a synced commit, an end to waiting) it sets for itself.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.database import Collision, Condition, Row

_PATIENCE = 30.0  # seconds to wait for a server that went away (it restarts, a standby takes over)
_PAUSE = 0.2
_FETCH = 100  # rows of a scan per round trip
# A process that was stopped inside a transaction must not hold the lock's row for ever: the server ends it.
_IDLE, _WAIT = "20s", "40s"

_LINK = {
    "client_encoding": "UTF8",
    "connect_timeout": "10",
    "fallback_application_name": "erpoa",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_AWAY = ("08", "53", "57")  # classes of SQLSTATE: connection, resources, operator intervention
_MADE = ("23505", "42P06", "42P07")  # unique violation, the schema exists, the table exists
_RIGHTS = (
    "25006",
    "28",
    "3D",
    "42501",
    "42P01",
)  # read-only server, login, no database, privilege, invisible table
_BUSY = "55P03"
_SKEW = 5.0  # seconds
_SERVER = """SELECT pg_catalog.current_setting('server_version') AS version, current_user::text AS role,
    pg_catalog.current_setting('server_encoding') AS encoding, pg_catalog.current_setting('fsync') AS fsync,
    pg_catalog.clock_timestamp() AS clock"""
_RIGHTS_OF_TABLES = """SELECT c.relname::text AS name, u AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS reads,
    u AND pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
    AND pg_catalog.has_table_privilege(c.oid, 'DELETE') AS writes
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
    LATERAL (SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE')) AS s(u)
    WHERE n.nspname = ? AND c.relkind = 'r' ORDER BY c.relname"""

Answer = TypeVar("Answer")

_AWAY_REMEDY = (
    "when it answers again, run the command again; `erpoa resume` continues a run that was under way"
)
_REFUSED_REMEDY = (
    "check user, password and database in the URL of `state:`; when the server is starting or full, try again"
)
_RIGHTS_DETAIL = "To plan, a role needs USAGE on the schema and SELECT on its tables; to apply, also INSERT, UPDATE and DELETE."
_RIGHTS_REMEDY = "grant the role what it needs (docs/state.md), or name another one in the URL of `state:`"


def settings(url: str) -> dict[str, str]:
    """What libpq reads in *url*; ValueError when it cannot."""
    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:
        raise ValueError("not a URL of libpq") from None  # its own words repeat parts of the URL


class PostgresDatabase:
    """`Database` over a connection of psycopg.

    A reading one is a single transaction that sees one moment and may not write. A writing one finds a new
    connection when the old one was cut between two transactions; inside one, the transaction is lost and said so."""

    __slots__ = ("_connection", "_inside", "_patience", "_schema", "_settings")

    shared = True

    def __init__(self, settings: dict[str, str], schema: str, *, reading: bool = False) -> None:
        self._settings = _LINK | settings
        self._schema = schema
        self._inside = reading
        self._patience = _PATIENCE
        self._connection = _connect(self._settings)
        if reading:
            self._plain(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                f'SET LOCAL search_path TO "{schema}", pg_temp;'
                "SET LOCAL idle_in_transaction_session_timeout TO 0"  # a plan reads its systems meanwhile
            )

    def has(self, table: str) -> bool:
        found = "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = ? AND tablename = ?"
        return bool(self.query(found, (self._schema, table)))

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return self._within(lambda: self._run(sql, values).rowcount)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._within(lambda: self._run_many(sql, rows))

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self._within(lambda: self._run(sql, values).fetchall())

    def claim(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return self.query(f"{sql} FOR UPDATE", values)

    def scan(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        try:
            with self._connection.cursor("erpoa_scan", row_factory=dict_row) as cursor:
                cursor.itersize = _FETCH
                cursor.execute(_translated(sql), values, binary=True)
                yield from cursor
        except psycopg.Error as error:
            raise self._failure(error) from error

    def define(self, statement: str) -> None:
        """Texts sort by their bytes, as in SQLite. The schema is made with the first table."""
        there = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?"
        if not self.query(there, (self._schema,)):
            self._plain(f'CREATE SCHEMA "{self._schema}"')
        self._plain(statement.replace(" TEXT", ' TEXT COLLATE "C"').replace(" BLOB", " BYTEA"))

    def begin(self) -> None:
        beginning = (
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
            f'SET LOCAL search_path TO "{self._schema}", pg_temp;'
            f"SET LOCAL idle_in_transaction_session_timeout TO '{_IDLE}';"
            f"SET LOCAL lock_timeout TO '{_WAIT}';"
            "SELECT pg_catalog.set_config('synchronous_commit', 'on', true)"
            " WHERE pg_catalog.current_setting('synchronous_commit') IN ('off', 'local')"
        )
        try:
            self._connection.execute(beginning)
        except psycopg.Error as error:
            if not self._cut():
                self.rollback()
                raise self._failure(error) from error
            self._reconnect()
            self._plain(beginning)
        self._inside = True

    def commit(self) -> None:
        self._inside = False
        if self._plain("COMMIT").statusmessage != "COMMIT":
            raise _told(
                "E0516", "the state's server undid a transaction", "Nothing of it was kept.", _AWAY_REMEDY
            )

    def rollback(self) -> None:
        self._inside = False
        if not self._cut():
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                self._connection.close()  # the next transaction finds a new one

    def clock(self) -> datetime:
        (row,) = self.query("SELECT pg_catalog.clock_timestamp() AS at")
        found: datetime = row["at"]
        return found.astimezone(UTC)

    def condition(self) -> Condition:
        (server,) = self.query(_SERVER)
        told = [f"PostgreSQL {server['version']}", f"role {server['role']}", f"schema {self._schema}"]
        told.append("TLS" if self._connection.pgconn.ssl_in_use else "no TLS")
        if abs(skew := (datetime.now(UTC) - server["clock"]).total_seconds()) > _SKEW:
            told.append(f"this machine's clock is {skew:+.0f} s off, which does not matter to locks")
        problems = []
        if server["encoding"] != "UTF8":
            problems.append(f"the database is encoded in {server['encoding']}, not in UTF8")
        if server["fsync"] != "on":
            problems.append("fsync is off: a power cut can lose what was recorded")
        rights = self.query(_RIGHTS_OF_TABLES, (self._schema,))
        if not rights:
            told.append("no state yet")
        problems += [f"the role may not read {row['name']}" for row in rights if not row["reads"]]
        writable = all(row["writes"] for row in rights)
        if not writable:
            told.append("may plan, may not apply")
        return Condition(", ".join(told), writable, tuple(problems))

    def close(self) -> None:
        self._connection.close()

    def _cut(self) -> bool:
        return self._connection.closed

    def _reconnect(self) -> None:
        """Wait for the server once; whoever tries again after that in vain is told at once."""
        deadline, self._patience = time.monotonic() + self._patience, 0.0
        while True:
            try:
                self._connection = _connect(self._settings)
            except Failure:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE)
            else:
                self._patience = _PATIENCE
                return

    def _within(self, work: Callable[[], Answer]) -> Answer:
        """Do *work* in the transaction that is open, else in one of its own."""
        if self._inside:
            return work()
        self.begin()
        try:
            answer = work()
            self.commit()
        except BaseException:
            self.rollback()
            raise
        return answer

    def _run(self, sql: str, values: Sequence[Any]) -> psycopg.Cursor[Row]:
        try:
            return self._connection.execute(_translated(sql), values, binary=True)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(_translated(sql), rows)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _plain(self, statements: str) -> psycopg.Cursor[Row]:
        try:
            return self._connection.execute(statements)
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> Exception:
        return _failure(error, cut=self._cut())


def _connect(settings: dict[str, str]) -> psycopg.Connection[Row]:
    try:
        return psycopg.connect(
            **settings,  # type: ignore[arg-type]  # libpq takes all of them as texts
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
        )
    except psycopg.Error as error:
        told = _refused(error) or _failure(error, cut=True)
        raise _without_parts(told, settings) if isinstance(told, Failure) else told from None


def _without_parts(told: Failure, settings: dict[str, str]) -> Failure:
    """*told*, in which libpq quotes parts of the URL of the state, which may be a secret as a whole: they are named."""

    def named(text: str) -> str:
        for name in ("host", "dbname", "user", "password"):
            for value in filter(None, settings.get(name, "").split(",")):
                for quoted in (f'"{value}"', f"'{value}'"):
                    text = text.replace(quoted, f"({name})")
        return _ADDRESS.sub("", text)

    return Failure(*(replace(d, summary=named(d.summary), detail=named(d.detail)) for d in told.diagnostics))


_ADDRESS = re.compile(r" \([0-9A-Fa-f.:]{4,}\)")  # which the host was found to have


def _refused(error: psycopg.Error) -> Failure | None:
    """A server that answered, but not with a connection. libpq does not tell the SQLSTATE of that."""
    asked = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
    _, fatal, words = str(error).partition("FATAL:")
    if not fatal and not asked:
        return None
    said = (words or str(error)).strip().splitlines()[0]
    return _told("E0517", "the state's server refuses the connection", said, _REFUSED_REMEDY)


def _failure(error: psycopg.Error, *, cut: bool) -> Exception:
    """What *error* means to the person who runs the command."""
    code = error.sqlstate or ""
    words = (error.diag.message_primary or str(error)).strip().splitlines() or [type(error).__name__]
    if code in _MADE:
        return Collision(words[0])
    if code == _BUSY:
        return _told("E0516", "the state's server is busy", words[0], "try again")
    if code.startswith(_RIGHTS):
        return _told("E0517", f"the state's server refuses: {words[0]}", _RIGHTS_DETAIL, _RIGHTS_REMEDY)
    if cut or not code or code.startswith(_AWAY):
        return _told("E0516", "the state's server cannot be reached", words[0], _AWAY_REMEDY)
    return _told("E0516", "the state's server could not do its work", f"{words[0]} ({code})", _AWAY_REMEDY)


def _told(code: str, summary: str, detail: str, remedy: str) -> Failure:
    return Failure(Diagnostic(code, summary, detail=detail, remedy=remedy))


@lru_cache(maxsize=512)
def _translated(sql: str) -> bytes:
    """*sql* with the placeholders of psycopg."""
    assert "%" not in sql
    return sql.replace("?", "%s").encode()
