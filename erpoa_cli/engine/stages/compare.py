"""The diff of every target, less what is not planned or must wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from erpoa_cli.core.columns import NOW
from erpoa_cli.core.definition import changed
from erpoa_cli.core.dependency import referring
from erpoa_cli.core.graph import NodeId
from erpoa_cli.core.plan import Read, ReadStatus
from erpoa_cli.core.reconcile.desired import Feed
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.shape import Shape, table, work
from erpoa_cli.core.relation import node_of, schema_of
from erpoa_cli.core.situation import WRITES, does
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.lines import within
from erpoa_cli.engine.changes import withhold
from erpoa_cli.engine.changes.diff import Differ, Task
from erpoa_cli.engine.changes.hanging import hanging, withheld
from erpoa_cli.engine.reach import Reach
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.chain import with_evidence
from erpoa_cli.engine.relations.transform import Built
from erpoa_cli.engine.stages.again import look_again
from erpoa_cli.engine.stages.remembered import recall
from erpoa_cli.engine.stages.values import Choice, Compared, Context, Described
from erpoa_cli.engine.staging import relation
from erpoa_cli.sdk.connector import Writable


def tasks(
    ctx: Context, choice: Choice, described: Described, reads: Mapping[str, Read], built: Built
) -> list[Task]:
    """What is to be compared: every target with the relation it is fed from, and what the reads prove."""
    before = ctx.state.definitions()
    edited = changed(described.bound.project, before) if before else frozenset[NodeId]()
    return [_task(ctx, described, name, reads, built, edited) for name in choice.names]


def _task(
    ctx: Context,
    described: Described,
    name: str,
    reads: Mapping[str, Read],
    built: Built,
    edited: frozenset[NodeId],
) -> Task:
    bound = described.bound
    target = bound.targets[name]
    source = target.from_
    held_rows = built.held.get(source, 0)
    named = set(bound.key(source)) == set(target.key)
    evidence = built.evidence(source)
    if held_rows and not named:
        evidence = "; ".join(filter(None, [evidence, f"{held_rows} rows of {source} are held"]))
    return Task(
        shape=described.shapes[name],
        feed=Feed(
            schema=schema_of(bound.project, source),
            name=source,
            columns=bound.relations[source],
            held=bool(held_rows) and named,
            blocked=source in built.blocked,
        ),
        evidence=Evidence(
            desired=evidence,
            actual=missing(reads[f"actual.{name}"]),
            first=name not in ctx.state.targets(),
            edited=bool(_behind(bound, name) & edited),
            unread=list_unread(ctx, described, name, reads[f"actual.{name}"]),
        ),
    )


def _behind(bound: Bound, name: str) -> set[NodeId]:
    """A target and everything it is fed from, as nodes."""
    relations = bound.needed([bound.targets[name].from_])
    return {f"target:{name}"} | {node_of(bound.project, relation) for relation in relations}


def missing(actual: Read) -> str:
    """Why a row that is not in *actual* may be there all the same; empty: it is not."""
    complete = actual.verdict.status is ReadStatus.COMPLETE
    return "" if complete else actual.verdict.reason or "it was not read completely"


def list_unread(ctx: Context, described: Described, name: str, actual: Read) -> bool:
    """Fill `T/unread` with the rows of theirs that have an unreadable value, by row number; whether there are any."""
    if not actual.held:
        return False
    listing = relation("held", actual.relation)
    key = held.key_json(tuple(described.shapes[name].id.items()), "a", NOW)
    ctx.staging.execute(
        f"CREATE OR REPLACE TABLE {work(name, 'unread')} AS "
        "SELECT a.rowid AS row_a, string_agg(concat_ws(': ', h.field, h.reason), '; ') AS unread "
        f"FROM {relation('theirs', name)} a JOIN {listing} h ON h.key = {key} GROUP BY a.rowid"
    )
    return True


def compare(
    ctx: Context, choice: Choice, described: Described, reads: Mapping[str, Read], tasks: Sequence[Task]
) -> Compared:
    """Fill `diff."T"` of every target of *tasks*; what is not planned or must wait is taken out."""
    ctx.staging.number()
    shapes = described.shapes
    differ = Differ(
        tasks,
        ctx.staging.execute,
        ctx.staging.scalar,
        rows=ctx.staging.sql,
        make=ctx.staging.make,
        recall=lambda shape: recall(ctx, described.layouts[shape.name], shape),
        compact=ctx.staging.compact,
    )
    differ.compare()
    counted = dict(reads)
    for name in choice.selected:  # rows of theirs that are none of ours are left alone and counted
        done = reads[f"actual.{name}"]
        counted[done.relation] = with_evidence(done, "foreign", differ.foreign(name))
    look_again(ctx, choice, described, reads, tasks)
    keep_back = partial(_keep_back, ctx, choice, described, shapes)
    keep_back([name for name, one in shapes.items() if one.target.embedded])
    differ.compose()  # what a document wants are its lines, too
    keep_back([name for name, one in shapes.items() if not one.target.embedded])
    along = _look_what_hangs(ctx, choice, described, shapes)
    differ.arrange()
    return Compared(differ=differ, reads=counted, along=along)


def _keep_back(
    ctx: Context, choice: Choice, described: Described, shapes: Mapping[str, Shape], names: Sequence[str]
) -> None:
    """Take out of the diff of *names* what is not planned or must wait."""
    options, earlier = ctx.options, list[Shape]()
    for name in names:
        one = shapes[name]
        if name not in choice.selected:
            withhold.context_only(one, ctx.staging)
            continue
        withhold.remembered(
            one, described.layouts[name], ctx.staging, ctx.state, ctx.sealer, retry=options.retry
        )
        withhold.sibling_creates(one, ctx.staging, earlier)
        outside = referring(described.bound.targets, name) - set(choice.selected)
        withhold.unselected(one, ctx.staging, sorted(outside))
        if options.adopt:
            withhold.only_adopt(one, ctx.staging)
        if options.drift_only:
            withhold.only_drift(one, ctx.staging)
        if why := _unwritable(ctx, described, one):
            withhold.unwritable(one, ctx.staging, why)
        earlier.append(one)


def _unwritable(ctx: Context, described: Described, one: Shape) -> str:
    """Why nothing can be written to the object of a target with changes; it is asked only then."""
    target = one.target
    if target.embedded:
        target = described.bound.targets[within(target).parent]
    wanted = f"SELECT 1 FROM {table('diff', one.name)} WHERE kind IS NULL AND {does(*WRITES)} LIMIT 1"
    if not ctx.staging.scalar(wanted):
        return ""
    with ctx.connections.lease(target.system) as session:
        return session.unwritable(target.object) if isinstance(session, Writable) else ""


def _look_what_hangs(
    ctx: Context, choice: Choice, described: Described, shapes: Mapping[str, Shape]
) -> dict[str, int]:
    """Withhold writes that reach further than their target allows, and tell how far the others do; target → how many rows of
    others go along. What is withheld may be what hangs on another one: once more, then."""
    again = True
    found: dict[str, dict[str, Reach]] = {}
    while again:
        again = False
        for name in choice.selected:
            one, info = shapes[name], described.infos[name]
            if not info.hanging and not info.following:
                continue
            beside = {
                n: s
                for n, s in shapes.items()
                if n in choice.selected and s.target.system == one.target.system
            }
            with ctx.connections.lease(one.target.system) as session:
                reached = hanging(one, info, ctx.staging, session, beside)
            refused = withheld(reached, one.target.reach)
            withhold.taking_along(one, ctx.staging, refused)
            found[name] = {key: reach for key, reach in reached.items() if key not in refused}
            again = again or bool(refused)
    for name, reached in found.items():
        withhold.told_along(shapes[name], ctx.staging, {key: reach.text for key, reach in reached.items()})
    return {name: sum(reach.gone for reach in reached.values()) for name, reached in found.items()}
