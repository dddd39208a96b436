"""Writes what was planned into a plan file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.columns import ID, KEY
from erpoa_cli.core.definition import definitions
from erpoa_cli.core.guard import Measure
from erpoa_cli.core.plan import APPLIED, GuardVerdict, Header, Member, Read
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import identifier
from erpoa_cli.core.situation import MEMORY, WRITES, Action, does
from erpoa_cli.core.target import Ownership, Target
from erpoa_cli.engine.changes.effects import Effects
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import Layout, Sealer, write_plan
from erpoa_cli.state.columns import conform

_SORTED = 1 << 17  # ordinals whose rows are sorted at once
MEMBERS: Mapping[Member, str] = {
    Member.CHANGES: f"kind IS NULL AND {does(*WRITES)}",
    Member.STATE: f"kind IS NULL AND {does(*MEMORY)}",
    Member.HELD: "kind = 'held'",
    Member.WITHHELD: "kind = 'withheld'",
    Member.TASKS: "kind = 'task'",
    Member.DRIFT: "kind IS NULL AND (len(drifted) > 0 OR (situation = 'vanished' AND action IS NULL))",
    Member.CONFLICTS: "kind IS NULL AND len(conflicted) > 0",
}
"""Which rows of a diff are told where, as SQL."""


def freeze(
    path: Path,
    header: Header,
    staging: Staging,
    project: Project,
    layouts: Mapping[str, Layout],
    identities: Mapping[str, str],
    reads: Sequence[Read],
    guards: Sequence[GuardVerdict],
    measures: Sequence[Measure],
    sealer: Sealer | None,
    *,
    applies: bool,
    remembers: bool = False,
    unproven: Mapping[str, int],
) -> Header:
    """Write the plan file at *path* from `diff."T"` of every target of *layouts*; the completed header. *remembers*:
    there is something to apply although no row is written. *unproven*: removals that are wanted and not proven."""
    sizes = {name: _sizes(staging, name) for name in layouts}
    held = [(member, name) for member in MEMBERS for name in layouts if sizes[name][member]]
    seen = Effects(identities, sealer)
    tables: dict[tuple[str, str], pa.RecordBatchReader] = {}
    for member, name in held:
        read = partial(_rows, staging, layouts[name], member)
        tables[member, name] = seen.passing(layouts[name], read) if member is Member.CHANGES else read()
    measured = {m.target: asdict(m) for m in measures}
    anything = any(member in APPLIED for member, _ in held)
    header = replace(
        header,
        applyable=applies and (anything or remembers),
        counts={name: counts(staging, columns) for name, columns in layouts.items()},
    )
    return write_plan(
        path,
        header,
        inputs={
            "files": dict(project.files),
            "definitions": definitions(project),
            **_named(project.inputs),
        },
        reads=reads,
        targets={
            name: {
                "system": columns.system,
                "object": columns.object,
                "identity": identities[name],
                "measure": measured.get(name, {}),
                "uncompared": _uncompared(project.targets[name]),
                **({"unproven": unproven[name]} if name in unproven else {}),
            }
            for name, columns in layouts.items()
        },
        guards=guards,
        layouts=layouts,
        tables=tables,
        sealer=sealer,
        effects=seen.digest,
    )


def _uncompared(target: Target) -> dict[str, str]:
    """Fields whose difference no plan shows, with the reason: reviewers must know where they are not looking."""
    ignored = {f.name: "compare: ignore" for f in target.fields if any(c.kind == "ignore" for c in f.compare)}
    theirs = {
        f.name: f"mastered by {target.system}" for f in target.fields if f.ownership is Ownership.THEIRS
    }
    return {**ignored, **theirs}


def _sizes(staging: Staging, target: str) -> dict[str, int]:
    """Member → rows of *target* in it."""
    sums = ", ".join(
        f"count(*) FILTER (WHERE {where}) AS {identifier(member)}" for member, where in MEMBERS.items()
    )
    sizes: dict[str, int] = staging.sql(f"SELECT {sums} FROM {relation('diff', target)}").to_pylist()[0]
    return sizes


def _rows(staging: Staging, columns: Layout, member: Member) -> pa.RecordBatchReader:
    """The rows of a member as a stream: what is frozen never stands in memory as a whole."""
    schema = columns.plan_schema()

    def batches() -> Iterator[pa.RecordBatch]:
        wanted = ", ".join(identifier(name) for name in schema.names)
        diff = relation("diff", columns.target)
        last = staging.scalar(f"SELECT max(ordinal) FROM {diff}")
        for first in range(0, last + 1, _SORTED):
            rows = staging.reader(
                f"SELECT {wanted} FROM {diff} WHERE {MEMBERS[member]} "
                f"AND ordinal >= {first} AND ordinal < {first + _SORTED} ORDER BY ordinal"
            )
            for batch in rows:
                yield conform(batch, schema)

    return pa.RecordBatchReader.from_batches(schema, _ahead(batches()))


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """*batches*, each made while the one before it is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def counts(staging: Staging, columns: Layout) -> dict[str, int]:
    """Action → rows; a row that several steps write is counted once, and once more where it is moved too; one that is emptied
    of references before it is deleted, as deleted."""
    diff = relation("diff", columns.target)
    same = " AND ".join(f"f.{KEY.sql(k)} = d.{KEY.sql(k)}" for k in columns.key)
    before = f"f.step < d.step AND f.kind IS NULL AND ({does(Action.MOVE, of='f')}) = ({does(Action.MOVE, of='d')})"
    rows = staging.sql(
        f"SELECT action, count(*) AS n FROM {diff} d WHERE kind IS NULL AND action IS NOT NULL "
        f"AND NOT (step > 1 AND EXISTS (SELECT 1 FROM {diff} f WHERE {before} AND {same})) "
        "GROUP BY action ORDER BY action"
    ).to_pylist()
    found: dict[str, int] = {row["action"]: row["n"] for row in rows}
    if {Action.UPDATE, Action.DELETE} <= found.keys():
        one = " AND ".join([same, *(f"f.{ID.sql(i)} = d.{ID.sql(i)}" for i in columns.id)])
        emptied = staging.scalar(
            f"SELECT count(*) FROM {diff} d JOIN {diff} f ON {one} WHERE d.kind IS NULL AND f.kind IS NULL "
            f"AND {does(Action.UPDATE, of='d')} AND {does(Action.DELETE, of='f')}"
        )
        found[Action.UPDATE] -= int(emptied)
    return {action: n for action, n in found.items() if n}


def _named(inputs: Sequence[str]) -> dict[str, list[str]]:
    """Names of what the project was rendered with, secrets apart."""
    hidden = [n for n in inputs if n.startswith("secret")]
    return {"variables": [n for n in inputs if n not in hidden], "secrets": hidden}
