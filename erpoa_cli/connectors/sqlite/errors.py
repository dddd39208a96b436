"""What SQLite's result codes mean."""

from __future__ import annotations

import sqlite3

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

_TRANSIENT = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DENIED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}
_ROW = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG}
_DUPLICATE = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}


def failure(error: sqlite3.Error) -> SystemFailure:
    """What *error* means, by SQLite's result code."""
    code = getattr(error, "sqlite_errorcode", None)
    words = str(error)
    primary = None if code is None else code & 0xFF
    if (
        words == "user-defined function raised exception"
    ):  # ours decode the stored value, and only that can fail
        return Rejected("the row holds text that is not valid UTF-8")
    if code in _DUPLICATE:
        return Duplicate(words)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return MasterMissing(words)
    if primary in _ROW:
        return Rejected(words)
    if primary in _TRANSIENT:
        return Transient(f"{words}: another process is writing")
    if primary in _DENIED:
        return Denied(words)
    if primary == sqlite3.SQLITE_IOERR:
        return InDoubt(words)
    if primary == sqlite3.SQLITE_ERROR:
        return ContractBroken(words)
    return Fatal(words)
