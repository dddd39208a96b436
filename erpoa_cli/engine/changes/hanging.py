"""Writes of which their system would make more than the plan shows: told with the row where the target allows it, else withheld."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import ID, NOW
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, table
from erpoa_cli.core.schema import Type
from erpoa_cli.core.situation import EDITS, Action, does
from erpoa_cli.engine.reach import Leaving, Reach, Values, in_words, reaches
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import Hanging, ObjectInfo, Session, Writable

_PLAIN = re.compile(r"[^\W\d][\w.]*")  # needs no quotes in YAML
_DELETES = f"kind IS NULL AND {does(Action.DELETE)}"
_UPDATES = f"kind IS NULL AND {does(*EDITS)}"


def hanging(
    shape: Shape, info: ObjectInfo, staging: Staging, session: Session, beside: Mapping[str, Shape]
) -> dict[str, Reach]:
    """Key (JSON) of a row to delete or to update → what goes along with it, follows it or loses its reference. *beside*: shapes
    of targets in the same system, whose own deletes in this plan are no surprise."""
    if not isinstance(session, Writable):
        return {}
    leaving = {
        s.target.object: Leaving(s.id, frozenset(_leaving(s, staging)))
        for s in reversed(list(beside.values()))
        if s.id and not s.target.embedded
    }
    found: dict[str, Reach] = {}
    for where, edges in ((_DELETES, info.hanging), (_UPDATES, info.following)):
        types, known, fields = _rows(shape, staging, where, edges) if edges else ({}, {}, {})
        if known:
            written = fields if where is _UPDATES else None
            found |= reaches(info, known, types, session, staging.compare, leaving, written)
    return found


def _rows(
    shape: Shape, staging: Staging, where: str, edges: Sequence[Hanging]
) -> tuple[dict[str, Type], dict[str, dict[str, str | None]], dict[str, list[str]]]:
    """Of the rows *where*, what *edges* refer to: types, values by key (JSON); and the fields that are written."""
    wanted = {name for one in edges for name in one.references}
    columns = {n: ID(n) for n in shape.id} | {n: NOW(n) for n in shape.columns if n not in shape.id}
    types = {n: shape.id.get(n) or shape.columns[n] for n in columns if n in wanted}
    selected = "".join(f", {(ID if n in shape.id else NOW).sql(n)} AS {NOW.sql(n)}" for n in types)
    rows = staging.sql(
        f"SELECT {key_text_sql(shape, '')} AS key_text, fields{selected} FROM {table('diff', shape.name)} WHERE {where}"
    ).to_pylist()
    known = {row["key_text"]: {n: canonical(row[NOW(n)], t) for n, t in types.items()} for row in rows}
    return types, known, {row["key_text"]: row["fields"] or [] for row in rows}


def withheld(found: Mapping[str, Reach], allowed: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Key → why a delete is withheld, of those that reach further than `reach:` of the target allows."""
    told: dict[str, str] = {}
    for key, reach in found.items():
        beyond = reach.beyond(allowed)
        if beyond or not reach.known:
            way = (
                f"; if that is meant, `reach: {{{', '.join(_entries(beyond))}}}` of the target says so"
                if reach.known
                else ""
            )
            told[key] = f"on it hang {in_words(reach.text)}{way}"
    return told


def _entries(beyond: Mapping[str, list[str]]) -> Iterator[str]:
    for name, actions in beyond.items():
        called = name if _PLAIN.fullmatch(name) else json.dumps(name, ensure_ascii=False)
        yield f"{called}: {actions[0] if len(actions) == 1 else '[' + ', '.join(actions) + ']'}"


def _leaving(other: Shape, staging: Staging) -> Iterator[Values]:
    """The identifiers of rows that this plan deletes by itself."""
    ids = ", ".join(ID.sql(n) for n in other.id)
    for row in staging.sql(f"SELECT {ids} FROM {table('diff', other.name)} WHERE {_DELETES}").to_pylist():
        yield tuple(canonical(row[ID(n)], t) for n, t in other.id.items())
