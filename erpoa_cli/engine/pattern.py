"""Folding many changes into the few patterns that explain them, columnar, over a plan's table of one target.

Every changed field of every row gets the labels that describe what happened to it ("trimmed", "prefix +86
removed", `"A" → "B"`); the label that most rows share wins. A row is folded when all its changed fields are told
by labels that enough rows share; the others are the outliers a person should see one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from erpoa_cli.core.columns import NOW, PENDING, WANTED
from erpoa_cli.core.schema import Kind, literal
from erpoa_cli.core.situation import EDITS
from erpoa_cli.state import FieldLayout, Layout

Ask = Callable[[str, Mapping[str, pa.Table]], pa.Table]
"""Answers SQL over the given Arrow tables."""

LEAST = 5  # rows that make a pattern
MOST = 12  # patterns of one target; the rarer ones are told row by row
_EXAMPLES = 2
_LONGEST = 40  # characters of a value in a label
_SHIFTED = 64  # characters of texts that are searched for a replaced part

_FULL = "".join(chr(c) for c in range(0xFF01, 0xFF5F)) + "\u3000"
_HALF = "".join(chr(c) for c in range(0x21, 0x7F)) + " "


@dataclass(frozen=True, slots=True)
class Folded:
    """`patterns`: rows of (action, cause, field, what, rows, examples: ordinals), most rows first; `outliers`:
    ordinals of the rows that they do not wholly tell, ascending. No outlier is an example, and a pattern of
    outliers only is none: a row shown as an example of one field's change has no other that nobody saw."""

    patterns: pa.Table
    outliers: pa.Table


def fold(changes: pa.Table, layout: Layout, ask: Ask) -> Folded:
    """The patterns of the updates in *changes* (columns of `layout.plan_schema(sealed=True)`)."""
    labelled = ask(_labelled(layout, changes.schema.names), {"changes": changes})
    common = ask(_COMMON, {"labelled": labelled})
    outliers = ask(_OUTLIERS, {"labelled": labelled, "patterns": common, "changes": changes.select(_SLIM)})
    patterns = ask(_PATTERNS, {"labelled": labelled, "patterns": common, "outliers": outliers})
    return Folded(patterns, outliers)


_SLIM = ["ordinal", "action", "fields"]
FOLDABLE = tuple(action.value for action in EDITS)
"""The actions whose rows are folded."""

_COMMON = f"""
SELECT action, cause, field, what, count(*) AS rows
FROM labelled GROUP BY ALL HAVING count(*) >= {LEAST}
ORDER BY rows DESC, field, what, action, cause LIMIT {MOST}
"""

_PATTERNS = f"""
SELECT action, cause, field, what, any_value(p.rows) AS rows, list(ordinal ORDER BY ordinal)[1:{_EXAMPLES}] AS examples
FROM patterns p JOIN labelled l USING (action, cause, field, what) ANTI JOIN outliers o USING (ordinal)
GROUP BY action, cause, field, what ORDER BY rows DESC, field, what, action, cause
"""

_OUTLIERS = f"""
WITH told AS (
    SELECT l.ordinal, count(*) AS fields
    FROM labelled l SEMI JOIN patterns p USING (action, cause, field, what)
    GROUP BY l.ordinal
)
SELECT c.ordinal FROM changes c LEFT JOIN told t USING (ordinal)
WHERE c.action IN {FOLDABLE} AND coalesce(t.fields, 0) < len(c.fields)
ORDER BY c.ordinal
"""


def _labelled(layout: Layout, columns: Sequence[str]) -> str:
    """SQL: one row (ordinal, action, cause, field, what) per changed field that has a label; of several labels the
    one that most rows share, the more exact one when they tie."""
    parts = [
        f"SELECT ordinal, action, cause, {literal(name)} AS field, unnest(labels) AS what, "
        f"generate_subscripts(labels, 1) AS rank FROM (SELECT ordinal, action, cause, "
        f"list_filter([{', '.join(_labels(name, field, columns))}]::VARCHAR[], lambda x: x IS NOT NULL) AS labels "
        f"FROM changes WHERE action IN {FOLDABLE} AND list_contains(fields, {literal(name)}))"
        for name, field in layout.fields.items()
    ]
    return f"""
WITH every AS ({" UNION ALL ".join(parts)}),
popular AS (SELECT action, cause, field, what, count(*) AS rows FROM every GROUP BY ALL)
SELECT e.ordinal, e.action, e.cause, e.field, arg_max(e.what, {{'rows': p.rows, 'rank': -e.rank}}) AS what
FROM every e JOIN popular p USING (action, cause, field, what)
GROUP BY e.ordinal, e.action, e.cause, e.field
"""


