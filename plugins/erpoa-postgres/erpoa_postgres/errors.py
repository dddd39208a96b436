"""What PostgreSQL's error codes mean (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations

import re

import psycopg

from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    Fatal,
    InDoubt,
    MasterMissing,
    Rejected,
    SystemFailure,
    Transient,
)

_QUOTED = re.compile(r':?\s*"(?:[^"]|"")*"$', re.DOTALL)
_BY_CODE: dict[str, type[SystemFailure]] = {
    "23505": Duplicate,  # unique_violation
    "23503": MasterMissing,  # foreign_key_violation
    "40003": InDoubt,  # statement_completion_unknown
    "42501": Denied,  # insufficient_privilege
    "25006": Denied,  # read_only_sql_transaction
    "55P03": Transient,  # lock_not_available
    "57014": Transient,  # query_canceled: a timeout, or a person
    "57P01": Transient,  # admin_shutdown
    "57P02": Transient,  # crash_shutdown
    "57P03": Transient,  # cannot_connect_now
    "57P05": Transient,  # idle_session_timeout
    "25P03": Transient,  # idle_in_transaction_session_timeout
    "54000": Rejected,  # program_limit_exceeded: a row that no index or page holds
    "P0001": Rejected,  # raise_exception: a trigger's own words
    "44000": Rejected,  # with_check_option_violation
}
_BY_CLASS: dict[str, type[SystemFailure]] = {
    "08": Transient,  # connection
    "22": Rejected,  # data
    "23": Rejected,  # integrity
    "28": Denied,  # authorization
    "40": Transient,  # rollback: serialization failure, deadlock
    "42": ContractBroken,  # names, syntax
    "0A": ContractBroken,  # not supported
    "53": Transient,  # resources
    "P0": Rejected,  # PL/pgSQL
}


def failure(error: Exception) -> SystemFailure:
    """What *error* of psycopg means."""
    if not isinstance(error, psycopg.Error):
        return Fatal(str(error))
    code = error.sqlstate
    if code is not None:
        return failure_of(code, error.diag.message_primary or str(error))
    words = " ".join(str(error).split())
    if isinstance(error, psycopg.OperationalError):
        used = error.pgconn is not None and (error.pgconn.used_password or error.pgconn.needs_password)
        return Denied(words) if used else Transient(words)
    return Fatal(words)


def failure_of(code: str, message: str) -> SystemFailure:
    """What the SQLSTATE *code* means. PostgreSQL's details quote the row and are left out; so is a value at the
    end of a message about data."""
    kind = _BY_CODE.get(code) or _BY_CLASS.get(code[:2], Fatal)
    words = _QUOTED.sub("", message) if code.startswith("22") else message
    return kind(f"{words} (SQLSTATE {code})")
