"""Whether the answer of a SELECT may depend on the order in which rows come.

Rows come in any order, so whatever picks or numbers some of them needs an order without ties, or ties that nobody can tell
apart. Known are the keys of the relations that are called; what follows from them by joins, groups and conditions is
computed, column by column. What cannot be seen to be settled is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from erpoa_cli.core.relation import ACTUAL, SCHEMAS

Keys = Mapping[str, Sequence[str]]
"""Relation → its key, as it is declared."""
Attribute = tuple[str, str]
"""A relation of a FROM, by its alias, and a column of it; all in lower case."""

_PICKS = (exp.First, exp.Last, exp.AnyValue, exp.ArrayAgg, exp.GroupConcat)
_NAMED = frozenset({"arbitrary", "json_group_array"})  # that sqlglot does not know
_NUMBERS = (exp.RowNumber, exp.Ntile, exp.Lag, exp.Lead)
_VALUES = (exp.FirstValue, exp.LastValue, exp.NthValue)
_FLOATING = (
    exp.Div, exp.Sqrt, exp.Cbrt, exp.Ln, exp.Log, exp.Exp, exp.Pow, exp.Sin, exp.Cos, exp.Tan, exp.Asin, exp.Acos, exp.Atan,
    exp.Atan2, exp.Avg, exp.TimeToUnix, exp.Radians, exp.Degrees, exp.Pi, exp.Median, exp.PercentileCont, exp.JarowinklerSimilarity,
)  # fmt: skip
_FLOATING_NAMES = frozenset(
    [
        "log2",
        "log10",
        "power",
        "fdiv",
        "gamma",
        "lgamma",
        "jaccard",
        "jaro_similarity",
        "list_avg",
        "list_distance",
        "list_cosine_similarity",
        "list_cosine_distance",
        "list_inner_product",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
        "cot",
        "julian",
    ]
)
_FLOATS = frozenset({exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT})


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What may answer in several ways, at which node of the tree, and what settles it."""

    node: exp.Expr
    what: str
    remedy: str


@dataclass(slots=True)
class _Item:
    """A relation of a FROM: sets of columns of which no two rows have the same values, and what it is computed by."""

    keys: Sequence[frozenset[str]] = ()
    query: exp.Expr | None = None  # of a subquery
    columns: frozenset[str] | None = None  # None: not known here


@dataclass(slots=True)
class _From:
    """What a SELECT reads: relations by alias, and which column gives which: `implied` (from, to)."""

    items: dict[str, _Item] = field(default_factory=dict)
    implied: list[tuple[frozenset[Attribute], Attribute]] = field(default_factory=list)
    fixed: set[Attribute] = field(default_factory=set)


def unsettled(root: exp.Expr, keys: Keys) -> Iterator[Unsettled]:
    """Everything in *root* whose answer may depend on the order of rows."""
    judge = _Judge(keys)
    for select in root.find_all(exp.Select):
        yield from judge.select(select)
    for union in root.find_all(exp.SetOperation):
        if union.args.get("limit") or union.args.get("offset"):
            yield from judge.limited_union(union)


