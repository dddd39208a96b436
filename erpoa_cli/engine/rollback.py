"""Undoing a run: a plan made from its recorded before-values; it is reviewed and applied like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.guard import Measure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.reconcile.embedded import together
from erpoa_cli.core.reconcile.shape import (
    Shape,
    column,
    key_text_sql,
    listed,
    names_sql,
    same_key,
    table,
    work,
)
from erpoa_cli.core.schema import literal
from erpoa_cli.core.situation import Outcome
from erpoa_cli.core.target import Reference
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.changes import guard
from erpoa_cli.engine.changes.planning import Planning, PlanOptions, PlanResult
from erpoa_cli.engine.changes.remembered import remember
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.plan import begin_targets, choose, describe, write
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import PlanFile, StateReader, load_sealer, require_again

_WRITTEN = "list_distinct(list_concat(fields, coalesce(second, [])))"  # by the first step or the second


def rollback(
    run: str,
    bound: Bound,
    connections: Connections,
    state: StateReader,
    options: PlanOptions,
    listener: Listener = ignore,
) -> PlanResult:
    """Make the plan that takes back what *run* applied in the targets that *options* select.

    A created row is deleted, an updated one gets its values from before, a deleted one is created again; a row
    that somebody changed since is withheld. Failure E0542 when the run is unknown or applied nothing."""
    plan = _planned(run, bound, state)
    project = bound.project
    sealer = load_sealer(Path(project.root), project.key)
    if any(plan.layout(name).sealed_fields for name in plan.members(Member.CHANGES)):
        require_again(sealer)
    with Staging(Path(project.root), as_of=options.as_of) as staging:
        planning = Planning(
            bound=bound,
            connections=connections,
            state=state,
            options=options,
            staging=staging,
            listener=listener,
            sealer=sealer,
        )
        choose(planning)
        describe(planning)
        with Readers(project) as readers:
            actuals = begin_targets(planning, readers)
            remember(planning)
            planning.reads = actuals()
        staging.number()
        for name in planning.selected:
            _stage_changes(planning, plan, run, name)
        shapes = [planning.shapes[name] for name in planning.selected]
        waves = max(
            pc.max(plan.table(Member.CHANGES, name, columns=["wave"])["wave"]).as_py()
            for name in plan.members(Member.CHANGES)
        )
        for shape in shapes:
            staging.execute(reborn(shape))
        for shape in shapes:
            columns = planning.layouts[shape.name].plan_schema().names
            staging.execute(undo(shape, planning.selected, columns, waves))
        for shape in shapes:
            for lines in shape.lists:
                for statement in together(shape, planning.shapes[lines]):
                    staging.execute(statement)
        planning.measures = [_measure(planning, shape) for shape in shapes]
        planning.guards = guard.verdicts(project, staging, shapes, planning.measures, options.waivers)
        return write(planning)


def changed_targets(run: str, bound: Bound, state: StateReader) -> frozenset[str]:
    """The targets that *run* changed: what a rollback plan selects."""
    return frozenset(_planned(run, bound, state).members(Member.CHANGES))


def _planned(run: str, bound: Bound, state: StateReader) -> PlanFile:
    if state.run(run) is None:
        raise _impossible(f"there is no run {run}")
    plan = state.plan(run)
    names = plan.members(Member.CHANGES)
    if not names:
        raise _impossible(f"run {run} wrote nothing")
    if missing := [n for n in names if n not in bound.targets]:
        raise _impossible(f"run {run} wrote targets that are no longer in the project: {', '.join(missing)}")
    return plan


def _impossible(summary: str) -> Failure:
    return Failure(
        Diagnostic("E0542", summary, remedy="`erpoa runs ls` lists the runs and what they wrote."),
        exit=Exit.INVALID,
    )


def _stage_changes(p: Planning, plan: PlanFile, run: str, name: str) -> None:
    """`T/done`: one row per key that the run changed: its first action, the values before (`a_*`) and those it
    left (`left_*`), the id it has, and the fields and wave of a second step (`second`, `second_wave`)."""
    shape, staging = p.shapes[name], p.staging
    results = [
        batch.results
        for batch in p.state.batches(run, p.sealer)
        if batch.intent.target == name and batch.results is not None
    ]
    if not results:
        raise _impossible(f"run {run} recorded no outcome for {name}")
    told = pa.concat_tables(results, promote_options="default")
    staging.make(
        "diff", f"{name}/planned", plan.table(Member.CHANGES, name, p.sealer), "SELECT * FROM incoming"
    )
    staging.make("diff", f"{name}/told", told, "SELECT * FROM incoming")
    staging.execute(done(shape, frozenset(told.schema.names)))


def done(shape: Shape, told: frozenset[str]) -> str:
    """The statement that fills `T/done` from `T/planned` and `T/told`, which has the columns *told*."""

    def best(prefix: str, name: str) -> str:
        own = column(prefix, name, "c")
        return f"coalesce({column(prefix, name, 't')}, {own})" if prefix + name in told else own

    def left(name: str) -> str:
        """What was read back, else what was written, else what was there."""
        value = best("d_", name)
        if {f"s_{name}", "deviated"} <= told:
            deviated = f"coalesce(list_contains(t.deviated, {literal(name)}), false)"
            value = f"CASE WHEN {deviated} THEN {column('s_', name, 't')} ELSE {value} END"
        written = f"list_contains(c.fields, {literal(name)})"
        return (
            f"CASE WHEN {written} THEN {value} ELSE {column('a_', name, 'c')} END AS {column('left_', name)}"
        )

    ids = [column("id_", i) for i in shape.id]
    known = [f"{best('id_', i)} AS {column('id_', i)}" for i in shape.id]
    later = [
        f"CASE WHEN list_contains(s.fields, {literal(n)}) THEN {column('left_', n, 's')} "
        f"ELSE {column('left_', n, 'f')} END AS {column('left_', n)}"
        for n in shape.columns
    ]
    lefts = listed(column("left_", n) for n in shape.columns)
    return f"""
    CREATE OR REPLACE TABLE {work(shape.name, "done")} AS
    WITH applied AS (
        SELECT c.* EXCLUDE ({listed(ids)}), {listed([*known, *map(left, shape.columns)])}
        FROM {work(shape.name, "planned")} c JOIN {work(shape.name, "told")} t USING (ordinal)
        WHERE t.outcome = {literal(Outcome.APPLIED.value)})
    SELECT f.* EXCLUDE ({lefts}), {listed(later)}, s.fields AS second, s.wave AS second_wave
    FROM applied f LEFT JOIN applied s ON s.step = 2 AND f.step = 1 AND {same_key(shape, "s", "f")}
    WHERE f.step = 1 OR NOT EXISTS (SELECT 1 FROM applied o WHERE o.step = 1 AND {same_key(shape, "o", "f")})"""


def undo(shape: Shape, planned: Sequence[str], columns: Sequence[str], waves: int) -> str:
    """The statement that fills `diff."T"` (with *columns*) with the inverse of `T/done`; the last of *waves* comes first.

    A create that had a second step is taken back in two: first what the second step wrote, then the row."""
    here = listed((f"{column('', i, 'a')} = {column('id_', i, 'c')}" for i in shape.id), " AND ")
    others = [
        (field.name, field.value.target)
        for field in shape.pending
        if isinstance(field.value, Reference) and field.value.target in planned
    ]
    whole = _select(columns, _taken_back(shape, dict(others), waves))
    first = _select(columns, _released(shape, waves))
    return f"""
    CREATE OR REPLACE TABLE {table("diff", shape.name)} AS
    WITH paired AS (
        SELECT c.*, a.here, {listed(f"{column('', n, 'a')} AS {column('now_', n)}" for n in shape.columns)},
            {listed([f"{_recreated(*other)} AS {column('born_', other[0])}" for other in others] or ["NULL AS nobody"])}
        FROM {work(shape.name, "done")} c
        LEFT JOIN (SELECT *, true AS here FROM {table("actual", shape.name)}) a ON {here}),
    judged AS (SELECT *, {_obstacle(shape)} AS obstacle FROM paired),
    inverse AS (SELECT {whole} FROM judged
        UNION ALL BY NAME SELECT {first} FROM judged WHERE action = 'create' AND len(second) > 0)
    SELECT * REPLACE (row_number() OVER (ORDER BY wave, ordinal) - 1 AS ordinal) FROM inverse"""


def _select(columns: Sequence[str], values: Mapping[str, str]) -> str:
    return listed(f"{values.get(name, 'NULL')} AS {column('', name)}" for name in columns)


def _obstacle(shape: Shape) -> str:
    """Why a row is left as it is; NULL when it can be taken back."""
    differs = [f"{column('now_', n)} IS DISTINCT FROM {column('left_', n)}" for n in shape.columns]
    # What a create left in fields that it did not write is known to nobody: they have their system's defaults.
    own = [d for n, d in zip(shape.columns, differs, strict=True) if n not in shape.extras]
    written = [
        f"(list_contains({_WRITTEN}, {literal(n)}) AND {d})"
        for n, d in zip(shape.columns, differs, strict=True)
    ]
    return f"""CASE WHEN action = 'delete' THEN CASE WHEN here THEN 'it is there again' END
        WHEN here IS NULL THEN 'it is gone'
        WHEN action = 'create' AND ({listed(own, " OR ")}) THEN 'it was changed since the run'
        WHEN {listed(written, " OR ")} THEN 'it was changed since the run' END"""


def _common(shape: Shape) -> dict[str, str]:
    return {
        **{column_: column("", column_) for column_ in _names(shape)},
        "ordinal": "ordinal",
        "cause": "'state'",
        "step": "1",
        "drifted": "[]",
        "conflicted": "[]",
        "settled": "[]",
        "known": names_sql(shape.columns),
        "waiting": "[]",
        "kind": "CASE WHEN obstacle IS NOT NULL THEN 'withheld' END",
        "code": "CASE WHEN obstacle IS NOT NULL THEN 'E0543' END",
        "reason": "obstacle",
        **{f"agreed_{n}": column("left_", n) for n in shape.columns},
        **{f"seen_{n}": column("left_", n) for n in shape.columns},
    }


def _names(shape: Shape) -> list[str]:
    return [*(f"k_{k}" for k in shape.key), *(f"id_{i}" for i in shape.id)]


def _taken_back(shape: Shape, others: Mapping[str, str], waves: int) -> dict[str, str]:
    """The columns of the main inverse: create → delete, delete → create, anything else → update."""
    every = names_sql(f.name for f in shape.fields)
    values = _common(shape) | {
        "generation": "CASE WHEN action = 'delete' THEN generation + 1 ELSE generation END",
        "situation": "CASE WHEN action = 'delete' THEN 'absent' ELSE 'confirmed' END",
        "action": "CASE WHEN obstacle IS NULL THEN "
        "CASE action WHEN 'create' THEN 'delete' WHEN 'delete' THEN 'create' ELSE 'update' END END",
        "wave": f"{waves} - CASE WHEN action = 'create' THEN wave ELSE coalesce(second_wave, wave) END + 1",
        "fields": f"CASE action WHEN 'create' THEN [] WHEN 'delete' THEN {every} ELSE {_WRITTEN} END",
        "links": "action <> 'create' AND obstacle IS NULL",
    }
    for name in shape.columns:
        before, now = column("a_", name), column("now_", name)
        written = f"action = 'delete' OR list_contains({_WRITTEN}, {literal(name)})"
        values[f"d_{name}"] = (
            f"CASE WHEN action = 'create' THEN NULL WHEN {written} THEN {before} ELSE {now} END"
        )
        # What the second step wrote is taken back one wave earlier: by then the field is empty again.
        released = f"action = 'create' AND coalesce(list_contains(second, {literal(name)}), false)"
        values[f"a_{name}"] = f"CASE WHEN {released} THEN NULL ELSE {now} END"
    for name in others:
        values[f"p_{name}"] = f"CASE WHEN action = 'delete' THEN {column('born_', name)} END"
        values[f"d_{name}"] = (
            f"CASE WHEN action = 'delete' AND {column('born_', name)} IS NOT NULL THEN NULL ELSE {values[f'd_{name}']} END"
        )
    return values


def _released(shape: Shape, waves: int) -> dict[str, str]:
    """The columns of the update that empties what a second step wrote."""
    values = _common(shape) | {
        "generation": "generation",
        "situation": "'confirmed'",
        "action": "CASE WHEN obstacle IS NULL THEN 'update' END",
        "wave": f"{waves} - second_wave + 1",
        "fields": "second",
        "links": "obstacle IS NULL",
    }
    for name in shape.columns:
        now = column("now_", name)
        values[f"d_{name}"] = f"CASE WHEN list_contains(second, {literal(name)}) THEN NULL ELSE {now} END"
        values[f"a_{name}"] = now
    return values


def _recreated(field: str, target: str) -> str:
    """The pending reference to a row that this same plan creates again, found by the id it had; else NULL."""
    return (
        f"(SELECT any_value(o.pending) FROM {work(target, 'reborn')} o "
        f"WHERE o.id = CAST({column('a_', field, 'c')} AS VARCHAR))"
    )


def reborn(shape: Shape) -> str:
    """The statement that lists the rows of a target that are created again: id (as text) and pending reference."""
    own = column("id_", next(iter(shape.id)))
    pending = f"CAST(to_json([{literal(shape.name)}, {key_text_sql(shape, '')}, '']) AS VARCHAR)"
    return (
        f"CREATE OR REPLACE TABLE {work(shape.name, 'reborn')} AS SELECT CAST({own} AS VARCHAR) AS id, "
        f"{pending} AS pending FROM {work(shape.name, 'done')} WHERE action = 'delete'"
    )


def _measure(p: Planning, shape: Shape) -> Measure:
    def rows(where: str) -> int:
        counted = f"SELECT count(*) FROM {table('diff', shape.name)} WHERE kind IS NULL AND {where}"
        return int(p.staging.scalar(counted))

    held = int(p.staging.scalar(f"SELECT count(*) FROM {table('actual', shape.name)}"))
    return Measure(
        target=shape.name,
        base=int(p.staging.scalar(f"SELECT count(*) FROM {table('base', shape.name)}")),
        actual=held,
        desired=held,
        creates=rows("action = 'create'"),
        updates=rows("action = 'update'"),
        removals=rows("action = 'delete'"),
    )
