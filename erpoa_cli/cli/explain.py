"""`erpoa explain`: why a row is in the plan, or what a code means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.plan import Change
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.engine.explain import Explanation

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
        return _code(what.upper())
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.explain import explain as explained
    from erpoa_cli.state import PlanFile

    address = opened.address(what)
    bound = opened.bound(options)
    project = bound.project
    if address.target not in bound.targets:
        raise Failure(
            Diagnostic(
                "E0605", f"no target {address.target!r}", remedy=did_you_mean(address.target, bound.targets)
            ),
            exit=Exit.INVALID,
        )
    file = PlanFile.open(plan or _latest(Path(project.root)))
    with Connections(project) as connections, opened.reading(project) as state:
        found = explained(address, file, bound, connections, state, opened.sealer(project))
    return Ending(_answer(found))


def _code(code: str) -> Ending:
    from erpoa_cli.core.codes import CATALOGUE

    entry = CATALOGUE.get(code)
    if entry is None:
        raise Failure(
            Diagnostic("E0609", f"no code {code!r}", remedy=did_you_mean(code, CATALOGUE)), exit=Exit.INVALID
        )
    data = {"code": entry.id, "title": entry.title, "meaning": entry.meaning, "remedy": entry.remedy}
    lines = (f"{entry.id}: {entry.title}", "", entry.meaning, "", f"What to do: {entry.remedy}")
    return Ending(Answer(data=data, lines=lines))


def _latest(root: Path) -> Path:
    from erpoa_cli.state import PlanFile

    files = (root / ".erpoa" / "plans").glob("*.erpoaplan")
    plans = sorted(files, key=lambda path: PlanFile.open(path).header.created)
    if not plans:
        raise Failure(
            Diagnostic(
                "E0605",
                "there is no plan to explain from",
                remedy="Run `erpoa plan`, or name one with --plan.",
            ),
            exit=Exit.INVALID,
        )
    return plans[-1]


def _answer(found: Explanation) -> Answer:
    said = _said(found)
    values: list[tuple[Any, ...]] = []
    for name, origin, master in found.mapping:
        values.append((name, *_values(found, name), f"{origin} ({master})"))
    columns = ("field", "actual", "desired", "agreed", "comes from (whose word)")
    tables = [
        Table(("what the plan says",), ((said,),)),
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
        "said": said,
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
    from erpoa_cli.render.value import shown, sides

    change = found.values.get(name)
    if change is None:
        own = "" if name in {f.name for f in found.target.fields} else dict(found.address.key)[name]
        return own, own, own
    planned = found.found is not None and name in found.found.fields
    before, after = sides(change)
    if name in found.never and change.agreed is None:
        return (before if planned else ""), after, "never"
    return before, after, "(sensitive)" if change.sensitive else shown(change.agreed)


def _said(found: Explanation) -> str:
    match found.found:
        case None:
            if found.linked:
                return f"Plan {found.plan} changes nothing of {found.address}: both sides agree."
            return f"Plan {found.plan} has nothing to say about {found.address}: nobody wants it."
        case Change() as change:
            why = f" ({change.reason})" if change.reason else ""
            return (
                f"Plan {found.plan} would {change.action} {found.address} in wave {change.wave}: situation "
                f"{change.situation}, cause {change.cause}{why}."
            )
        case row:
            wanted = f"; it would {row.wanted}" if row.wanted else ""
            return f"Plan {found.plan} sets {found.address} aside as {row.kind}: {row.reason or row.code}{wanted}."
