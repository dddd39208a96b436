"""Undoing a run: a plan in which its rows are wanted as they were before it; reviewed and applied like any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa

from erpoa_cli.core.columns import ID, KEY, NOW
from erpoa_cli.core.dependency import referring
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Member, Read
from erpoa_cli.core.reconcile import meant, restore
from erpoa_cli.core.reconcile.desired import Feed
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.shape import Shape, names_sql
from erpoa_cli.core.situation import Action, does
from erpoa_cli.core.target import Reference, Result
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.changes.diff import Task
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.plan import context
from erpoa_cli.engine.relations.chain import tell_states
from erpoa_cli.engine.stages.compare import compare, list_unread, missing
from erpoa_cli.engine.stages.describe import choose, describe
from erpoa_cli.engine.stages.read import failed, read
from erpoa_cli.engine.stages.remembered import remember
from erpoa_cli.engine.stages.values import Choice, Context, Described, PlanOptions, PlanResult
from erpoa_cli.engine.stages.weigh import weigh
from erpoa_cli.engine.stages.write import write
from erpoa_cli.engine.staging import relation
from erpoa_cli.state import Layout, PlanFile, StateReader, require_again


def rollback(
    run: str,
    bound: Bound,
    connections: Connections,
    state: StateReader,
    options: PlanOptions,
    listener: Listener = ignore,
) -> PlanResult:
    """Make the plan that takes back what *run* applied in the targets that *options* select.

    What was agreed of every row is what is wanted, and of the rows of the run what they held before it; the stages are
    those of every plan, so documents go back through their states, references find their rows by what they mean, and
    guards count what they always count. A row that somebody changed since is withheld (E0543), a document with all its
    lines. Failure E0542 when the run is unknown or applied nothing."""
    plan = _recorded(run, bound, state)
    with context(bound, connections, state, options, listener) as ctx:
        if any(plan.layout(name).sealed_fields for name in plan.members(Member.CHANGES)):
            require_again(ctx.sealer)
        with ctx.stage("choose targets"):
            choice = _choose(ctx, plan)
        with ctx.stage("describe targets"):
            described = describe(ctx, choice)
        with ctx.stage("read"):
            reads: Mapping[str, Read] = read(ctx, choice, described)
        with ctx.stage("lock"):
            ctx.staging.lock()
        with ctx.stage("tell states"):
            reads = tell_states(described.bound, described.infos, ctx.staging, reads)
        with ctx.stage("recall the run"):
            described, tasks = _recall(ctx, choice, described, reads, plan, run)
        with ctx.stage("compare"):
            compared = compare(ctx, choice, described, reads, tasks)
            for shape in described.shapes.values():
                _tell(ctx, shape, planned=shape.name in choice.selected)
        with ctx.stage("weigh"):
            weighed = weigh(ctx, choice, described, compared)
        unread = failed(reads)
        told = [*described.diagnostics, *_made_anew(ctx, choice), *unread]
        return write(ctx, choice, described, compared, weighed, told, errored=bool(unread))


def changed_targets(run: str, bound: Bound, state: StateReader) -> frozenset[str]:
    """The targets that *run* changed: what a rollback plan selects."""
    return frozenset(_recorded(run, bound, state).members(Member.CHANGES))


def _recorded(run: str, bound: Bound, state: StateReader) -> PlanFile:
    if state.run(run) is None:
        raise _impossible(f"there is no run {run}")
    plan = state.plan(run)
    names = plan.members(Member.CHANGES)
    if not names:
        raise _impossible(f"run {run} wrote nothing")
    if lost := [n for n in names if n not in bound.targets]:
        raise _impossible(f"run {run} wrote targets that are no longer in the project: {', '.join(lost)}")
    return plan


def _impossible(summary: str) -> Failure:
    return Failure(
        Diagnostic("E0542", summary, remedy="`erpoa runs ls` lists the runs and what they wrote."),
    )


def _made_anew(ctx: Context, choice: Choice) -> Iterator[Diagnostic]:
    """What a row that is made anew does not have of the old one."""
    for name in choice.selected:
        anew = f"SELECT count(*) FROM {relation('diff', name)} WHERE kind IS NULL AND {does(Action.CREATE)}"
        count = ctx.staging.scalar(anew)
        if not count:
            continue
        shown = [
            f"{target.name}.{field.name}"
            for target in ctx.bound.targets.values()
            for field in target.fields
            if isinstance(field.value, Result) and field.value.target == name
        ]
        rows = "1 row is" if count == 1 else f"{count} rows are"
        yield Diagnostic(
            "E0548",
            f"{name}: {rows} made anew, with another identifier and without what the target does not declare",
            detail=f"Rows that the run did not write show what the old ones gave: {', '.join(shown)}."
            if shown
            else "",
            remedy="Plan again after it is applied." if shown else "",
            severity=Severity.INFO,
        )


def _choose(ctx: Context, plan: PlanFile) -> Choice:
    """The targets that are asked for, documents with their lines, and of those in which the run made rows, the targets that
    may refer to them by now. Others that the run changed are left out where they were not asked for."""
    asked = choose(ctx)
    lines = {name for name, t in ctx.bound.targets.items() if t.lines and t.lines.parent in asked.selected}
    made = [name for name in asked.selected if plan.header.counts.get(name, {}).get(Action.CREATE)]
    beside = {other for name in made for other in referring(ctx.bound.targets, name)}
    chosen = {*asked.selected, *(lines | beside).difference(plan.members(Member.CHANGES))}
    more = choose(replace(ctx, options=replace(ctx.options, targets=frozenset(chosen))))
    return replace(more, relations=frozenset())


def _recall(
    ctx: Context,
    choice: Choice,
    described: Described,
    reads: Mapping[str, Read],
    plan: PlanFile,
    run: str,
) -> tuple[Described, list[Task]]:
    """Fill `T/before` of every compared target, and what is to be compared with it. Targets that are not to be taken back
    are wanted as they were agreed."""
    shapes, staging = described.shapes, ctx.staging
    gaps = {name: missing(reads[f"actual.{name}"]) for name in shapes}
    for name, shape in shapes.items():
        _stage_run(ctx, shape, described.layouts[name], plan if name in choice.selected else None, run)
    for name in {
        f.value.target for s in shapes.values() for f in s.fields if isinstance(f.value, Reference | Result)
    }:
        _stage_links(ctx, shapes[name], run)
        staging.execute(meant.ended(shapes[name]))
        staging.execute(meant.meant(shapes[name], gaps[name]))
    for shape in shapes.values():
        staging.execute(restore.obstacles(shape, shapes, gaps))
    for shape in shapes.values():
        if lines := shape.target.lines:
            for statement in restore.documents_whole(shapes[lines.parent], shape):
                staging.execute(statement)
    restored: dict[str, Shape] = {}
    for name, shape in shapes.items():
        staging.execute(restore.before(shape, shapes))
        restored[name] = restore.restoring(shape, shapes, _deactivating(ctx, shape))
    described = replace(described, shapes=restored)
    tasks = [
        Task(
            shape=restored[name],
            feed=Feed(
                schema="diff",
                name=f"{name}/before",
                flat=True,
                own={
                    f.name: restore.own(f.name)
                    for f in restored[name].fields
                    if isinstance(f.value, Reference | Result)
                },
            ),
            evidence=Evidence(
                actual=gaps[name],
                first=name not in ctx.state.targets(),
                unread=list_unread(ctx, described, name, reads[f"actual.{name}"]),
                whole=True,
            ),
        )
        for name in choice.names
    ]
    remember(ctx, described)
    return described, tasks


def _stage_run(ctx: Context, shape: Shape, layout: Layout, plan: PlanFile | None, run: str) -> None:
    """`T/kept`: all that is remembered of the target; `T/done`: what the run did to its rows."""
    name, staging = shape.name, ctx.staging
    staging.make("diff", f"{name}/kept", ctx.state.base(layout, ctx.sealer), "SELECT * FROM incoming")
    if plan is None or name not in plan.members(Member.CHANGES):
        staging.execute(restore.nothing_done(shape))
        return
    kept = plan.layout(name)
    if dict(kept.key) != dict(shape.key):
        raise _impossible(f"the key of {name} is another now than in run {run}")
    results = [
        batch.results
        for batch in ctx.state.batches(run, ctx.sealer)
        if batch.intent.target == name and batch.results is not None
    ]
    if not results:  # a part that had nothing of it
        staging.execute(restore.nothing_done(shape))
        return
    told = pa.concat_tables(results, promote_options="default")
    planned = plan.table(Member.CHANGES, name, ctx.sealer)
    staging.make("diff", f"{name}/planned", planned, "SELECT * FROM incoming")
    staging.make("diff", f"{name}/told", told, "SELECT * FROM incoming")
    dropped = tuple(n for n, field in kept.fields.items() if shape.columns.get(n) != field.type)
    recorded = restore.Recorded(
        planned=frozenset(planned.schema.names) - {NOW(n) for n in dropped},
        told=frozenset(told.schema.names),
        dropped=dropped,
    )
    staging.execute(restore.done(shape, recorded))


def _stage_links(ctx: Context, shape: Shape, run: str) -> None:
    """`T/then`: what the run and later ones did to links of the target."""
    names = [*map(KEY, shape.key), *map(ID, list(shape.id)[:1])]
    empty = pa.schema(
        [(name, pa.utf8()) for name in (*names, "given", "action", "situation")]
        + [(name, pa.int64()) for name in ("number", "wave", "step", "ordinal")]
        + [("links", pa.bool_())]
    )
    tables = [empty.empty_table()]
    for number, (layout, rows) in enumerate(ctx.state.links_since(run, shape.name)):
        if dict(layout.key) == dict(shape.key) and dict(layout.id) == dict(shape.id):
            tables.append(rows.append_column("number", pa.repeat(number, rows.num_rows)))
    ctx.staging.make(
        "diff", f"{shape.name}/then", pa.concat_tables(tables[1:] or tables, promote_options="permissive")
    )


def _deactivating(ctx: Context, shape: Shape) -> list[str]:
    """The fields of `deactivate` and `restore` that are no target fields and that the run set, or rows had that it took
    away."""
    moved = shape.lifecycle
    own = [n for n in shape.extras if moved is None or n not in (*moved.sets, *moved.columns)]
    table = relation("diff", f"{shape.name}/done")
    written = ctx.staging.sql(
        f"SELECT DISTINCT unnest(CASE WHEN removed THEN {names_sql(own)} ELSE written END) AS name FROM {table}"
    )
    return [n for n in own if n in set(written.column("name").to_pylist())]


def _tell(ctx: Context, shape: Shape, *, planned: bool) -> None:
    """What is left in the plan: what concerns the run; rows of it that stay as they are, with the reason."""
    for statement in restore.only_the_run(shape):
        ctx.staging.execute(statement)
    if planned:
        for statement in restore.left_alone(shape):
            ctx.staging.execute(statement)
