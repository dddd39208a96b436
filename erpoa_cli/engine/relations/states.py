"""The states of the documents a target holds, told from their fields once these are read."""

from __future__ import annotations

from collections.abc import Sequence

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.reconcile.shape import listed, work
from erpoa_cli.core.schema import identifier, literal
from erpoa_cli.core.target import Target
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.staging import Staging, relation

_SECONDS = 60.0


def leave_dead_out(staging: Staging, target: Target, id: Sequence[str]) -> int:
    """Add the state to the rows of `actual."T"` where it is computed, and take out what is over: dead documents, whose
    identifiers are kept in `diff."T/dead"`, and the lines of dead ones. How many rows were taken out.

    The lines of a document are told after it. Failure E0338 where a predicate fails on a row."""
    name, lifecycle = target.name, target.lifecycle
    actual = relation("actual", name)
    own = identifier(id[0]) if id else "NULL"
    if target.lines and id:
        return _without(
            staging, name, f"{identifier(target.lines.link)} IN (FROM {work(target.lines.parent, 'dead')})"
        )
    if lifecycle is None:
        nothing = f"SELECT {own} AS id FROM {actual} LIMIT 0"
        staging.execute(f"CREATE OR REPLACE TABLE {work(name, 'dead')} AS {nothing}")
        return 0
    if lifecycle.computed:
        told = f"SELECT *, {lifecycle.sql} AS {identifier(lifecycle.field)} FROM {actual}"
        try:
            with staging.limited(_SECONDS):
                staging.execute(f"CREATE OR REPLACE TABLE {actual} AS {told}")
        except SqlProblem as problem:
            raise Failure(
                Diagnostic(
                    "E0338",
                    f"target {name}: the state of a document cannot be told: {problem.summary}",
                    remedy="Correct the predicates under `states:` of its lifecycle.",
                    at=target.at,
                )
            ) from None
    over = f"{identifier(lifecycle.field)} IN ({listed(map(literal, sorted(lifecycle.dead))) or 'NULL'})"
    staging.execute(
        f"CREATE OR REPLACE TABLE {work(name, 'dead')} AS SELECT {own} AS id FROM {actual} WHERE {over}"
    )
    return _without(staging, name, over)


def _without(staging: Staging, name: str, over: str) -> int:
    found = int(staging.scalar(f"SELECT count(*) FROM {relation('actual', name)} WHERE {over}"))
    if found:
        staging.delete("actual", name, over)
    return found
