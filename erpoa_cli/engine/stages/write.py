"""Freezing what was found into a plan file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from erpoa_cli import __version__
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.plan import Header, Member
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql
from erpoa_cli.core.target import OnSourceGone
from erpoa_cli.engine.changes import guard
from erpoa_cli.engine.changes.freeze import MEMBERS, freeze
from erpoa_cli.engine.stages.values import Choice, Compared, Context, Described, PlanResult, Weighed
from erpoa_cli.engine.staging import relation


def write(
    ctx: Context,
    choice: Choice,
    described: Described,
    compared: Compared,
    weighed: Weighed,
    diagnostics: Sequence[Diagnostic],
    *,
    errored: bool,
) -> PlanResult:
    """Write the plan file. *diagnostics*: what was found on the way; *errored*: what the plan says is not to be believed
    as a whole, so nothing of it can be applied."""
    options, project = ctx.options, described.bound.project
    chosen = [described.shapes[n] for n in choice.selected]
    removals = _unproven(ctx, chosen)
    unproven = [_told(name, row) for name, rows in removals.items() for row in rows]
    unproven += _not_taken_back(ctx, chosen)
    blocked = [v for v in weighed.guards if v.blocks]
    waits = _new_tasks(ctx, chosen)
    held = any(read.held_of_ours for read in compared.reads.values())
    header = _header(ctx, choice, errored=errored)
    path = options.out or ctx.root / ".erpoa" / "plans" / f"{header.id}.erpoaplan"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = freeze(
        path,
        header,
        ctx.staging,
        project,
        {n: described.layouts[n] for n in choice.selected},
        described.identities,
        list(compared.reads.values()),
        weighed.guards,
        weighed.measures,
        ctx.sealer,
        applies=not errored and not blocked and not options.drift_only,
        remembers=waits,
        unproven={name: sum(row["n"] for row in rows) for name, rows in removals.items()},
    )
    changes = sum(m.changes for m in weighed.measures)
    conclusion = (
        PlanConclusion.BLOCKED
        if blocked or unproven or errored
        else PlanConclusion.CHANGES
        if changes or waits or held or _set_aside(ctx, choice)
        else PlanConclusion.UNCHANGED
    )
    objections = [guard.objection(verdict, project.targets) for verdict in blocked]
    return PlanResult(path, header, conclusion, (*diagnostics, *weighed.diagnostics, *objections, *unproven))


def _header(ctx: Context, choice: Choice, *, errored: bool) -> Header:
    now, options, project = datetime.now(UTC), ctx.options, ctx.bound.project
    return Header(
        id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        created=now,
        expires=now + options.expires_after,
        as_of=options.as_of,
        project=project.name,
        environment=project.environment,
        author=options.author,
        tool=__version__,
        lineage=ctx.state.lineage,
        serial=ctx.state.serial,
        commit=options.commit,
        dirty=options.dirty,
        selection=options.selection,
        errored=errored,
        complete=options.targets is None,
        plugins=dict(ctx.connections.plugin(ctx.bound.targets[n].system) for n in choice.names),
    )


def _new_tasks(ctx: Context, shapes: Sequence[Shape]) -> bool:
    """Whether other things wait for people than the state remembers."""
    for shape in shapes:
        rows = ctx.staging.sql(
            f"SELECT {key_text_sql(shape, '')} AS key, code, reason FROM {relation('diff', shape.name)} WHERE kind = 'task'"
        ).to_pylist()
        told = {(row["key"], row["code"], row["reason"]) for row in rows}
        if told != {(task.key, task.code, task.reason) for task in ctx.state.tasks(shape.name)}:
            return True
    return False


def _unproven(ctx: Context, shapes: Sequence[Shape]) -> dict[str, list[dict[str, Any]]]:
    """Target → code, number and reason, where removals were wanted and the reads do not prove them, or not that it is our row, or others would go along."""
    found = {}
    for shape in shapes:
        if shape.target.on_source_gone is OnSourceGone.KEEP:
            continue
        rows = ctx.staging.sql(
            f"SELECT code, count(*) AS n, min(reason) AS why FROM {relation('diff', shape.name)} "
            "WHERE kind = 'withheld' AND code IN ('E0415', 'E0416', 'E0420', 'E0438', 'E0445') GROUP BY code ORDER BY code"
        ).to_pylist()
        if rows:
            found[shape.name] = rows
    return found


def _told(target: str, row: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(
        "E0437",
        f"{target}: {row['n']} removal{' is' if row['n'] == 1 else 's are'} withheld ({row['code']})",
        detail=row["why"],
        remedy=f"`erpoa explain {row['code']}` tells the way out.",
    )


def _not_taken_back(ctx: Context, shapes: Sequence[Shape]) -> list[Diagnostic]:
    """Rows that a rollback leaves as they are."""
    found = []
    for shape in shapes:
        where = f"FROM {relation('diff', shape.name)} WHERE kind = 'withheld' AND code = 'E0543'"
        (row,) = ctx.staging.sql(f"SELECT count(*) AS n, min(reason) AS why {where}").to_pylist()
        if row["n"]:
            rows = "1 row is" if row["n"] == 1 else f"{row['n']} rows are"
            found.append(
                Diagnostic(
                    "E0549",
                    f"{shape.name}: {rows} not taken back",
                    detail=row["why"],
                    remedy="See the withheld rows and their reasons; mend them by hand or in the source.",
                )
            )
    return found


def _set_aside(ctx: Context, choice: Choice) -> bool:
    """Whether rows drifted, are in conflict, held or withheld. (Tasks count when they are new.)"""
    kinds = (Member.DRIFT, Member.CONFLICTS, Member.HELD, Member.WITHHELD)
    told = " OR ".join(f"({MEMBERS[kind]})" for kind in kinds)
    return any(
        ctx.staging.scalar(f"SELECT count(*) FROM {relation('diff', n)} WHERE {told}")
        for n in choice.selected
    )