class _Judge:
    def __init__(self, keys: Keys) -> None:
        self._keys = {name.casefold(): frozenset(k.casefold() for k in key) for name, key in keys.items()}
        self._froms: dict[int, _From] = {}

    # -- what is judged --

    def select(self, select: exp.Select) -> Iterator[Unsettled]:
        for join in select.args.get("joins") or ():
            method = str(join.args.get("method") or "").upper()
            if method == "POSITIONAL":
                yield Unsettled(join, "a positional join", "Join by columns: `join … on …`.")
            if method == "ASOF" and not self._asof(select, join):
                yield Unsettled(
                    join, "an asof join", f"Compare {self._key_words(select)}, so that one row fits."
                )
        for node in _own(select):
            match node:
                case exp.Window() if not isinstance(node.this, exp.Identifier):
                    yield from self._window(select, node)
                case exp.ArgMax() | exp.ArgMin():
                    by = [*self._group(select), node.expression]
                    if not self._determined(select, by, [node.this]):
                        yield Unsettled(
                            node,
                            f"{_name(node)}() with equal values",
                            f"Write `first(… order by …, {self._key_words(select, by)})`: then one row is meant.",
                        )
                case exp.Order() if node.this is not None and _picks(node.parent):
                    yield from self._picked(select, node)
                case exp.Sum() | exp.Avg() if self._floats(select, node.this) and not self._sorted(
                    select, node
                ):
                    name = _name(node)
                    yield Unsettled(
                        node,
                        f"{name}() of floating-point numbers",
                        f"Their sum depends on the order: {name}(cast(… as decimal(18,6))), with the digits that count.",
                    )
                case exp.Column() if node.name.casefold() == "rowid":
                    yield Unsettled(
                        node, "rowid", f"It is the order in which rows came. Use {self._key_words(select)}."
                    )
                case _:
                    pass
        limited = select.args.get("limit") or select.args.get("offset")
        order = select.args.get("order")
        distinct = select.args.get("distinct")
        if order is not None and limited is not None and not self._ordered(select, order.expressions):
            yield Unsettled(
                limited,
                "limit among rows that are equal in ORDER BY",
                f"Add {self._key_words(select)} to ORDER BY.",
            )
        if order is not None and distinct is not None and (on := distinct.args.get("on")) is not None:
            columns = on.expressions if isinstance(on, exp.Tuple) else [on]
            if not self._ordered(select, [*columns, *order.expressions]):
                yield Unsettled(
                    columns[0],
                    "distinct on among rows that are equal in ORDER BY",
                    f"Add {self._key_words(select)} to ORDER BY.",
                )

    def limited_union(self, union: exp.SetOperation) -> Iterator[Unsettled]:
        order = union.args.get("order")
        names = _outputs(union)
        given = {_bare(one).name.casefold() for one in order.expressions} if order is not None else set()
        if order is not None and _is_all(order.expressions):
            return
        if names is None or not set(names) <= given:
            yield Unsettled(
                union.args.get("limit") or union, "limit after a union", "Order by all its columns."
            )

    def _picked(self, select: exp.Select, order: exp.Order) -> Iterator[Unsettled]:
        function = order.parent
        assert function is not None
        value = order.this
        given = value.expressions if isinstance(value, exp.Distinct) else [value]
        by = [*self._group(select), *order.expressions]
        if not self._determined(select, by, given):
            missing = self._key_words(select, by)
            yield Unsettled(
                function,
                f"{_name(function)}() among rows that are equal in its ORDER BY",
                f"Add {missing} to it: `order by …, {missing}`.",
            )

    def _window(self, select: exp.Select, window: exp.Window) -> Iterator[Unsettled]:
        function = window.this
        while isinstance(function, exp.IgnoreNulls | exp.RespectNulls | exp.Filter):
            function = function.this
        partition, order, spec = _over(select, window)
        by = [*partition, *(order.expressions if order is not None else ())]
        settled = True
        rows = spec is not None and str(spec.args.get("kind") or "").upper() == "ROWS"
        if isinstance(function, _NUMBERS):
            settled = self._one_row(select, by) or self._interchangeable(select, by)
        elif isinstance(function, _VALUES) and not rows:
            settled = self._one_row(select, by) or self._determined(select, by, [function.this])
        elif rows or isinstance(function, (*_VALUES, *_PICKS)):
            settled = self._one_row(select, by)
        if not settled:
            missing = self._key_words(select, by)
            yield Unsettled(
                window,
                f"{_name(function)}() among rows that are equal in its ORDER BY",
                f"Add {missing} to it: `over (… order by …, {missing})`.",
            )

    # -- what settles it --

    def _determined(self, select: exp.Select, by: Sequence[exp.Expr], given: Iterable[exp.Expr]) -> bool:
        """Whether rows that are equal in *by* are equal in all that is *given*."""
        known, closed = {_bare(one).sql() for one in by}, self._closure(select, by)
        return self._is_total(select, closed) or all(
            value.sql() in known
            or (
                not value.find(exp.Subquery, exp.Window, exp.Star)
                and all(self._is_same(select, column, closed) for column in value.find_all(exp.Column))
            )
            for value in given
        )

    def _total(self, select: exp.Select, by: Sequence[exp.Expr]) -> bool:
        """Whether no two rows of what is read are equal in *by*."""
        return self._is_total(select, self._closure(select, by))

    def _is_total(self, select: exp.Select, closed: _Closed) -> bool:
        return all((alias, "*") in closed for alias in self._from(select).items)

    def _one_row(self, select: exp.Select, by: Sequence[exp.Expr]) -> bool:
        """Whether no two rows of the answer, before DISTINCT, are equal in *by*: they are those of what is read, or groups."""
        if select.args.get("group") is not None:
            known, closed = {self._meant(select, _bare(one)).sql() for one in by}, self._closure(select, by)
            return all(
                one.sql() in known or (isinstance(one, exp.Column) and self._is_same(select, one, closed))
                for one in self._group(select)
            )
        return any(_aggregates(p) for p in select.expressions) or self._total(select, by)

    def _is_same(self, select: exp.Select, column: exp.Column, closed: _Closed) -> bool:
        """Whether *column* is settled by *closed*; what belongs to a SELECT around this one is the same for all its rows."""
        attribute = self._attribute(select, column)
        return attribute in closed or (attribute[0] not in {"", *self._from(select).items})

    def _interchangeable(self, select: exp.Select, by: Sequence[exp.Expr]) -> bool:
        """Whether rows that are equal in *by* are equal in all that the SELECT looks at."""
        if any(p.is_star for p in select.expressions):
            return False
        looked = [*select.expressions, *filter(None, [select.args.get("qualify"), select.args.get("order")])]
        mine = {id(column) for one in by for column in one.find_all(exp.Column)}
        closed = self._closure(select, by)
        aliases = {p.alias.casefold() for p in select.expressions if p.alias}
        return all(
            id(column) in mine
            or (not column.table and column.name.casefold() in aliases)
            or self._is_same(select, column, closed)
            for part in looked
            for column in part.find_all(exp.Column)
        )

    def _ordered(self, select: exp.Select, by: Sequence[exp.Expr]) -> bool:
        """Whether no two rows of the answer are equal in *by*, or are equal altogether."""
        given = [self._meant(select, _bare(one)) for one in by]
        if _is_all(by) or self._one_row(select, given):
            return True
        known, closed = {one.sql() for one in given}, self._closure(select, given)
        for projection in select.expressions:
            value = projection.unalias()
            plain = not value.find(exp.AggFunc, exp.Window, exp.Star, exp.Subquery, exp.Anonymous)
            same = plain and all(self._is_same(select, c, closed) for c in value.find_all(exp.Column))
            if value.sql() not in known and not same:
                return False
        return True

    def _meant(self, select: exp.Select, one: exp.Expr) -> exp.Expr:
        """What a column of ORDER BY means: a number is a place, a name may be that of a column of the answer."""
        if isinstance(one, exp.Literal) and not one.is_string and one.this.isdigit():
            place = int(one.this) - 1
            return select.expressions[place].unalias() if place < len(select.expressions) else one
        if isinstance(one, exp.Column) and not one.table:
            for projection in select.expressions:
                if projection.alias.casefold() == one.name.casefold():
                    return projection.unalias()
        return one

    def _asof(self, select: exp.Select, join: exp.Join) -> bool:
        alias = _alias(join.this)
        item = self._from(select).items.get(alias)
        on = join.args.get("on")
        compared = (
            {c.name.casefold() for c in on.find_all(exp.Column) if c.table.casefold() == alias}
            if on
            else set()
        )
        compared |= {name.name.casefold() for name in join.args.get("using") or ()}
        return item is not None and any(key <= compared for key in item.keys)

    # -- which columns give which --

    def _closure(self, select: exp.Select, by: Iterable[exp.Expr]) -> _Closed:
        """The columns that rows which are equal in *by* have in common; (alias, "*") where they are the same row of it."""
        source = self._from(select)
        closed = _Closed(source.fixed)
        for one in by:
            if isinstance(bare := _bare(one), exp.Column):
                closed.add(self._attribute(select, bare))
        grown = True
        while grown:
            grown = False
            for alias, item in source.items.items():
                if (alias, "*") not in closed and any(
                    all((alias, column) in closed for column in key) for key in item.keys
                ):
                    closed.add((alias, "*"))
                    grown = True
            for given, then in source.implied:
                if then not in closed and all(one in closed for one in given):
                    closed.add(then)
                    grown = True
        return closed

    def _attribute(self, select: exp.Select, column: exp.Column) -> Attribute:
        items = self._from(select).items
        name, table = column.name.casefold(), column.table.casefold()
        if table:
            return table, name
        if len(items) == 1:
            return next(iter(items)), name
        for join in select.args.get("joins") or ():
            if any(name == using.name.casefold() for using in join.args.get("using") or ()):
                return next(iter(items)), name
        having = [alias for alias, item in items.items() if item.columns is not None and name in item.columns]
        unknown = [alias for alias, item in items.items() if item.columns is None]
        return (having[0], name) if len(having) == 1 and not unknown else ("", name)

    def _from(self, select: exp.Select) -> _From:
        found = self._froms.get(id(select))
        if found is None:
            found = self._froms[id(select)] = _From()
            self._read(select, found)
        return found

    def _read(self, select: exp.Select, found: _From) -> None:
        first = select.args.get("from_") or select.args.get("from")
        if first is not None:
            found.items[_alias(first.this)] = self._item(first.this)
        for join in select.args.get("joins") or ():
            alias, side = _alias(join.this), str(join.args.get("side") or "").upper()
            kind = str(join.args.get("kind") or "").upper()
            if kind in {"SEMI", "ANTI"}:
                continue
            earlier = list(found.items)
            found.items[alias] = self._item(join.this)
            if side in {"RIGHT", "FULL"}:
                found.items[alias] = _Item()  # rows of one side may be there without the other
                continue
            for left, right in self._equal(select, join.args.get("on")):
                self._imply(found, left, right, alias, inner=side != "LEFT")
            for name in join.args.get("using") or ():
                for other in earlier[:1]:
                    self._imply(
                        found,
                        (other, name.name.casefold()),
                        (alias, name.name.casefold()),
                        alias,
                        inner=side != "LEFT",
                    )
            if side == "LEFT" and (on := join.args.get("on")) is not None:
                for attribute in self._constant(select, on):
                    if attribute[0] == alias:
                        found.implied.append((frozenset(), attribute))
            elif join.args.get("on") is not None:
                found.fixed |= set(self._constant(select, join.args["on"]))
        where = select.args.get("where")
        if where is not None:
            found.fixed |= set(self._constant(select, where.this))
            for left, right in self._equal(select, where.this):
                found.implied += [(frozenset({left}), right), (frozenset({right}), left)]

    def _imply(self, found: _From, left: Attribute, right: Attribute, alias: str, *, inner: bool) -> None:
        """An equality of a join: of a left join the joined relation follows from the others, and not the other way round."""
        for given, then in ((left, right), (right, left)):
            if inner or then[0] == alias:
                found.implied.append((frozenset({given}), then))

    def _equal(self, select: exp.Select, condition: exp.Expr | None) -> Iterator[tuple[Attribute, Attribute]]:
        for one in _conjuncts(condition):
            if (
                isinstance(one, exp.EQ)
                and isinstance(one.this, exp.Column)
                and isinstance(one.expression, exp.Column)
            ):
                yield self._attribute(select, one.this), self._attribute(select, one.expression)

    def _constant(self, select: exp.Select, condition: exp.Expr | None) -> Iterator[Attribute]:
        for one in _conjuncts(condition):
            if isinstance(one, exp.EQ):
                for column, value in ((one.this, one.expression), (one.expression, one.this)):
                    if isinstance(column, exp.Column) and isinstance(value, exp.Literal | exp.Boolean):
                        yield self._attribute(select, column)
            elif (
                isinstance(one, exp.Is)
                and isinstance(one.this, exp.Column)
                and isinstance(one.expression, exp.Null)
            ):
                yield self._attribute(select, one.this)

    def _item(self, source: exp.Expr) -> _Item:
        match source:
            case exp.Table() if isinstance(source.this, exp.Identifier):
                if source.db == ACTUAL:
                    return _Item()
                if source.db in SCHEMAS.values():
                    key = self._keys.get(source.name.casefold())
                    return _Item((key,) if key else ())
                query = _cte(source)
                return self._subquery(query) if query is not None else _Item()
            case exp.Subquery():
                return self._subquery(source.this)
            case exp.Table() | exp.Unnest() | exp.Lateral():
                return _Item()
            case _:
                return _Item()

    def _subquery(self, query: exp.Expr) -> _Item:
        names = _outputs(query)
        columns = frozenset(names) if names is not None else None
        if isinstance(query, exp.SetOperation):
            unique = bool(query.args.get("distinct")) and names is not None
            return _Item((frozenset(names or ()),) if unique else (), query, columns)
        if not isinstance(query, exp.Select):
            return _Item((), query, columns)
        return _Item(tuple(self._unique(query)), query, columns)

    def _unique(self, select: exp.Select) -> Iterator[frozenset[str]]:
        """Sets of output columns of which no two rows have the same values."""
        names = _outputs(select)
        distinct = select.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is None and names is not None:
            yield frozenset(names)
        if select.args.get("group") is not None:
            if (found := self._given(select, self._group(select))) is not None:
                yield found
            return
        if any(_aggregates(p) for p in select.expressions):
            yield frozenset()  # one row
            return
        if distinct is not None and (on := distinct.args.get("on")) is not None:
            columns = on.expressions if isinstance(on, exp.Tuple) else [on]
            if (found := self._given(select, columns)) is not None:
                yield found
        qualify = select.args.get("qualify")
        for one in _conjuncts(qualify.this if qualify is not None else None):
            if (
                isinstance(one, exp.EQ)
                and isinstance(one.this, exp.Window)
                and isinstance(one.this.this, exp.RowNumber)
            ):
                partition, _, _ = _over(select, one.this)
                if one.expression.sql() == "1" and (found := self._given(select, partition)) is not None:
                    yield found
        yield from self._kept(select)

    def _kept(self, select: exp.Select) -> Iterator[frozenset[str]]:
        """The keys of what is read, as far as they are columns of the answer."""
        source = self._from(select)
        if not source.items or any(not item.keys for item in source.items.values()):
            return
        chosen = {alias: next(iter(item.keys)) for alias, item in source.items.items()}
        for alias in reversed(list(chosen)):
            rest = {a: key for a, key in chosen.items() if a != alias}
            columns = [_column(a, name) for a, key in rest.items() for name in key]
            if all((a, "*") in self._closure(select, columns) for a in source.items):
                chosen = rest
        found = self._given(select, [_column(a, name) for a, key in chosen.items() for name in key])
        if found is not None:
            yield found

    def _given(self, select: exp.Select, values: Sequence[exp.Expr]) -> frozenset[str] | None:
        """The names under which the answer has *values*; None where it lacks one."""
        named: dict[Attribute | str, str] = {}
        stars: set[str] = set()
        for projection in select.expressions:
            value = projection.unalias()
            if (
                isinstance(value, exp.Star)
                and not value.args.get("except_")
                and not value.args.get("replace")
            ):
                stars |= set(self._from(select).items)
            elif isinstance(value, exp.Column) and isinstance(value.this, exp.Star):
                stars.add(value.table.casefold())
            elif isinstance(value, exp.Column):
                named.setdefault(self._attribute(select, value), projection.output_name.casefold())
            elif projection.alias:
                named.setdefault(value.sql(), projection.alias.casefold())
        found = set()
        for value in values:
            attribute = self._attribute(select, value) if isinstance(value, exp.Column) else None
            name = named.get(attribute if attribute is not None else value.sql())
            if name is None and attribute is not None:
                name = next(
                    (named[other] for other in self._equals(select, attribute) if other in named), None
                )
            if name is None and attribute is not None and attribute[0] in stars:
                name = attribute[1]
            if name is None:
                return None
            found.add(name)
        return frozenset(found)

    def _equals(self, select: exp.Select, attribute: Attribute) -> Iterator[Attribute]:
        """The columns that have the same value in every row."""
        implied = self._from(select).implied
        for given, then in implied:
            if then == attribute and len(given) == 1:
                [other] = given
                if (frozenset({attribute}), other) in implied:
                    yield other

    def _group(self, select: exp.Select) -> list[exp.Expr]:
        group = select.args.get("group")
        if group is None:
            return []
        if group.args.get("all"):
            return [p.unalias() for p in select.expressions if not _aggregates(p)]
        return [one if self._has(select, one) else self._meant(select, one) for one in group.expressions]

    def _has(self, select: exp.Select, one: exp.Expr) -> bool:
        """Whether what is read is known to have the column *one*: then that is meant, and not one of the answer."""
        name = one.name.casefold() if isinstance(one, exp.Column) else ""
        return any(
            name in key or name in (item.columns or ())
            for item in self._from(select).items.values()
            for key in item.keys or [frozenset[str]()]
        )

    # -- numbers whose sum depends on the order --

    def _floats(self, select: exp.Select, value: exp.Expr | None, depth: int = 0) -> bool:
        """Whether *value* may be a floating-point number: no declared type is, so it is one of the SELECT's own making."""
        if value is None or depth > 20:
            return False
        match value:
            case exp.Cast():  # TRY_CAST is one, too
                return value.to.this in _FLOATS
            case exp.Literal():
                return not value.is_string and "e" in str(value.this).lower()
            case exp.Column():
                return self._floating_column(select, value, depth)
            case exp.Count() | exp.IntDiv() | exp.Predicate():
                return False
            case exp.Case():
                results = [branch.args.get("true") for branch in value.args.get("ifs") or ()]
                return any(
                    self._floats(select, one, depth + 1) for one in [*results, value.args.get("default")]
                )
            case _ if isinstance(value, _FLOATING):
                return True
            case exp.Anonymous() if value.name.lower() in _FLOATING_NAMES:
                return True
            case exp.Window() | exp.Filter():
                return self._floats(select, value.this, depth + 1)
            case exp.Subquery() | exp.Query():
                return False
            case _:
                return any(self._floats(select, one, depth + 1) for one in value.iter_expressions())

    def _sorted(self, select: exp.Select, function: exp.Expr) -> bool:
        """Whether the rows of *function* come to it in an order of their own."""
        order = function.this
        return isinstance(order, exp.Order) and self._total(
            select, [*self._group(select), *order.expressions]
        )

    def _floating_column(self, select: exp.Select, column: exp.Column, depth: int) -> bool:
        alias, name = self._attribute(select, column)
        item = self._from(select).items.get(alias)
        for query in _selects(item.query if item is not None else None):
            for projection in query.expressions:
                if projection.output_name.casefold() == name and self._floats(
                    query, projection.unalias(), depth + 1
                ):
                    return True
        return False

    def _key_words(self, select: exp.Select, by: Sequence[exp.Expr] = ()) -> str:
        """What is missing in *by*, in words."""
        items, closed, by = self._from(select).items, self._closure(select, by), list(by)
        keys = []
        for alias, item in items.items():
            for name in sorted(next(iter(item.keys), ())):
                if (alias, name) not in closed:
                    keys.append(f"{alias}.{name}" if len(items) > 1 else name)
                    by.append(_column(alias, name))
                    closed = self._closure(select, by)
        return ", ".join(keys) or "the columns that tell its rows apart (declare a `key`)"


