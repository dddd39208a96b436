"""SQL rules of `policies/` over the plan's own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.columns import AGREED, KEY, NOW, SEEN, WANTED
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.guard import Measure
from erpoa_cli.core.plan import GuardVerdict, Read
from erpoa_cli.core.project import Rule
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, listed, table
from erpoa_cli.core.schema import literal
from erpoa_cli.core.situation import REMOVALS, Action, does
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import Layout

_SECONDS = 30.0
_SHOWN = 5


def judge_rules(
    rules: Sequence[Rule],
    staging: Staging,
    shapes: Sequence[Shape],
    layouts: Mapping[str, Layout],
    measures: Sequence[Measure],
    reads: Sequence[Read],
) -> tuple[list[GuardVerdict], list[Diagnostic]]:
    """Evaluate *rules*: a returned row is a finding. `block` blocks, and so does `approval` while it is not given;
    `warn` is told. A rule that cannot be evaluated is an error that blocks: nobody knows what it would have said."""
    if not rules:
        return [], []
    _tables(staging, shapes, layouts, measures, reads)
    verdicts: list[GuardVerdict] = []
    problems: list[Diagnostic] = []
    for rule in rules:
        try:
            with staging.limited(_SECONDS):
                rows = staging.sql(rule.sql)
        except SqlProblem as problem:
            problems.append(
                Diagnostic("E0433", f"rule {rule.name}: {problem.summary}", detail=problem.hint, at=rule.at)
            )
            verdicts.append(
                GuardVerdict(
                    f"rule:{rule.name}",
                    "",
                    0,
                    0,
                    "no rows",
                    True,
                    message=f"it cannot be evaluated ({rule.at})",
                    at=rule.at,
                )
            )
            continue
        examples = [", ".join(str(v) for v in row.values()) for row in rows.slice(0, _SHOWN).to_pylist()]
        more = rows.num_rows - len(examples)
        said = "; ".join(examples) + (f"; and {more:,} more" if more else "")
        blocks = rule.severity in ("block", "approval") and rows.num_rows > 0
        verdicts.append(
            GuardVerdict(
                f"rule:{rule.name}",
                "",
                rows.num_rows,
                0,
                f"no rows ({rule.severity})",
                blocks,
                message=said,
                at=rule.at,
            )
        )
    return verdicts, problems


def _tables(
    staging: Staging,
    shapes: Sequence[Shape],
    layouts: Mapping[str, Layout],
    measures: Sequence[Measure],
    reads: Sequence[Read],
) -> None:
    staging.execute("CREATE SCHEMA IF NOT EXISTS plan")
    changes = [_changes(s) for s in shapes] or [_NO_CHANGES]
    staging.execute(f"CREATE OR REPLACE VIEW plan.changes AS {' UNION ALL '.join(changes)}")
    fields = [q for s in shapes for q in _fields(s, layouts[s.name])] or [_NO_FIELDS]
    staging.execute(f"CREATE OR REPLACE VIEW plan.fields AS {' UNION ALL '.join(fields)}")
    named = {s.name: s.target for s in shapes}
    staging.make(
        "plan",
        "targets",
        pa.Table.from_pylist(
            [
                {
                    "target": m.target,
                    "system": named[m.target].system,
                    "object": named[m.target].object,
                    "owner": named[m.target].owner,
                    "base_rows": m.base,
                    "actual_rows": m.actual,
                    "desired_rows": m.desired,
                    "creates": m.creates,
                    "updates": m.updates,
                    "removals": m.removals,
                    "undos": m.undos,
                }
                for m in measures
            ],
            schema=_TARGETS,
        ),
        "SELECT * FROM incoming",
    )
    staging.make(
        "plan",
        "reads",
        pa.Table.from_pylist(
            [
                {
                    "relation": r.relation,
                    "system": r.system,
                    "status": r.verdict.status.value,
                    "reason": r.verdict.reason,
                    "rows": r.verdict.evidence.get("rows"),
                    "held": r.held,
                }
                for r in reads
            ],
            schema=_READS,
        ),
        "SELECT * FROM incoming",
    )


_TARGETS = pa.schema(
    [(n, pa.utf8()) for n in ("target", "system", "object", "owner")]
    + [
        (n, pa.int64())
        for n in ("base_rows", "actual_rows", "desired_rows", "creates", "updates", "removals", "undos")
    ]
)
_READS = pa.schema(
    [(n, pa.utf8()) for n in ("relation", "system", "status", "reason")]
    + [(n, pa.int64()) for n in ("rows", "held")]
)
_NO_CHANGES = (
    "SELECT '' AS address, '' AS target, '' AS key, '' AS action, '' AS situation, '' AS cause, "
    "0 AS wave, 0 AS step, '' AS risk, CAST([] AS VARCHAR[]) AS fields WHERE false"
)
_NO_FIELDS = (
    "SELECT '' AS address, '' AS target, '' AS action, '' AS field, '' AS before, '' AS after, "
    "'' AS agreed, '' AS seen, false AS sensitive WHERE false"
)


def _changes(shape: Shape) -> str:
    return f"""SELECT {address_sql(shape)} AS address, {literal(shape.name)} AS target, {key_text_sql(shape, "")} AS key,
        action, situation, cause, wave, step,
        CASE WHEN {does(*REMOVALS)} OR ({does(Action.MOVE)} AND reason = 'undo') THEN 'high' ELSE 'normal' END AS risk, fields
        FROM {table("diff", shape.name)} WHERE kind IS NULL AND wave > 0"""


def _fields(shape: Shape, layout: Layout) -> list[str]:
    """One query per field; values as canonical text, those of sensitive fields hidden."""
    found = []
    for name, field in layout.fields.items():
        hidden = field.sensitivity.sealed
        values = (
            f"{'NULL' if hidden else canonical_sql(image.sql(name), field.type)} AS {alias}"
            for image, alias in ((NOW, "before"), (WANTED, "after"), (AGREED, "agreed"), (SEEN, "seen"))
        )
        found.append(
            f"SELECT {address_sql(shape)} AS address, {literal(shape.name)} AS target, action, "
            f"{literal(name)} AS field, {listed(values)}, {str(hidden).lower()} AS sensitive "
            f"FROM {table('diff', shape.name)} WHERE kind IS NULL AND list_contains(fields, {literal(name)})"
        )
    return found


def address_sql(shape: Shape) -> str:
    """The row's address (`core.address`) for printable keys; separators within a value are escaped."""
    parts = []
    for name, type_ in shape.key.items():
        value = canonical_sql(KEY.sql(name), type_)
        for raw, escaped in (("%", "%25"), ("=", "%3D"), (",", "%2C"), ("/", "%2F"), (" ", "%20")):
            value = f"replace({value}, {literal(raw)}, {literal(escaped)})"
        parts.append(f"{literal(name + '=')}, {value}")
    return f"concat({literal(shape.name + '/')}, {', '.join([f'{p}' for p in _joined(parts)])})"


def _joined(parts: list[str]) -> list[str]:
    return [p if n == 0 else f"',', {p}" for n, p in enumerate(parts)]
