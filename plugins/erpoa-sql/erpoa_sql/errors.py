"""What SQLAlchemy's errors mean."""

from __future__ import annotations

import re

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchTableError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    Fatal,
    MasterMissing,
    Rejected,
    SystemFailure,
    Transient,
)

_DUPLICATE = re.compile(r"unique|duplicate|ORA-00001|\b(2601|2627)\b", re.IGNORECASE)
_MASTER = re.compile(r"foreign key|ORA-0229[12]|\b547\b", re.IGNORECASE)
_DENIED = re.compile(
    r"permission|denied|authenticat|login failed|password|ORA-01017|ORA-01031|readonly", re.IGNORECASE
)
_BUSY = re.compile(r"locked|deadlock|timeout|timed out|ORA-00060|ORA-00054|serializ", re.IGNORECASE)
_VALUES = re.compile(r"\((?:[^()]|\([^()]*\))*\)|'(?:[^']|'')*'(?!\s*(?:constraint|object|table|column))")


def words(error: SQLAlchemyError) -> str:
    """The database's own words, first line only, without what looks like values of rows."""
    original = getattr(error, "orig", None) or error
    said = getattr(getattr(original, "diag", None), "message_primary", None) or str(original)
    return _VALUES.sub("…", said.strip().split("\n", 1)[0])


def failure(error: Exception) -> SystemFailure:
    """The class of *error*: by SQLAlchemy's own class, and by the words where that is too coarse."""
    if not isinstance(error, SQLAlchemyError):
        return Fatal(str(error))
    said = words(error)
    full = str(getattr(error, "orig", "") or error)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Transient(f"the connection was lost: {said}")
    match error:
        case IntegrityError() if _MASTER.search(full):
            return MasterMissing(said)
        case IntegrityError() if _DUPLICATE.search(full):
            return Duplicate(said)
        case IntegrityError() | DataError():
            return Rejected(said)
        case OperationalError() | ProgrammingError() if _DENIED.search(full):
            return Denied(said)
        case OperationalError() if _BUSY.search(full):
            return Transient(said)
        case NoSuchTableError():
            return ContractBroken(f"there is no table {said!r}")
        case ProgrammingError() | OperationalError():
            return ContractBroken(said)
        case _:
            return Fatal(said)
