"""What is wrong with a connection that works: too many rights or too few, clocks, dangerous settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from erpoa_cli.sdk.sql import LEDGER
from erpoa_cli.sdk.sql.doctor import clock, may_write
from erpoa_mysql.config import Place
from erpoa_mysql.grants import Grants
from erpoa_mysql.reflect import relations
from erpoa_mysql.settings import MODES
from erpoa_mysql.wire import Wire

_HARMLESS = frozenset({"PROCESS", "REPLICATION CLIENT", "BINLOG MONITOR", "SHOW DATABASES", "SLAVE MONITOR"})


def problems(db: Wire, place: Place) -> Sequence[str]:
    """Everything found, in words."""
    grants = Grants(db)
    return [
        *_powers(grants),
        *(may_write("the user", _writable(db)) if place.read_only else _cannot_write(db, grants, place)),
        *_settings(db),
        *clock(lambda: _now(db)),
    ]


def _powers(grants: Grants) -> Iterator[str]:
    found = sorted(grants.everywhere() - _HARMLESS)
    if found:
        yield (
            f"the user has privileges on the whole server ({', '.join(found)}): give erpoa a user of its own that may do "
            "no more than it needs, in its own database"
        )


def _writable(db: Wire) -> list[str]:
    return [name for name, relation in relations(db).items() if relation.may - {"SELECT"}]


def _cannot_write(db: Wire, grants: Grants, place: Place) -> Iterator[str]:
    only = "; set read_only: true if this system is only read"
    if db.rows("SELECT @@read_only")[0][0]:
        yield f"the server is read-only, a replica perhaps{only}"
        return
    if not grants.may("CREATE TEMPORARY TABLES", place.database):
        yield f"the user may not make temporary tables, which writing needs: GRANT CREATE TEMPORARY TABLES ON {place.database}.*{only}"
    found = db.rows(
        "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = database() AND TABLE_NAME = %s",
        (LEDGER,),
    )
    if not found and not grants.may("CREATE", place.database, LEDGER):
        yield (
            f"the user sees no table {LEDGER} in {place.database} and may not create one: GRANT CREATE, make it by "
            f"hand, or set ledger: lookup{only}"
        )
    elif not all(grants.may(p, place.database, LEDGER) for p in ("SELECT", "INSERT")):
        yield f"the user may not read and add rows in {place.database}.{LEDGER}: GRANT SELECT, INSERT{only}"
    if found and found[0][0] != "InnoDB":
        yield f"{LEDGER} is kept by {found[0][0]}: ALTER TABLE {LEDGER} ENGINE=InnoDB"


def _settings(db: Wire) -> Iterator[str]:
    names = ("sql_mode", "time_zone", "log_bin", "binlog_format", "innodb_flush_log_at_trx_commit")
    # not as @@names: newer servers lack some
    found = dict(db.rows(f"SHOW VARIABLES WHERE Variable_name IN {names}"))
    if not set(MODES) <= set(found["sql_mode"].split(",")) or found["time_zone"] != "+00:00":
        yield "our settings do not last: a proxy drops them; let it keep a connection for each session"
    if found["log_bin"] == "ON" and found.get("binlog_format") == "STATEMENT":
        yield (
            "the server logs statements (binlog_format=STATEMENT), which forbids the isolation that writing needs: "
            "set binlog_format to ROW or MIXED"
        )
    if (synced := found["innodb_flush_log_at_trx_commit"]) != "1":
        yield (
            f"the server runs with innodb_flush_log_at_trx_commit={synced}: a power failure loses what it reported as "
            "written"
        )


def _now(db: Wire) -> datetime:
    ((found,),) = db.rows("SELECT utc_timestamp(6)")
    assert isinstance(found, datetime)
    return found.replace(tzinfo=UTC)
