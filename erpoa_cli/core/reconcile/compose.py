"""The whole list of lines that a document shall hold, from the list it holds and the changes of single lines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from erpoa_cli.core.columns import ID, KEY, NOW, WANTED
from erpoa_cli.core.reconcile.shape import listed
from erpoa_cli.core.schema import Type, identifier, literal
from erpoa_cli.core.situation import Action, does


def composed(
    documents: str,
    lines: str,
    *,
    within: str,
    type_: Type,
    key: Sequence[str],
    id_: Sequence[str],
    written: Collection[str],
) -> str:
    """The query (ordinal, lines) for the lists of the rows of *documents* (`ordinal`, `k_…`, the list `a_WITHIN`).

    *lines*: the changes of single lines (`k_…` with the *key* of the document, `action`, `fields`, `d_…`), which are
    found in the list by the members *id_* (`id_…`). Lines and members that no change names stay as they are,
    whoever wrote them, in their order; lines that are created come last. *written*: the members that changes have
    values of; *type_*: of the list, whose structs have all members that there are."""
    assert type_.item is not None
    members = dict(type_.item.members)
    same = listed((f"{KEY.sql(k, 'c')} = {KEY.sql(k, 'p')}" for k in key), " AND ")
    it = listed((f"t.line.{identifier(i)} IS NOT DISTINCT FROM {ID.sql(i, 'c')}" for i in id_), " AND ")
    kept = _struct(members, written, lambda name: f"t.line.{identifier(name)}")
    new = _struct(members, written, lambda name: f"CAST(NULL AS {members[name].duckdb})")
    whole = type_.duckdb
    return f"""
    WITH theirs AS (SELECT p.ordinal AS document, unnest(p.{NOW.sql(within)}) AS line,
            generate_subscripts(p.{NOW.sql(within)}, 1) AS place FROM {documents} p),
    change AS (SELECT p.ordinal AS document, c.* FROM {lines} c JOIN {documents} p ON {same}),
    kept AS (SELECT t.document, 0 AS part, t.place,
            CASE WHEN {does(Action.UPDATE, of="c")} THEN {kept} ELSE t.line END AS line
        FROM theirs t LEFT JOIN change c ON c.document = t.document AND {does(Action.UPDATE, Action.DELETE, of="c")} AND {it}
        WHERE c.action IS DISTINCT FROM {Action.DELETE.sql} AND t.line IS NOT NULL),
    added AS (SELECT c.document, 1 AS part, c.ordinal AS place, {new} AS line FROM change c WHERE {does(Action.CREATE, of="c")}),
    every AS (SELECT document, CAST(list(line ORDER BY part, place) AS {whole}) AS lines
        FROM (SELECT * FROM kept UNION ALL SELECT * FROM added) GROUP BY document)
    SELECT p.ordinal, coalesce(e.lines, CAST([] AS {whole})) AS lines
    FROM {documents} p LEFT JOIN every e ON e.document = p.ordinal"""


def _struct(members: Mapping[str, Type], written: Collection[str], other: Callable[[str], str]) -> str:
    """A line with all its *members*: what the change `c` writes, everything else as *other* says."""
    parts = []
    for name, type_ in members.items():
        value = other(name)
        if name in written:
            new = f"CAST({WANTED.sql(name, 'c')} AS {type_.duckdb})"
            value = f"CASE WHEN list_contains(c.fields, {literal(name)}) THEN {new} ELSE {value} END"
        parts.append(f"{identifier(name)} := {value}")
    return f"struct_pack({listed(parts)})"