def _labels(name: str, field: FieldLayout, columns: Sequence[str]) -> Iterator[str]:
    """SQL expressions, each a label or NULL, the most exact first."""
    if field.sealed:
        yield "'changed (sensitive)'"
        return
    if field.type.item is not None and field.type.item.kind is Kind.STRUCT:
        yield "'lines changed'"
        return
    before, after = NOW.sql(name), WANTED.sql(name)
    if PENDING(name) in columns:
        yield f"CASE WHEN {PENDING.sql(name)} IS NOT NULL THEN 'set to what another row gives' END"
        known = f"{PENDING.sql(name)} IS NULL"
    else:
        known = "true"
    both = f"{known} AND {before} IS NOT NULL AND {after} IS NOT NULL"
    yield f"CASE WHEN {known} THEN ({_shown(before, field)}) || ' → ' || ({_shown(after, field)}) END"
    yield f"CASE WHEN {known} AND {before} IS NULL AND {after} IS NOT NULL THEN 'was NULL' END"
    yield f"CASE WHEN {known} AND {before} IS NOT NULL AND {after} IS NULL THEN 'now NULL' END"
    for label in _of_kind(field.type.kind, before, after):
        yield f"CASE WHEN {both} THEN {label} END"
    yield f"CASE WHEN {known} THEN 'now ' || ({_shown(after, field)}) END"


def _of_kind(kind: Kind, before: str, after: str) -> Iterator[str]:
    match kind:
        case Kind.STRING:
            yield from _text(before, after)
        case Kind.INTEGER | Kind.DECIMAL:
            yield from _number(before, after)
        case Kind.DATE:
            yield _shift(f"date_diff('day', {before}, {after})", "' day' || {s}")
        case Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            yield from _moment(before, after)
        case _:
            pass


def _shown(value: str, field: FieldLayout) -> str:
    """SQL for *value* in a label: strings in quotes, NULL as the word. A long value gives no label, for a cut one
    would claim that different values are the same."""
    text = f"'\"' || {value} || '\"'" if field.type.kind is Kind.STRING else f"CAST({value} AS VARCHAR)"
    return f"CASE WHEN {value} IS NULL THEN 'NULL' WHEN length({text}) <= {_LONGEST} THEN {text} END"


def _text(before: str, after: str) -> Iterator[str]:
    """Labels of a text; conditions compare whole texts, so a label is exactly true."""
    half = f"translate({before}, {literal(_FULL)}, {literal(_HALF)})"
    space = "'^[\\s\u00a0\u3000]+|[\\s\u00a0\u3000]+$'"
    trimmed = f"regexp_replace({before}, {space}, '', 'g')"
    marks = "'[\\s\\-()./]'"
    bare_before = f"regexp_replace({before}, {marks}, '', 'g')"
    bare_after = f"regexp_replace({after}, {marks}, '', 'g')"
    yield f"CASE WHEN {before} = '' THEN 'was \"\"' WHEN {after} = '' THEN 'now \"\"' END"
    yield f"CASE WHEN {after} = {trimmed} THEN 'trimmed' END"
    yield f"CASE WHEN {after} = {half} THEN 'full-width → half-width' END"
    yield (
        f"CASE WHEN {after} = regexp_replace({half}, {space}, '', 'g') AND {after} NOT IN ({half}, {trimmed}) "
        "THEN 'full-width → half-width, trimmed' END"
    )
    yield (
        f"CASE WHEN lower({before}) = lower({after}) THEN CASE {after} WHEN upper({before}) THEN 'upper-cased' "
        f"WHEN lower({before}) THEN 'lower-cased' ELSE 'letter case changed' END END"
    )
    yield f"CASE WHEN {bare_before} = {bare_after} THEN 'separators changed' END"
    yield (
        f"CASE WHEN ltrim({before}, '0') = ltrim({after}, '0') THEN CASE WHEN length({before}) < length({after}) "
        f"THEN 'leading zeros added' ELSE 'leading zeros removed' END END"
    )
    yield from _affix(before, after, "removed")
    yield from _affix(after, before, "added")
    yield _replaced(before, after)