class _Closed(set[Attribute]):
    """Columns that are the same; all of a row that is the same."""

    def __contains__(self, one: object) -> bool:
        return super().__contains__(one) or (isinstance(one, tuple) and super().__contains__((one[0], "*")))


def _own(select: exp.Select) -> Iterator[exp.Expr]:
    """The nodes of *select* that are not those of a SELECT within it."""
    for node in select.walk(
        prune=lambda n: n is not select and isinstance(n, exp.Query) and not isinstance(n, exp.Subquery)
    ):
        if node is select or not isinstance(node, exp.Select):
            yield node


def _picks(node: exp.Expr | None) -> bool:
    return isinstance(node, _PICKS) or (isinstance(node, exp.Anonymous) and node.name.lower() in _NAMED)


def _over(select: exp.Select, window: exp.Window) -> tuple[list[exp.Expr], exp.Order | None, exp.Expr | None]:
    """PARTITION BY, ORDER BY and frame of *window*, with what a named one gives."""
    partition, order, spec = (
        list(window.args.get("partition_by") or ()),
        window.args.get("order"),
        window.args.get("spec"),
    )
    name = window.args.get("alias")
    if name is not None:
        for named in select.args.get("windows") or ():
            if named.name.casefold() == name.name.casefold():
                partition = partition or list(named.args.get("partition_by") or ())
                order, spec = order or named.args.get("order"), spec or named.args.get("spec")
    return partition, order, spec


