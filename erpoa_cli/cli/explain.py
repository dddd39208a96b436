"""`erpoa explain`: why a row is in the plan, or what a code means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.plan import Change, Member, SetAside
from erpoa_cli.core.report import Answer, Table
from erpoa_cli.core.situation import Action

if TYPE_CHECKING:
    from erpoa_cli.usecase import Explanation

app = application()
_CODE = re.compile(r"^[EWI]\d{4}$", re.IGNORECASE)


@command(app)
def explain(
    options: Options,
    what: Annotated[
        str, typer.Argument(help="TARGET/column=value, or a code like E0405.", metavar="ADDRESS|CODE")
    ],
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Which plan; default: the latest in .erpoa/plans."),
    ] = None,
) -> Ending:
    """Tell the way of a row into the plan: source rows, SQL, mapping, rule, and the values that were compared.

    Or what a diagnostic code means and what to do."""
    if _CODE.match(what) or "/" not in what:
        return _code(what)
    from erpoa_cli import usecase

    address = opened.address(what)
    return Ending(_answer(usecase.explain(opened.workspace(options), address, plan)))


def _code(code: str) -> Ending:
    from erpoa_cli.core.codes import CATALOGUE

    entry = CATALOGUE.get(code.upper())
    if entry is None:
        near = did_you_mean(code.upper(), CATALOGUE) if code[1:2].isdigit() else ""
        remedy = near or "A code is one like E0401; a row is named TARGET/column=value."
        raise Failure(Diagnostic("E0609", f"no code {code!r}", remedy=remedy))
    data = {"code": entry.id, "title": entry.title, "meaning": entry.meaning, "remedy": entry.remedy}
    lines = (f"{entry.id}: {entry.title}", "", entry.meaning, "", f"What to do: {entry.remedy}")
    return Ending(Answer(data=data, lines=lines))


def _answer(found: Explanation) -> Answer:
    said = _said(found)
    values: list[tuple[Any, ...]] = []
    for name, origin, master in found.mapping:
        values.append((name, *_values(found, name), f"{origin} ({master})"))
    columns = ("field", "actual", "desired", "agreed", "comes from (whose word)")
    tables = [
        Table(("what the plan says",), tuple((line,) for line in said)),
        Table(columns, tuple(values), title=f"{found.target.name} at {found.target.at}"),
    ]
    tables += [Table(r.columns, r.rows, title=f"{r.relation}: the rows of this key") for r in found.rows]
    tables += [
        Table(("line", "sql"), tuple(enumerate(sql.splitlines(), 1)), title=f"{name} ({file})")
        for name, file, sql in found.models
    ]
    data = {
        "address": str(found.address),
        "plan": found.plan,
        "run": found.run or None,
        "said": " ".join(said),
        "fields": [
            dict(zip(("field", "actual", "desired", "agreed", "origin"), v, strict=True)) for v in values
        ],
        "rows": [
            {"relation": r.relation, "rows": [dict(zip(r.columns, values, strict=True)) for values in r.rows]}
            for r in found.rows
        ],
        "models": [{"name": name, "file": file, "sql": sql} for name, file, sql in found.models],
    }
    return Answer(data=data, tables=tuple(tables))


def _values(found: Explanation, name: str) -> tuple[str, str, str]:
    """Actual, desired and agreed value of a field, or of a key column."""
    from erpoa_cli.render.value import agreed, sides

    change = found.values.get(name)
    if change is None:
        own = "" if name in {f.name for f in found.target.fields} else dict(found.address.key)[name]
        return own, own, own
    planned = {field for row in found.found for field in row.fields}
    before, after = sides(change)
    if name not in planned and change.sensitive:
        after = before  # as it was agreed: nothing says that it changed
    if change.never and name not in planned:
        before = ""  # nobody looked
    return before, after, agreed(change)


def _said(found: Explanation) -> tuple[str, ...]:
    """What the plan says of the row: a sentence each."""
    applied = f"Run {found.run} applied plan {found.plan}: rows, and fields that it does not name, are shown as they are by now."
    if found.found:
        return (*(_one(found, row) for row in found.found), *([applied] if found.run else []))
    why = "both sides agree" if found.linked else "nobody wants it"
    says = "changes nothing of" if found.linked else "has nothing to say about"
    return (f"Plan {found.plan} {says} {found.address}: {why}.", *([applied] if found.run else []))


def _one(found: Explanation, row: Change | SetAside) -> str:
    match row:
        case Change():
            why = f" ({row.reason})" if row.reason else ""
            what = f" ({', '.join(row.fields)})" if row.action is Action.UPDATE else ""
            return (
                f"Plan {found.plan} would {row.action} {found.address}{what} in wave {row.wave}: situation "
                f"{row.situation}, cause {row.cause}{why}."
            )
        case SetAside() if row.compared:
            who = "they changed" if row.kind == Member.DRIFT.kind else "both sides changed"
            why = row.reason or (f"{who} {', '.join(row.fields)}" if row.fields else "they deleted it")
            return f"Plan {found.plan} reports {row.kind} of {found.address} and writes none of it: {why}."
        case SetAside():
            wanted = f"; it would {row.wanted}" if row.wanted else ""
            return f"Plan {found.plan} sets {found.address} aside as {row.kind}: {row.reason or row.code}{wanted}."
