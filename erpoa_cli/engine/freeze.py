"""Writes what was planned into a plan file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.guard import Measure
from erpoa_cli.core.plan import GuardVerdict, Header, Read
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import identifier
from erpoa_cli.core.target import Ownership, Target
from erpoa_cli.engine.effects import effects_digest
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import Layout, Sealer, write_plan

_WRITES = "kind IS NULL AND action IN ('create', 'update', 'move', 'deactivate', 'delete')"
MEMBERS = {
    "changes": _WRITES,
    "state": "kind IS NULL AND action IN ('adopt', 'converge', 'accept', 'forget')",
    "held": "kind = 'held'",
    "withheld": "kind = 'withheld'",
    "drift": "kind IS NULL AND (len(drifted) > 0 OR (situation = 'vanished' AND action IS NULL))",
    "conflicts": "kind IS NULL AND len(conflicted) > 0",
}


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
) -> Header:
    """Write the plan file at *path* from `diff."T"` of every target of *layouts*; the completed header."""
    tables = {
        (member, name): found
        for name, columns in layouts.items()
        for member, where in MEMBERS.items()
        if (found := _rows(staging, columns, where)).num_rows
    }
    changes = {
        name: (layouts[name], found) for (member, name), found in tables.items() if member == "changes"
    }
    measured = {m.target: asdict(m) for m in measures}
    effects = any(member in ("changes", "state") for member, _ in tables)
    header = replace(
        header,
        applyable=applies and effects,
        counts={name: counts(staging, columns) for name, columns in layouts.items()},
        effects_digest=effects_digest(changes, identities, sealer),
    )
    return write_plan(
        path,
        header,
        inputs={"files": dict(project.files), **_named(project.inputs)},
        reads=reads,
        targets={
            name: {
                "system": columns.system,
                "object": columns.object,
                "identity": identities[name],
                "measure": measured.get(name, {}),
                "uncompared": _uncompared(project.targets[name]),
            }
            for name, columns in layouts.items()
        },
        guards=guards,
        layouts=layouts,
        tables=tables,
        sealer=sealer,
    )


def _uncompared(target: Target) -> dict[str, str]:
    """Fields whose difference no plan shows, with the reason: reviewers must know where they are not looking."""
    ignored = {f.name: "compare: ignore" for f in target.fields if any(c.kind == "ignore" for c in f.compare)}
    theirs = {
        f.name: f"mastered by {target.system}" for f in target.fields if f.ownership is Ownership.THEIRS
    }
    return {**ignored, **theirs}


def _rows(staging: Staging, columns: Layout, where: str) -> pa.Table:
    schema = columns.plan_schema()
    wanted = ", ".join(identifier(name) for name in schema.names)
    rows = staging.sql(
        f"SELECT {wanted} FROM {relation('diff', columns.target)} WHERE {where} ORDER BY ordinal"
    )
    return rows.cast(pa.schema(list(schema))).replace_schema_metadata(schema.metadata)


def counts(staging: Staging, columns: Layout) -> dict[str, int]:
    """Action → rows; the second step of a row that is counted already is not counted again."""
    diff = relation("diff", columns.target)
    same = " AND ".join(f"f.{identifier(f'k_{k}')} = d.{identifier(f'k_{k}')}" for k in columns.key)
    rows = staging.sql(
        f"SELECT action, count(*) AS n FROM {diff} d WHERE kind IS NULL AND action IS NOT NULL "
        f"AND NOT (step = 2 AND EXISTS (SELECT 1 FROM {diff} f WHERE f.step = 1 AND f.kind IS NULL AND {same})) "
        "GROUP BY action ORDER BY action"
    ).to_pylist()
    return {row["action"]: row["n"] for row in rows}


def _named(inputs: Sequence[str]) -> dict[str, list[str]]:
    """Names of what the project was rendered with, secrets apart."""
    hidden = [n for n in inputs if n.startswith("secret")]
    return {"variables": [n for n in inputs if n not in hidden], "secrets": hidden}