def _aggregates(node: exp.Expr) -> bool:
    """Whether *node* is computed over the rows of a group."""
    return any(
        not isinstance(one.find_ancestor(exp.Window, exp.Query), exp.Window)
        for one in node.find_all(exp.AggFunc)
    ) or any(one.name.lower() in _NAMED for one in node.find_all(exp.Anonymous))


def _conjuncts(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    match condition:
        case None:
            return
        case exp.And():
            yield from _conjuncts(condition.this)
            yield from _conjuncts(condition.expression)
        case exp.Paren():
            yield from _conjuncts(condition.this)
        case _:
            yield condition


def _bare(one: exp.Expr) -> exp.Expr:
    """What is ordered by, without the direction."""
    return one.this if isinstance(one, exp.Ordered) else one


def _is_all(by: Sequence[exp.Expr]) -> bool:
    return len(by) == 1 and isinstance(_bare(by[0]), exp.Var) and _bare(by[0]).name.upper() == "ALL"


def _alias(source: exp.Expr) -> str:
    return str(source.alias_or_name).casefold()


def _column(table: str, name: str) -> exp.Column:
    return exp.column(name, table=table)


def _outputs(query: exp.Expr) -> list[str] | None:
    """The names of the columns of *query*; None where a star hides them."""
    first = next(_selects(query), None)
    if first is None or any(p.is_star for p in first.expressions):
        return None
    return [p.output_name.casefold() for p in first.expressions]


def _selects(query: exp.Expr | None) -> Iterator[exp.Select]:
    match query:
        case exp.Select():
            yield query
        case exp.SetOperation():
            yield from _selects(query.this)
            yield from _selects(query.expression)
        case exp.Subquery():
            yield from _selects(query.this)
        case _:
            return


def _cte(table: exp.Table) -> exp.Expr | None:
    name, node = table.name.casefold(), table.parent
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        for cte in with_.expressions if with_ is not None else ():
            if cte.alias.casefold() == name:
                inside = table.find_ancestor(exp.CTE)
                return None if inside is cte or cte.args["alias"].args.get("columns") else cte.this
        node = node.parent
    return None


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return _SPOKEN.get(type(node), node.sql_name().lower() if isinstance(node, exp.Func) else "this")


_SPOKEN: Mapping[type[exp.Expr], str] = {
    exp.ArrayAgg: "list",
    exp.GroupConcat: "string_agg",
    exp.ArgMax: "arg_max",
    exp.ArgMin: "arg_min",
}
