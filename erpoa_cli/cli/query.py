"""`erpoa query`: ask the staged relations in SQL, read-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Format, Options, application, command
from erpoa_cli.cli.progress import listener
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.usecase import Rows

app = application()
_LIMIT = 500


@command(app)
def query(
    options: Options,
    sql: Annotated[str, typer.Argument(help="One SELECT; relations are source.x, model.x, actual.x or x.")],
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read the sources now, not their snapshots.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Rows at most; Parquet has all.")
    ] = _LIMIT,
) -> Ending:
    """Ask sources, seeds, transforms and what targets hold; sensitive values stay masked.

    Sources come from the snapshots that the last plan or extract kept, or with --fresh from their systems."""
    from erpoa_cli import usecase

    work = opened.workspace(options)
    most = None if options.format is Format.PARQUET else limit
    with listener(options) as listen:
        rows = usecase.query(work, sql, fresh=fresh, limit=most, listener=listen)
    return Ending(_answer(rows, limit))


def _answer(found: Rows, limit: int) -> Answer:
    names = tuple(field.name for field in found.columns)
    rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in found.rows]
    return Answer(
        data={
            "columns": [{"name": f.name, "type": str(f.type)} for f in found.columns],
            "rows": rows,
            "more": found.more,
        },
        tables=(Table(names, found.rows),),
        lines=(f"Only the first {limit} rows are shown.",) if found.more else (),
        diagnostics=found.diagnostics,
    )