def _affix(longer: str, shorter: str, what: str) -> Iterator[str]:
    rest = f"length({longer}) - length({shorter})"
    held = f"{shorter} <> '' AND {rest} BETWEEN 1 AND {_LONGEST}"
    yield (
        f"CASE WHEN {held} AND ends_with({longer}, {shorter}) "
        f"THEN 'prefix \"' || left({longer}, {rest}) || '\" {what}' END"
    )
    yield (
        f"CASE WHEN {held} AND starts_with({longer}, {shorter}) "
        f"THEN 'suffix \"' || right({longer}, {rest}) || '\" {what}' END"
    )


def _replaced(before: str, after: str) -> str:
    """The part between the common beginning and the common end: `"Ltd" replaced by "GmbH"`."""
    least = f"least(length({before}), length({after}))"
    head = f"len(list_filter(range(1, {least} + 1), lambda i: left({before}, i) = left({after}, i)))"
    tail = f"len(list_filter(range(1, {least} - h + 1), lambda i: right({before}, i) = right({after}, i)))"
    longest = f"greatest(length({before}), length({after}))"
    middle = "substr({0}, h + 1, length({0}) - h - t)"
    return f"""CASE WHEN length({before}) <= {_SHIFTED} AND length({after}) <= {_SHIFTED} THEN (
        SELECT CASE WHEN h + t = 0 OR {longest} - h - t > {_LONGEST} THEN NULL
            WHEN h + t = length({before}) THEN '"' || {middle.format(after)} || '" inserted'
            WHEN h + t = length({after}) THEN '"' || {middle.format(before)} || '" taken out'
            ELSE '"' || {middle.format(before)} || '" replaced by "' || {middle.format(after)} || '"' END
        FROM (SELECT h, {tail} AS t FROM (SELECT {head} AS h))) END"""


def _number(before: str, after: str) -> Iterator[str]:
    """Shifted by a constant, or scaled by a factor of at most six decimals, both exactly."""
    yield f"TRY({_shift(f'({after} - {before})', '{s}')})"
    factor = f"CAST(round(CAST({after} AS DOUBLE) / nullif(CAST({before} AS DOUBLE), 0), 6) AS DECIMAL(18,6))"
    exact = f"CAST({before} AS DECIMAL(20,6)) * {factor} = CAST({after} AS DECIMAL(20,6))"
    text = f"regexp_replace(CAST({factor} AS VARCHAR), '\\.?0+$', '')"
    divided = (
        f"regexp_replace(CAST(CAST(1 / CAST({factor} AS DOUBLE) AS DECIMAL(18,6)) AS VARCHAR), '\\.?0+$', '')"
    )
    small = f"{factor} IN (0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001)"
    yield f"TRY(CASE WHEN {before} <> 0 AND {exact} THEN 'scaled ' || CASE WHEN {small} THEN '÷' || {divided} ELSE '×' || {text} END END)"


def _shift(difference: str, unit: str) -> str:
    """`30 days later`, `0.50 lower`: unit `{s}` stands for nothing with numbers."""
    if unit == "{s}":
        return (
            f"CASE WHEN {difference} > 0 THEN CAST({difference} AS VARCHAR) || ' higher' "
            f"WHEN {difference} < 0 THEN CAST(-{difference} AS VARCHAR) || ' lower' END"
        )
    days = f"abs({difference})"
    return (
        f"CASE WHEN {difference} <> 0 THEN {days} || CASE WHEN {days} = 1 THEN ' day' ELSE ' days' END || "
        f"CASE WHEN {difference} > 0 THEN ' later' ELSE ' earlier' END END"
    )


def _moment(before: str, after: str) -> Iterator[str]:
    micros = f"date_diff('microsecond', {before}, {after})"
    size = f"abs({micros})"
    word = f"CASE WHEN {micros} > 0 THEN ' later' ELSE ' earlier' END"
    yield (
        f"CASE WHEN {micros} <> 0 AND {micros} % 3600000000 = 0 THEN {size} // 3600000000 || ' h' || {word} "
        f"WHEN {micros} <> 0 AND {micros} % 1000000 = 0 THEN {size} // 1000000 || ' s' || {word} END"
    )
    yield f"CASE WHEN {after} = date_trunc('second', {before}) THEN 'fraction of a second removed' END"
