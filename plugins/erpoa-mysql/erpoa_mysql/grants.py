"""What the user of a connection may do, as SHOW GRANTS tells it: privileges of the user and of its active roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from erpoa_mysql.wire import Wire

_NAME = r"(?:`(?:[^`]|``)*`|\*)"
_LINE = re.compile(rf"^(GRANT|REVOKE) (.+?) ON (?:TABLE )?({_NAME})\.({_NAME}) (?:TO|FROM) ", re.DOTALL)
_PRIVILEGE = re.compile(r"([A-Z_][A-Z_ ]*[A-Z_]|ALL)\s*(?:\([^)]*\))?(?:,|$)")
_ALL = "ALL PRIVILEGES"


@dataclass(frozen=True, slots=True)
class Grant:
    """Privileges on tables: `schema` is a LIKE pattern, empty for every one; `table` is empty for every one."""

    privileges: frozenset[str]
    schema: str
    table: str
    is_revoked: bool
    with_grant: bool


class Grants:
    """All that is granted to the user of *db*."""

    def __init__(self, db: Wire) -> None:
        self._grants = tuple(_grants(db))

    def may(self, privilege: str, schema: str, table: str = "") -> bool:
        """Whether *privilege* is granted on the table, on some column of it, or (without *table*) on the whole schema."""
        found = [g for g in self._grants if _has(g, privilege) and _covers(g, schema, table)]
        # a partial revoke takes a schema away from what is granted on all
        kept = [g for g in found if g.schema or not any(r.is_revoked for r in found)]
        return any(not g.is_revoked for g in kept)

    def everywhere(self) -> frozenset[str]:
        """Privileges on the whole server; `GRANT OPTION` where they may be passed on."""
        found = [g for g in self._grants if not g.schema and not g.is_revoked]
        passed = {"GRANT OPTION"} if any(g.with_grant for g in found) else set()
        return frozenset({p for g in found for p in g.privileges} | passed) - {"USAGE"}


def _has(grant: Grant, privilege: str) -> bool:
    return privilege in grant.privileges or _ALL in grant.privileges


def _covers(grant: Grant, schema: str, table: str) -> bool:
    return (not grant.schema or _like(grant.schema, schema)) and (not grant.table or grant.table == table)


def _like(pattern: str, name: str) -> bool:
    form = ""
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        form += ".*" if part == "%" else "." if part == "_" else re.escape(part[-1])
    return re.fullmatch(form, name, re.DOTALL) is not None


def _grants(db: Wire) -> Iterator[Grant]:
    for (line,) in db.rows(_question(db)):
        found = _LINE.match(line)
        if found is None:
            continue  # a role, a proxy, or a routine
        verb, privileges, schema, table = found.groups()
        yield Grant(
            frozenset(p.strip() for p in _PRIVILEGE.findall(privileges)),
            _unquoted(schema),
            _unquoted(table),
            verb == "REVOKE",
            "WITH GRANT OPTION" in line[found.end() :],
        )


def _question(db: Wire) -> str:
    """MariaDB tells what the current role may by itself; MySQL only when it is named."""
    if db.is_mariadb:
        return "SHOW GRANTS"
    ((roles,),) = db.rows("SELECT current_role()")
    return "SHOW GRANTS" if roles in (None, "", "NONE") else f"SHOW GRANTS FOR CURRENT_USER() USING {roles}"


def _unquoted(name: str) -> str:
    return "" if name == "*" else name[1:-1].replace("``", "`")
