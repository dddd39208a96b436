"""Answers as CSV (RFC 4180): one row per changed field or per row of a table; no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from erpoa_cli.core.plan import FieldChange
from erpoa_cli.core.report import Answer, PlanReport
from erpoa_cli.render import clean
from erpoa_cli.render.value import HIDDEN, HIDDEN_CHANGED, NEVER, agreed, plain, revealed

COLUMNS = (
    "kind", "target", "address", "action", "cause", "field", "before", "after", "agreed", "reason", "outcome",
)  # fmt: skip
_NULL = "NULL"


def document(report: PlanReport | Answer) -> str:
    """*report* as CSV with a heading. NULL reads `NULL`, an empty text is an empty cell; a text that looks like a
    formula gets a quote sign in front."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    for row in [COLUMNS, *plan_rows(report)] if isinstance(report, PlanReport) else _answer(report):
        writer.writerow([_cell(value) for value in row])
    return stream.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    return clean.csv(value) if isinstance(value, str) else plain(value)


def _answer(report: Answer) -> Iterator[Sequence[Any]]:
    for index, table in enumerate(report.tables):
        if index:
            yield ()
        yield table.columns
        yield from table.rows


def plan_rows(report: PlanReport) -> Iterator[Sequence[Any]]:
    """The listed rows of a plan in `COLUMNS`, one per changed field; sensitive values masked."""
    for target in report.targets:
        for change in target.changes:
            outcome = f"{change.outcome.value} {change.error}".strip() if change.outcome else ""
            head = ("change", target.target, str(change.address), change.action.value, change.cause.value)
            yield from ((*head, *values, change.note, outcome) for values in _fields(change.fields.items()))
        for row in target.set_aside:
            wanted = row.wanted.value if row.wanted else ""
            reason = f"{row.code} {row.reason}".strip()
            head = (row.kind, target.target, str(row.address), wanted, "")
            yield from ((*head, *values, reason, "") for values in _fields(row.fields.items()))


def _fields(fields: Iterable[tuple[str, FieldChange]]) -> Iterator[tuple[Any, Any, Any, Any]]:
    """(field, before, after, agreed) of every field; one empty line when there is none."""
    told = False
    for name, field in fields:
        told = True
        last = f"({NEVER})" if field.never else agreed(field) if field.sensitive else field.agreed
        if field.sensitive:
            before, after = revealed(field.before, field.reveal), revealed(field.after, field.reveal)
            changed = before == after and before == HIDDEN
            yield name, before, HIDDEN_CHANGED if changed else after, last
        elif field.pending:
            target, key, what = field.pending
            yield name, field.before, f"({what or 'id'} of {target} {key})", last
        else:
            yield name, field.before, field.after, last
    if not told:
        yield "", "", "", ""
