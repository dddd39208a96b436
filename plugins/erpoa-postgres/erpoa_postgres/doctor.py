"""What is wrong with a connection that works: too many rights or too few, clocks, encodings, dangerous settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from erpoa_cli.sdk.sql import LEDGER
from erpoa_cli.sdk.sql.doctor import clock, may_write
from erpoa_postgres.config import Place
from erpoa_postgres.reflect import Db, relations

_POWERS = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "may create roles",
    "rolcreatedb": "may create databases",
    "rolreplication": "may replicate the whole server",
    "rolbypassrls": "passes by row-level security",
}


def problems(db: Db, place: Place) -> Sequence[str]:
    """Everything found, in words."""
    return [
        *_powers(db),
        *(may_write("the role", _writable(db)) if place.read_only else _cannot_write(db)),
        *_settings(db),
        *clock(lambda: _now(db)),
    ]


def _powers(db: Db) -> Iterator[str]:
    (has,) = db.execute(
        f"SELECT ARRAY[{', '.join(_POWERS)}] FROM pg_roles WHERE rolname = current_user"
    ).fetchall()[0]
    found = [words for words, is_so in zip(_POWERS.values(), has, strict=True) if is_so]
    if found:
        yield f"the role {', '.join(found)}: give erpoa a role of its own that may do no more than it needs"


def _writable(db: Db) -> list[str]:
    return [name for name, relation in relations(db).items() if relation.writable]


def _cannot_write(db: Db) -> Iterator[str]:
    only = "; set read_only: true if this system is only read"
    standby, schema, temporary, create, ledger = db.execute(
        "SELECT pg_is_in_recovery(), current_schema(), has_database_privilege(current_database(), 'TEMP'), "
        "has_schema_privilege(current_schema(), 'CREATE'), (SELECT has_table_privilege(c.oid, 'SELECT') AND "
        "has_table_privilege(c.oid, 'INSERT') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = current_schema() AND c.relname = %s)",
        (LEDGER,),
    ).fetchall()[0]
    if standby:
        yield f"the server is a standby and cannot be written to{only}"
        return
    if schema is None:
        yield "the role's search path has no schema that exists: name one in `schema`"
        return
    if not temporary:
        yield f"the role may not make temporary tables, which writing needs: GRANT TEMPORARY ON DATABASE{only}"
    if ledger is None and not create:
        yield (
            f"there is no table {LEDGER} in {schema} and the role may not create it: GRANT CREATE ON SCHEMA, make it by hand, "
            f"or set ledger: lookup{only}"
        )
    if ledger is False:
        yield f"the role may not read and add rows in {schema}.{LEDGER}: GRANT SELECT, INSERT{only}"


def _settings(db: Db) -> Iterator[str]:
    encoding, zone, strings, fsync = db.execute(
        "SELECT current_setting('server_encoding'), current_setting('TimeZone'), "
        "current_setting('standard_conforming_strings'), current_setting('fsync')"
    ).fetchall()[0]
    if encoding != "UTF8":
        yield f"the database is encoded in {encoding}, not UTF8: texts outside of it will be rejected"
    if zone != "UTC" or strings != "on":
        yield "our settings do not last: a connection pooler drops them; let it pool whole sessions"
    if fsync != "on":
        yield "the server runs with fsync off: a power failure loses what it reported as written"


def _now(db: Db) -> datetime:
    ((found,),) = db.execute("SELECT clock_timestamp()").fetchall()
    assert isinstance(found, datetime)
    return found
