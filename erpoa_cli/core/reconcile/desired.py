"""The relation a target is fed from, as what its rows shall be: `desired."T"`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.columns import KEY, NOW, PENDING, WANTED
from erpoa_cli.core.parse import instant
from erpoa_cli.core.parse import value as parsed
from erpoa_cli.core.reconcile.shape import Shape, listed, table, value_sql, work
from erpoa_cli.core.schema import Field, Kind, Type, identifier, literal
from erpoa_cli.core.target import BoundField, Column, Constant, Reference, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What a target is fed from: the relation's schema and columns, and whether rows of it were set aside
    (`held."RELATION"`) whose key is the target's key, so that they can be shown as held rows of the target. `blocked`:
    the relation is not to be believed (a read or test failed), so nothing is wanted and nothing proven. `flat`: its rows
    are the lines of a document, not documents with lists of them. `own`: reference and result fields → the column that
    has their value itself, for rows whose `by` columns are NULL."""

    schema: str
    name: str
    columns: tuple[Field, ...] = ()
    held: bool = False
    blocked: bool = False
    flat: bool = False
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A target that references or results point to, as far as they must know it.

    `complete`: its object was read completely; otherwise a row that is not there may exist."""

    shape: Shape
    complete: bool


def desired(shape: Shape, feed: Feed, others: Mapping[str, Other], *, late: bool) -> str:
    """The statement that fills `desired."T"`: `k_`, `d_` and `p_` columns, `problem` with its
    `problem_code`, and `waiting`. Late references (deferred, trees) are resolved only with *late*."""
    types = _types(shape, feed)
    resolved = [
        _or_own(_resolve(shape, f, n, types, others, late), feed.own.get(f.name))
        for n, f in enumerate(shape.fields)
    ]
    keys = [f"r.{identifier(k)} AS {KEY.sql(k)}" for k in shape.key]
    problems = [p for r in resolved for p in r.problems]
    waits = [w for r in resolved for w in r.waits]
    waiting = (
        f"list_filter(CAST([{listed(waits)}] AS VARCHAR[]), lambda x: x IS NOT NULL)"
        if waits
        else "CAST([] AS VARCHAR[])"
    )
    columns = [
        *keys,
        *(f"{r.value} AS {WANTED.sql(r.field.name)}" for r in resolved),
        *(f"{r.pending} AS {PENDING.sql(r.field.name)}" for r in resolved if r.pending),
        f"{_first(problems, 1)} AS problem_code",
        f"{_first(problems, 2)} AS problem",
        f"{waiting} AS waiting",
    ]
    joins = listed((r.join for r in resolved if r.join), " ")
    return f"""
    CREATE OR REPLACE TABLE {table("desired", shape.name)} AS
    SELECT {listed(columns)} FROM ({_rows(shape, feed)}) r {joins}
    {_set_aside(shape, feed)}"""


def wanted_keys(shape: Shape, feed: Feed) -> str:
    """The keys of the rows that are wanted, as key columns."""
    return f"SELECT {listed(f'r.{identifier(k)} AS {KEY.sql(k)}' for k in shape.key)} FROM ({_rows(shape, feed)}) r"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resolved:
    field: BoundField
    value: str
    pending: str = ""
    join: str = ""
    problems: Sequence[tuple[str, str, str]] = ()  # condition, code, reason
    waits: Sequence[str] = ()


def _first(problems: Sequence[tuple[str, str, str]], position: int) -> str:
    if not problems:
        return "CAST(NULL AS VARCHAR)"
    answers = (f"WHEN {p[0]} THEN {literal(p[1]) if position == 1 else p[2]}" for p in problems)
    return f"CASE {listed(answers, ' ')} END"


def _rows(shape: Shape, feed: Feed) -> str:
    """The rows of the relation; for the lines of a document, one per element of the list column."""
    source = table(feed.schema, feed.name)
    lines = shape.target.lines
    if feed.blocked:
        source = f"(SELECT * FROM {source} WHERE false)"
    if lines is None or feed.flat:
        return f"SELECT * FROM {source}"
    listing = next(f.type for f in feed.columns if f.name == lines.column)
    assert listing.kind is Kind.LIST
    assert listing.item is not None
    parent = tuple(shape.key)[: shape.document]
    members = [name for name, _ in listing.item.members if name not in parent]
    hidden = [lines.column, *(f.name for f in feed.columns if f.name in members and f.name != lines.column)]
    taken = [f"e.element.{identifier(name)} AS {identifier(name)}" for name in members]
    return (
        f"SELECT p.* EXCLUDE ({listed(map(identifier, hidden))}), {listed(taken)} FROM {source} p, "
        f"LATERAL (SELECT unnest(p.{identifier(lines.column)}) AS element) e"
    )


def _types(shape: Shape, feed: Feed) -> dict[str, Type]:
    """The types of the columns of `_rows`."""
    found = {f.name: f.type for f in feed.columns}
    lines = shape.target.lines
    if lines is not None and not feed.flat and (listing := found.get(lines.column)) and listing.item:
        parent = tuple(shape.key)[: shape.document]
        found |= {name: type_ for name, type_ in listing.item.members if name not in parent}
    return found


def _set_aside(shape: Shape, feed: Feed) -> str:
    """Rows of the relation that could not be used, as held rows of the target: never as missing ones."""
    if not feed.held or shape.target.lines is not None:
        return ""
    keys = [
        f"TRY_CAST(json_extract_string(h.key, {literal('$.' + _json_name(k))}) AS {type_.duckdb}) AS {KEY.sql(k)}"
        for k, type_ in shape.key.items()
    ]
    values = [f"CAST(NULL AS {f.type.duckdb}) AS {WANTED.sql(f.name)}" for f in shape.fields]
    return f"""UNION ALL BY NAME
    SELECT {listed([*keys, *values])}, min(h.code) AS problem_code,
        string_agg(DISTINCT concat_ws(': ', h.field, h.reason), '; ' ORDER BY concat_ws(': ', h.field, h.reason)) AS problem,
        CAST([] AS VARCHAR[]) AS waiting
    FROM {table("held", feed.name)} h WHERE h.key IS NOT NULL GROUP BY h.key"""


def _json_name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _resolve(
    shape: Shape,
    field: BoundField,
    number: int,
    types: Mapping[str, Type],
    others: Mapping[str, Other],
    late: bool,
) -> _Resolved:
    type_ = field.type
    match field.value:
        case Column(name):
            wanted = f"r.{identifier(name)}"
            if type_.kind is Kind.STRING:  # also of what is no text: an identifier that is one there
                wanted = canonical_sql(wanted, types.get(name, type_))
            wanted = f"CAST({wanted} AS {type_.duckdb})"
            return _Resolved(field=field, value=wanted, problems=_untold(field, wanted))
        case Constant(value):
            return _Resolved(field=field, value=value_sql(value, type_))
        case Reference() as reference:
            if field in shape.late and not late:
                return _Resolved(field=field, value=value_sql(None, type_), pending="CAST(NULL AS VARCHAR)")
            if type_.kind is Kind.LIST:
                return _reference_list(field, reference, f"j{number}", others[reference.target], types)
            return _reference(field, reference, f"j{number}", others[reference.target], types)
        case Result() as result:
            return _result(field, result, f"j{number}", others[result.target], types)


def _or_own(found: _Resolved, own: str | None) -> _Resolved:
    """*found*, or where nothing says which row is meant, the value in the column *own*."""
    match found.field.value:
        case Reference(by=by) | Result(by=by) if own is not None:
            nothing = f"({listed((f'r.{identifier(name)} IS NULL' for name in by), ' OR ')})"
        case _:
            return found
    type_ = found.field.type
    return replace(
        found,
        value=f"CASE WHEN {nothing} THEN CAST(r.{identifier(own)} AS {type_.duckdb}) ELSE {found.value} END",
        problems=[(f"NOT {nothing} AND ({when})", code, why) for when, code, why in found.problems],
        waits=[f"CASE WHEN NOT {nothing} THEN {wait} END" for wait in found.waits],
    )


def _untold(field: BoundField, wanted: str) -> list[tuple[str, str, str]]:
    """An instant whose local time was there twice cannot be told from another once it is kept as local time."""
    if not field.zone:
        return []
    again = instant(f"timezone({literal(field.zone)}, {wanted})", field.zone)
    said = f"{field.name}: its local time in {field.zone} was there twice"
    return [(f"{wanted} IS NOT NULL AND {again} IS NULL", "E0414", literal(said))]


def _by(other: Other, by: Sequence[str], alias: str, types: Mapping[str, Type]) -> Iterator[str]:
    """Conditions: the columns *by* equal the first key columns of the other target."""
    for name, (key, type_) in zip(by, other.shape.key.items(), strict=False):
        yield f"{KEY.sql(key, alias)} = {_as_key(f'r.{identifier(name)}', types.get(name, type_), type_)}"


def _as_key(value: str, own: Type, key: Type) -> str:
    """*value* of the type *own* as the key that it means; NULL where it is none exactly: 1.5 is not the key 2."""
    if own == key:
        return value
    if own.kind is Kind.STRING:
        return parsed(value, Field("", key))
    as_key = f"TRY_CAST({value} AS {key.duckdb})"
    if key.kind is Kind.STRING:
        return as_key
    return f"CASE WHEN TRY_CAST({as_key} AS {own.duckdb}) = {value} THEN {as_key} END"


def _shown(by: Sequence[str]) -> str:
    """The values of the columns *by* for a message: the key that was looked for."""
    return f"concat_ws(', ', {listed(f'CAST(r.{identifier(name)} AS VARCHAR)' for name in by)})"


def _pointer(target: str, key_text: str, field: str, text: str = "") -> str:
    shown = f", {literal(text)}" if text else ""
    return f"CAST(json_array({literal(target)}, {key_text}, {literal(field)}{shown}) AS VARCHAR)"


def _reference(
    field: BoundField, reference: Reference, j: str, other: Other, types: Mapping[str, Type]
) -> _Resolved:
    nothing = listed((f"r.{identifier(name)} IS NULL" for name in reference.by), " OR ")
    problems = []
    if reference.when_null == "hold":
        problems.append(
            (
                nothing,
                "E0406",
                literal(f"{field.name}: nothing says which row of {reference.target} is meant"),
            )
        )
    if reference.missing == "hold":
        text = f"concat({literal(f'{field.name}: no row of {reference.target} has the key ')}, {_shown(reference.by)})"
        problems.append((f"NOT ({nothing}) AND {j}.key_text IS NULL", "E0405", text))
    return _Resolved(
        field=field,
        value=f"CASE WHEN {j}.pending THEN NULL ELSE CAST({j}.id AS {field.type.duckdb}) END",
        pending=f"CASE WHEN {j}.pending THEN {_pointer(reference.target, f'{j}.key_text', '')} END",
        join=f"LEFT JOIN {work(reference.target, 'ids')} {j} ON {listed(_by(other, reference.by, j, types), ' AND ')}",
        problems=problems,
    )


def _reference_list(
    field: BoundField, reference: Reference, j: str, other: Other, types: Mapping[str, Type]
) -> _Resolved:
    """A list of ids; it waits for the next plan while one of the rows is not there yet."""
    (name,), (key, key_type) = reference.by, next(iter(other.shape.key.items()))
    item = field.type.item
    assert item is not None
    by = f"r.{identifier(name)}"
    listing = types.get(name)
    own = listing.item if listing and listing.item else key_type
    found = f"""(SELECT {{'ids': list(CAST(i.id AS {item.duckdb}) ORDER BY e.n) FILTER (i.key_text IS NOT NULL),
            'waits': bool_or(coalesce(i.pending, false)), 'lost': count(*) FILTER (i.key_text IS NULL),
            'which': string_agg(CAST(e.v AS VARCHAR), ', ') FILTER (i.key_text IS NULL)}}
        FROM (SELECT unnest({by}) AS v, generate_subscripts({by}, 1) AS n) e
        LEFT JOIN {work(reference.target, "ids")} i ON {KEY.sql(key, "i")} = {_as_key("e.v", own, key_type)})"""
    problems = []
    if reference.when_null == "hold":
        problems.append(
            (
                f"{by} IS NULL",
                "E0406",
                literal(f"{field.name}: nothing says which rows of {reference.target} are meant"),
            )
        )
    if reference.missing == "hold":
        text = (
            f"concat({literal(f'{field.name}: no row of {reference.target} has the key ')}, {j}.found.which)"
        )
        problems.append((f"coalesce({j}.found.lost, 0) > 0", "E0405", text))
    return _Resolved(
        field=field,
        value=f"CASE WHEN {by} IS NULL THEN NULL ELSE coalesce({j}.found.ids, []) END",
        pending="CAST(NULL AS VARCHAR)",
        join=f"LEFT JOIN LATERAL (SELECT {found} AS found) {j} ON true",
        problems=problems,
        waits=[f"CASE WHEN coalesce({j}.found.waits, false) THEN {literal(field.name)} END"],
    )


def _result(field: BoundField, result: Result, j: str, other: Other, types: Mapping[str, Type]) -> _Resolved:
    """What the other target's rows hold now; one that is created by this plan gives it after its wave."""
    keys = list(other.shape.key)
    prefix, rest = keys[: len(result.by)], keys[len(result.by) :]
    shown = listed(KEY.sql(k, "i") for k in prefix)
    order = listed((KEY.sql(k, "i") for k in rest), ", ") or "1"
    managed = next((f for f in other.shape.fields if f.name == result.field), None)
    ours = f"d.{WANTED.sql(result.field)}" if managed else "NULL"
    wanted = _wanted_value(other, managed)
    value = f"CASE WHEN i.pending THEN {ours} ELSE {NOW.sql(result.field, 'a')} END"
    type_ = managed.type if managed else Type(Kind.STRING)
    open_ = f"i.pending AND {wanted}"
    single = not rest
    answer = f"{j}.value"
    if result.text:
        answer = f"replace({literal(result.text)}, '{{value}}', {j}.value)"
    as_text = canonical_sql("value", type_) if managed else "CAST(value AS VARCHAR)"
    combined = (
        f"string_agg({as_text}, {literal(result.join)} ORDER BY {order.replace('i.', '')})"
        if rest or result.text
        else "any_value(value)"
    )
    join = f"""LEFT JOIN (
        SELECT {shown.replace("i.", "")}, {combined} AS value, count(*) FILTER (open) AS open, min(key_text) AS key_text
        FROM (SELECT {listed(KEY.sql(k, "i") for k in keys)}, i.key_text, {value} AS value, {open_} AS open
            FROM {work(result.target, "ids")} i LEFT JOIN {table("theirs", result.target)} a ON a.rowid = i.row_a
            LEFT JOIN {table("desired", result.target)} d ON i.pending
                AND {listed((f"{KEY.sql(k, 'd')} = {KEY.sql(k, 'i')}" for k in keys), " AND ")})
        GROUP BY {shown.replace("i.", "")}) {j} ON {listed(_by(other, result.by, j, types), " AND ")}"""
    unknown = [f"{j}.open > 0"] if not single else []
    if not other.complete:
        unknown.append(f"{j}.value IS NULL AND coalesce({j}.open, 0) = 0")
    pending = f"CASE WHEN {j}.open > 0 THEN {_pointer(result.target, f'{j}.key_text', result.field, result.text)} END"
    return _Resolved(
        field=field,
        value=f"CASE WHEN {j}.open > 0 THEN NULL ELSE CAST({answer} AS {field.type.duckdb}) END",
        pending=pending if single else "CAST(NULL AS VARCHAR)",
        join=join,
        waits=[f"CASE WHEN {listed(unknown, ' OR ')} THEN {literal(field.name)} END"] if unknown else [],
    )


def _wanted_value(other: Other, managed: BoundField | None) -> str:
    """Whether the value of a row that is created is given by their system (or by a later wave)."""
    if managed is None:
        return "true"
    if managed in other.shape.pending:
        return f"d.{PENDING.sql(managed.name)} IS NOT NULL"
    return "false"
