"""The states of the documents a target holds, told from their fields once these are read."""

from __future__ import annotations

from collections.abc import Sequence

from erpoa_cli.core.columns import NOW
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.reconcile.shape import listed, work
from erpoa_cli.core.schema import identifier, literal
from erpoa_cli.core.target import Target
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging, relation

_SECONDS = 60.0


def leave_dead_out(staging: Staging, target: Target, id: Sequence[str]) -> int:
    """Add the state to the rows of `theirs."T"` where it is computed, and take out what is over: dead documents, whose
    identifiers are kept in `diff."T/dead"`, and the lines of dead ones. How many rows were taken out.

    The lines of a document are told after it. Failure E0338 where a predicate fails on a row."""
    name, lifecycle = target.name, target.lifecycle
    theirs = relation("theirs", name)
    own = NOW.sql(id[0]) if id else "NULL"
    if target.lines and id:
        return _without(
            staging, name, f"{NOW.sql(target.lines.link)} IN (FROM {work(target.lines.parent, 'dead')})"
        )
    if lifecycle is None:
        nothing = f"SELECT {own} AS id FROM {theirs} LIMIT 0"
        staging.execute(f"CREATE OR REPLACE TABLE {work(name, 'dead')} AS {nothing}")
        return 0
    if lifecycle.computed:
        columns = ", ".join(f"{identifier(field)} AS {column}" for field, column in _columns(staging, name))
        told = (
            f"SELECT {columns}, {lifecycle.sql} AS {NOW.sql(lifecycle.field)} FROM {relation('actual', name)}"
        )
        try:
            with staging.limited(_SECONDS):
                staging.execute(f"CREATE OR REPLACE TABLE {theirs} AS {told}")
        except SqlProblem as problem:
            raise Failure(
                Diagnostic(
                    "E0338",
                    f"target {name}: the state of a document cannot be told: {problem.summary}",
                    remedy="Correct the predicates under `states:` of its lifecycle.",
                    at=target.at,
                )
            ) from None
        show(staging, name)
    over = f"{NOW.sql(lifecycle.field)} IN ({listed(map(literal, sorted(lifecycle.dead))) or 'NULL'})"
    staging.execute(
        f"CREATE OR REPLACE TABLE {work(name, 'dead')} AS SELECT {own} AS id FROM {theirs} WHERE {over}"
    )
    return _without(staging, name, over)


def _without(staging: Staging, name: str, over: str) -> int:
    found = int(staging.scalar(f"SELECT count(*) FROM {relation('theirs', name)} WHERE {over}"))
    if found:
        staging.delete("theirs", name, over)
    return found


def show(staging: Staging, name: str) -> None:
    """Let SQL of the project see `theirs."T"` as `actual."T"`, each field under its own name. In the first each has a prefix,
    so that no field is taken for the number of a row or another column of ours."""
    columns = ", ".join(f"{column} AS {identifier(field)}" for field, column in _columns(staging, name))
    staging.execute(
        f"CREATE OR REPLACE VIEW {relation('actual', name)} AS SELECT {columns} FROM {relation('theirs', name)}"
    )


def _columns(staging: Staging, name: str) -> list[tuple[str, str]]:
    """The fields of `theirs."T"`, each with its column as SQL names it."""
    described = staging.describe(f"FROM {relation('theirs', name)}")
    return [(field, NOW.sql(field)) for field in NOW.fields(column for column, _, _ in described)]
