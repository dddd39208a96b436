"""Which columns the columns of a SELECT are computed from, told from DuckDB's own syntax tree.

Values flow through the select list; WHERE, JOIN and GROUP BY conditions choose rows and carry no values. What the
tree does not tell plainly counts as computed from everything in reach: lineage here may say too much, never too
little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """The (relation, column) pairs a value is computed from; `plain`: it is one of them, unchanged."""

    columns: frozenset[tuple[str, str]] = frozenset()
    plain: bool = False


NOTHING = Origin()
Columns = list[tuple[str, Origin]]


def merged(origins: Iterable[Origin]) -> Origin:
    """The origin of a value computed from several."""
    return Origin(frozenset(column for origin in origins for column in origin.columns))


@dataclass(frozen=True, slots=True)
class _Item:
    """What stands in FROM under one name. An `open` item may have columns that the tree does not name."""

    name: str
    columns: Columns
    open: bool = False

    @property
    def whole(self) -> Origin:
        return merged(origin for _, origin in self.columns)


@dataclass(frozen=True, slots=True)
class _Scope:
    """The items of a query, innermost first, and the names defined in its select list so far."""

    items: Sequence[_Item]
    outer: _Scope | None = None
    aliases: dict[str, Origin] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()  # lambda parameters

    @property
    def everything(self) -> Origin:
        own = merged([*(item.whole for item in self.items), *self.aliases.values()])
        return merged([own, self.outer.everything]) if self.outer else own


def lineage(
    tree: Node, relations: Mapping[tuple[str, str], Sequence[str]], names: Sequence[str]
) -> list[Origin]:
    """The origin of every output column, in the order of *names* (the columns as DuckDB binds them).

    *tree* is what `json_serialize_sql` gives for one SELECT; *relations* the columns of (schema, name)."""
    reader = _Reader(relations)
    everything = reader.everything
    if tree.get("error"):
        return [everything for _ in names]
    found = reader.query(tree["statements"][0]["node"], {}, None)
    if len(found) == len(names) and all(
        own in ("", name.casefold()) for (own, _), name in zip(_folded(found), names, strict=True)
    ):
        return [origin for _, origin in found]
    by_name: dict[str, list[Origin]] = {}
    for name, origin in found:
        by_name.setdefault(name.casefold(), []).append(origin)
    return [_only(by_name.get(name.casefold(), [everything])) for name in names]


def _only(origins: Sequence[Origin]) -> Origin:
    return origins[0] if len(origins) == 1 else merged(origins)


def _folded(columns: Columns) -> Columns:
    return [(name.casefold(), origin) for name, origin in columns]


def label(schema: str, name: str) -> str:
    """How origins call a relation: by its name, actual rows as `actual.NAME`."""
    return f"actual.{name}" if schema == "actual" else name


class _Reader:
    """Walks a syntax tree. Common table expressions are known by name while their query is walked."""

    def __init__(self, relations: Mapping[tuple[str, str], Sequence[str]]) -> None:
        self._relations = relations
        self.everything = Origin(
            frozenset((label(*place), column) for place, columns in relations.items() for column in columns)
        )

    def query(self, node: Node, known: Mapping[str, Columns], outer: _Scope | None) -> Columns:
        """The output columns of a query node."""
        known = dict(known)
        for entry in node.get("cte_map", {}).get("map", ()):
            query = entry["value"]["query"]["node"]
            columns = self.query(query, known, outer)
            known[entry["key"].casefold()] = _renamed(columns, entry["value"].get("aliases", ()))
        match node["type"]:
            case "SELECT_NODE":
                return self._select(node, known, outer)
            case "SET_OPERATION_NODE":
                return self._set_operation(node, known, outer)
            case "RECURSIVE_CTE_NODE":
                return self._recursive(node, known, outer)
            case _:
                return [("", self.everything)]

    def _set_operation(self, node: Node, known: Mapping[str, Columns], outer: _Scope | None) -> Columns:
        left, right = (self.query(node[side], known, outer) for side in ("left", "right"))
        if node["setop_type"] == "UNION_BY_NAME":
            both: dict[str, list[Origin]] = {}
            for name, origin in (*left, *right):
                both.setdefault(name.casefold(), []).append(origin)
            return [(name, merged(origins)) for name, origins in both.items()]
        if len(left) != len(right):
            everything = merged(origin for _, origin in (*left, *right))
            return [(name, everything) for name, _ in left]
        return [(name, merged([own, other])) for (name, own), (_, other) in zip(left, right, strict=True)]

    def _recursive(self, node: Node, known: Mapping[str, Columns], outer: _Scope | None) -> Columns:
        """A recursive query: what it starts from flows through its steps until nothing new is found."""
        name, aliases = node["cte_name"].casefold(), node.get("aliases", ())
        columns = self.query(node["left"], known, outer)
        while True:
            step = self.query(node["right"], {**known, name: _renamed(columns, aliases)}, outer)
            grown = [
                (own, merged([origin, other]))
                for (own, origin), (_, other) in zip(columns, step, strict=len(columns) == len(step))
            ]
            if [o.columns for _, o in grown] == [o.columns for _, o in columns]:
                return grown
            columns = grown

    def _select(self, node: Node, known: Mapping[str, Columns], outer: _Scope | None) -> Columns:
        items = list(self._from(node["from_table"], known, outer))
        scope = _Scope(items, outer)
        columns: Columns = []
        for expression in node["select_list"]:
            if expression["class"] == "STAR":
                columns += self._star(expression, scope, known)
                continue
            origin = self._origin(expression, scope, known)
            name = expression["alias"] or _own_name(expression)
            scope.aliases.setdefault(name.casefold(), origin)
            columns.append((name, origin))
        return columns

    # -- FROM --

    def _from(self, table: Node, known: Mapping[str, Columns], outer: _Scope | None) -> Iterator[_Item]:
        match table["type"]:
            case "BASE_TABLE":
                columns = self._table(table, known)
                name = table["alias"] or table["table_name"]
                yield _Item(name.casefold(), _renamed(columns, table["column_name_alias"]))
            case "SUBQUERY":
                columns = self.query(table["subquery"]["node"], known, outer)
                yield _Item(table["alias"].casefold(), _renamed(columns, table["column_name_alias"]))
            case "JOIN":
                left = list(self._from(table["left"], known, outer))
                yield from left
                yield from self._from(
                    table["right"], known, _Scope(left, outer)
                )  # LATERAL sees the left side
            case "EMPTY":
                return
            case "EXPRESSION_LIST":
                scope = outer or _Scope([])
                rows = [[self._origin(e, scope, known) for e in row] for row in table["values"]]
                yield _Item(
                    table["alias"].casefold(),
                    [(f"col{i}", merged(column)) for i, column in enumerate(zip(*rows, strict=True))],
                )
            case "TABLE_FUNCTION":
                origin = self._origin(table["function"], outer or _Scope([]), known)
                names = table.get("column_name_alias") or [table["function"]["function_name"]]
                yield _Item(table["alias"].casefold(), [(n, origin) for n in names], open=True)
            case _:
                yield _Item("", [("", self.everything)], open=True)

    def _table(self, table: Node, known: Mapping[str, Columns]) -> Columns:
        name, schema = table["table_name"], table["schema_name"]
        if not schema and name.casefold() in known:
            return known[name.casefold()]
        for (own_schema, own_name), columns in self._relations.items():
            if own_name.casefold() == name.casefold() and own_schema == schema.casefold():
                place = label(own_schema, own_name)
                return [(column, Origin(frozenset({(place, column)}), plain=True)) for column in columns]
        return [("", self.everything)]

    # -- expressions --

    def _star(self, star: Node, scope: _Scope, known: Mapping[str, Columns]) -> Columns:
        if star.get("columns") or star.get("expr"):
            return [("", scope.everything)]
        only = star["relation_name"].casefold()
        left_out = {_column_name(entry).casefold() for entry in star["exclude_list"]}
        left_out |= {_column_name(entry).casefold() for entry in star.get("qualified_exclude_list", ())}
        replaced = {e["key"].casefold(): self._origin(e["value"], scope, known) for e in star["replace_list"]}
        renamed = {_column_name(e["key"]).casefold(): e["value"] for e in star.get("rename_list", ())}
        found: Columns = []
        for item in scope.items:
            if only and item.name != only:
                continue
            for name, origin in item.columns:
                folded = name.casefold()
                if folded not in left_out:
                    found.append((renamed.get(folded, name), replaced.get(folded, origin)))
        return found

    def _origin(self, expression: Any, scope: _Scope, known: Mapping[str, Columns]) -> Origin:
        """What an expression is computed from; plain only where it is a column by itself."""
        if isinstance(expression, Mapping) and expression.get("class") == "COLUMN_REF":
            return self._column(expression["column_names"], scope)
        return merged(self._parts(expression, scope, known))

    def _parts(self, node: Any, scope: _Scope, known: Mapping[str, Columns]) -> Iterator[Origin]:
        match node:
            case {"class": "COLUMN_REF", "column_names": names}:
                yield self._column(names, scope)
            case {"class": "LAMBDA", "lhs": parameters, "expr": body}:
                hidden = scope.hidden | {n.casefold() for n in _parameters(parameters)}
                yield from self._parts(body, _Scope(scope.items, scope.outer, scope.aliases, hidden), known)
            case {"class": "SUBQUERY", "subquery": subquery}:
                yield from (origin for _, origin in self.query(subquery["node"], known, scope))
                yield from self._parts(node.get("child"), scope, known)
            case {"class": "STAR"}:
                yield scope.everything
            case Mapping():
                for part in node.values():
                    yield from self._parts(part, scope, known)
            case list():
                for part in node:
                    yield from self._parts(part, scope, known)
            case _:
                return

    def _column(self, names: Sequence[str], scope: _Scope) -> Origin:
        first = names[0].casefold()
        if first in scope.hidden:
            return NOTHING
        here: _Scope | None = scope
        while here:
            if (origin := _named(names, here)) is not None:
                return origin
            here = here.outer
        return scope.everything


def _named(names: Sequence[str], scope: _Scope) -> Origin | None:
    """What *names* (`column`, `item.column`, `schema.item.column`, then struct members) mean in *scope* itself."""
    folded = [name.casefold() for name in names]
    for start in range(min(2, len(folded))):
        for item in scope.items:
            if item.name == folded[start]:
                if len(folded) == start + 1:
                    return item.whole
                found = [o for n, o in item.columns if n.casefold() == folded[start + 1]]
                if found:
                    return _only(found) if len(folded) == start + 2 else merged(found)
                if item.open:
                    return item.whole
    found = [origin for item in scope.items for name, origin in item.columns if name.casefold() == folded[0]]
    if found:
        return _only(found) if len(folded) == 1 else merged(found)
    if folded[0] in scope.aliases:
        return scope.aliases[folded[0]]
    opened = [item.whole for item in scope.items if item.open]
    return merged(opened) if opened else None


def _renamed(columns: Columns, aliases: Sequence[str]) -> Columns:
    return [(aliases[i] if i < len(aliases) else name, origin) for i, (name, origin) in enumerate(columns)]


def _own_name(expression: Node) -> str:
    names = expression.get("column_names")
    return names[-1] if names else ""


def _column_name(entry: Any) -> str:
    return str(entry["column"]) if isinstance(entry, Mapping) else str(entry)


def _parameters(node: Any) -> Iterator[str]:
    match node:
        case {"class": "COLUMN_REF", "column_names": names}:
            yield names[0]
        case Mapping():
            for part in node.values():
                yield from _parameters(part)
        case list():
            for part in node:
                yield from _parameters(part)
        case _:
            return
