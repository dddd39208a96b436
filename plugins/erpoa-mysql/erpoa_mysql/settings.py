"""What a session is told before anything else: the same for everybody, whatever the server's own settings are."""

from __future__ import annotations

from collections.abc import Iterator

from pymysql.err import Error  # type: ignore[import-untyped]

from erpoa_cli.sdk.errors import ContractBroken
from erpoa_mysql.config import Place
from erpoa_mysql.errors import failure
from erpoa_mysql.wire import Wire

# by whether it is MariaDB: RETURNING there, casts to float and double here
_NEEDED = {True: (10, 5), False: (8, 0, 19)}
_UNHURRIED = 3600  # seconds that the server waits for us to take rows
_IDLE = 30  # seconds that it waits for us inside a transaction that writes
MODES = (
    "STRICT_ALL_TABLES",  # what does not fit is an error, not another value
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_VALUE_ON_ZERO",  # 0 is a number like others
    "NO_ENGINE_SUBSTITUTION",
)


def connect(place: Place) -> Wire:
    """A connection to *place* with our settings. Raises `SystemFailure`."""
    try:
        db = Wire(place)
        if db.version < _NEEDED[db.is_mariadb]:
            db.close()
            raise ContractBroken(
                f"MySQL 8.0.19 or newer, or MariaDB 10.5 or newer is needed, this is {db.server_version}"
            )
        db.run(f"SET {', '.join(_settings(db, place))}")
        db.run(f"SET SESSION TRANSACTION {'READ ONLY' if place.read_only else 'READ WRITE'}")
        db.takes_streams = bool(db.rows("SELECT @@local_infile")[0][0])
    except (Error, OSError, RuntimeError) as error:
        raise failure(error) from None  # the password must not be in a traceback
    return db


def end_when_idle(db: Wire) -> None:
    """Have the server end *db* when we stop inside a transaction: it must not hold its rows for ever, nor commit when
    we wake up and another has long done its work. MySQL knows no such limit, so there it ends every idle connection."""
    kinds = ("idle_transaction", "idle_write_transaction", "idle_readonly_transaction")
    limits = (*(kinds if db.is_mariadb else ("wait",)), "net_read")
    db.run(f"SET {', '.join(f'{limit}_timeout = {_IDLE}' for limit in limits)}")


def _settings(db: Wire, place: Place) -> Iterator[str]:
    yield f"sql_mode = '{','.join(MODES)}'"
    yield "time_zone = '+00:00'"
    yield "foreign_key_checks = 1, unique_checks = 1, sql_safe_updates = 0, sql_auto_is_null = 0"
    yield "sql_select_limit = 18446744073709551615, sql_big_selects = 1"
    yield f"innodb_lock_wait_timeout = {place.lock_timeout}, lock_wait_timeout = {place.lock_timeout}"
    yield f"net_write_timeout = {_UNHURRIED}, net_read_timeout = {_UNHURRIED}"
    if db.is_mariadb:
        yield f"max_statement_time = {place.statement_timeout}, check_constraint_checks = 1"
    else:
        yield f"max_execution_time = {place.statement_timeout * 1000}"
