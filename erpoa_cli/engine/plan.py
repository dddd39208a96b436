"""From a project to a frozen plan: one visible list of stages, none of which writes state."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from erpoa_cli import __version__
from erpoa_cli.core.definition import changed
from erpoa_cli.core.dependency import closure, referring
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure, Severity
from erpoa_cli.core.event import Finished, Listener, Started, ignore
from erpoa_cli.core.graph import NodeId
from erpoa_cli.core.guard import Waiver, idle_waivers
from erpoa_cli.core.plan import Header, Member, Read, ReadStatus
from erpoa_cli.core.reconcile.desired import Feed
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, work
from erpoa_cli.core.relation import node_of, schema_of
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.target import OnDrift, OnSourceGone, OnVanished, embedded
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import layout, shape
from erpoa_cli.engine.binding.lines import within
from erpoa_cli.engine.binding.objects import look
from erpoa_cli.engine.changes import guard, withhold
from erpoa_cli.engine.changes.diff import Differ, Task
from erpoa_cli.engine.changes.freeze import MEMBERS, freeze
from erpoa_cli.engine.changes.hanging import hanging
from erpoa_cli.engine.changes.planning import Planning, PlanOptions, PlanResult
from erpoa_cli.engine.changes.remembered import recall, remember
from erpoa_cli.engine.changes.rules import judge_rules
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.identity import another, is_moved, may_be_planned, moved
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.actual import begin_actuals
from erpoa_cli.engine.relations.read import begin_sources
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.relations.states import leave_dead_out
from erpoa_cli.engine.relations.transform import build_models
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import StateReader, load_sealer

__all__ = ["PlanOptions", "PlanResult", "Waiver", "make_plan"]


def make_plan(
    bound: Bound,
    connections: Connections,
    state: StateReader,
    options: PlanOptions,
    listener: Listener = ignore,
) -> PlanResult:
    """Make the plan that *options* ask for and write its file; nothing else is written but snapshots.

    Failure when a system cannot be asked what it has (exit 1) or a target does not fit its object (exit 3). What a
    read could not prove is no failure: it is withheld, shown, and ends in exit 4 where removals were wanted."""
    project = bound.project
    key = project.key if isinstance(project.key, Secret) else None
    sealer = load_sealer(Path(project.root), key)
    if bound.sensitive:
        state.need_key(sealer)  # before anybody waits for reads whose values could not be kept
    with Staging(Path(project.root), as_of=options.as_of, sensitive=bound.sensitive) as staging:
        planning = Planning(
            bound=bound,
            connections=connections,
            state=state,
            options=options,
            staging=staging,
            listener=listener,
            sealer=sealer,
        )
        for name, stage in STAGES:
            listener(Started(name))
            stage(planning)
            listener(Finished(name, 0))
        return write(planning)


def choose(p: Planning) -> None:
    """The selected targets, documents together with the lines inside them, and those they refer to."""
    chosen = p.options.targets
    selected = [n for n in p.bound.targets if chosen is None or n in chosen]
    documents = [within(t).parent if t.embedded else n for n in selected for t in [p.bound.targets[n]]]
    inside = [lines.name for n in documents for lines in embedded(p.bound.targets, n)]
    selected = [n for n in p.bound.targets if n in {*selected, *documents, *inside}]
    p.names = closure(p.bound.targets, selected)
    p.selected = tuple(n for n in p.names if n in selected)


def describe(p: Planning) -> None:
    """Ask the target systems what their objects look like; types that only they know become known."""
    asked = frozenset(p.names) | p.bound.actuals(p.relations)
    looked = look(p.bound, p.connections, asked)
    errors = [d for d in looked.diagnostics if d.severity is Severity.ERROR]
    if errors:
        raise Failure(*looked.diagnostics, exit=Exit.INVALID)
    p.diagnostics += looked.diagnostics
    p.bound, p.infos = looked.bound, looked.infos
    for name in p.names:
        target = p.bound.targets[name]
        if p.options.drift_only:
            target = replace(
                target, on_drift=OnDrift.REPORT, on_vanished=OnVanished.REPORT, on_conflict="report"
            )
        p.shapes[name] = shape(p.bound, target, p.infos[name])
        p.layouts[name] = layout(p.shapes[name])
    same_systems(p)


def same_systems(p: Planning) -> None:
    """Which systems the targets are in. Failure E0544 for those that are not the ones whose rows are remembered, E0545 for
    targets that are elsewhere now."""
    known = p.state.systems()
    now = {
        system: p.connections.identity(system)
        for system in sorted({p.bound.targets[n].system for n in p.names})
    }
    others = [
        another(p.bound.project.systems[system], identity, known[system])
        for system, identity in now.items()
        if not may_be_planned(identity, known.get(system))
    ]
    layouts = p.state.targets()
    for name in p.names:
        target, layout = p.bound.targets[name], layouts.get(name)
        here = now[target.system]
        if layout and is_moved(target, layout, here, known) and p.state.managed(name, sealer=p.sealer):
            others.append(moved(target, layout, here, known))
    if others:
        raise Failure(*others, exit=Exit.STALE)
    p.identities = {name: now[p.bound.targets[name].system] for name in p.names}


def read(p: Planning) -> None:
    """Read the sources, what the targets hold, and meanwhile what was last applied."""
    with Readers(p.bound.project) as readers:
        sources = begin_sources(
            p.bound,
            p.connections,
            p.staging,
            p.state,
            readers,
            names=p.relations & p.bound.project.sources.keys(),
            offline=p.options.offline,
            full=p.options.full,
            waived={w.target: w.count for w in p.options.waivers if w.guard == "max_drop"},
            sealer=p.sealer,
            listener=p.listener,
        )
        actuals = begin_targets(p, readers)
        remember(p)
        p.reads = sources() | actuals()
    for done in p.reads.values():
        if done.verdict.status is ReadStatus.FAILED:
            p.errored = True
            code = "E0435" if done.relation.startswith("actual.") else "E0436"
            p.diagnostics.append(
                Diagnostic(
                    code,
                    f"{done.relation} could not be read",
                    detail=done.verdict.reason,
                    remedy=f"`erpoa doctor` looks at the system {done.system}.",
                )
            )


def begin_targets(p: Planning, readers: Readers) -> Callable[[], dict[str, Read]]:
    """Begin to read what the compared targets hold, and those that project SQL asks for."""
    names = (*p.names, *sorted(p.bound.actuals(p.relations) - set(p.names)))
    return begin_actuals(p.bound, p.infos, names, p.connections, p.staging, readers, p.listener)


def tell_states(p: Planning) -> None:
    """The state of every document; those that are over are left out, with their lines: nothing matches them."""
    p.staging.lock()
    for done in [read for read in p.reads.values() if read.relation.startswith("actual.")]:
        name = done.relation.removeprefix("actual.")
        target, info = p.bound.targets[name], p.infos[name]
        over = leave_dead_out(p.staging, target, target.id or info.id)
        if over:
            evidence = {**done.verdict.evidence, "dead": over}
            p.reads[done.relation] = replace(done, verdict=replace(done.verdict, evidence=evidence))


def build(p: Planning) -> None:
    """Seeds and transforms, their tests and contracts."""
    p.built = build_models(p.bound, p.staging, p.relations, p.reads, listener=p.listener)
    p.diagnostics += p.built.diagnostics
    p.errored = p.errored or any(p.bound.targets[n].from_ in p.built.blocked for n in p.names)


def compare(p: Planning) -> None:
    """The diff of every target; what is not planned or must wait is taken out."""
    p.staging.number()
    edited = _edited(p)
    p.differ = Differ(
        [_task(p, name, edited) for name in p.names],
        p.staging.execute,
        p.staging.scalar,
        recall=partial(recall, p),
        compact=p.staging.compact,
    )
    p.differ.compare()
    _count_foreign(p)
    inside = [name for name in p.names if p.shapes[name].target.embedded]
    _keep_back(p, inside)
    p.differ.compose()  # what a document wants are its lines, too
    _keep_back(p, [name for name in p.names if name not in inside])
    _look_what_hangs(p)
    p.differ.arrange()


def _keep_back(p: Planning, names: Sequence[str]) -> None:
    """Take out of the diff of *names* what is not planned or must wait."""
    earlier: list[Shape] = []
    for name in names:
        one = p.shapes[name]
        if name not in p.selected:
            withhold.context_only(one, p.staging)
            continue
        withhold.remembered(one, p.layouts[name], p.staging, p.state, p.sealer, retry=p.options.retry)
        withhold.sibling_creates(one, p.staging, earlier)
        withhold.unselected(one, p.staging, sorted(referring(p.bound.targets, name) - set(p.selected)))
        if p.options.adopt:
            withhold.only_adopt(one, p.staging)
        if p.options.drift_only:
            withhold.only_drift(one, p.staging)
        earlier.append(one)


def _look_what_hangs(p: Planning) -> None:
    """Withhold deletes that take rows of others along. What is withheld may be what hangs on another one: once more, then."""
    again = True
    while again:
        again = False
        for name in p.selected:
            one, info = p.shapes[name], p.infos[name]
            if not info.hanging:
                continue
            beside = {
                n: s for n, s in p.shapes.items() if n in p.selected and s.target.system == one.target.system
            }
            with p.connections.lease(one.target.system) as session:
                found = hanging(one, info, p.staging, session, beside)
            withhold.taking_along(one, p.staging, found)
            again = again or bool(found)


def _count_foreign(p: Planning) -> None:
    """Rows of theirs that are none of ours are left alone and counted, as evidence of the read."""
    assert p.differ is not None
    for name in p.selected:
        done = p.reads[f"actual.{name}"]
        evidence = {**done.verdict.evidence, "foreign": p.differ.foreign(name)}
        p.reads[done.relation] = replace(done, verdict=replace(done.verdict, evidence=evidence))


def _task(p: Planning, name: str, edited: frozenset[NodeId]) -> Task:
    assert p.built is not None
    target = p.bound.targets[name]
    source = target.from_
    held_rows = p.built.held.get(source, 0)
    named = set(p.bound.key(source)) == set(target.key)
    evidence = p.built.evidence(source)
    if held_rows and not named:
        evidence = "; ".join(filter(None, [evidence, f"{held_rows} rows of {source} are held"]))
    actual = p.reads[f"actual.{name}"]
    complete = actual.verdict.status is ReadStatus.COMPLETE
    return Task(
        shape=p.shapes[name],
        feed=Feed(
            schema=schema_of(p.bound.project, source),
            name=source,
            columns=p.bound.relations[source],
            held=bool(held_rows) and named,
            blocked=source in p.built.blocked,
        ),
        evidence=Evidence(
            desired=evidence,
            actual="" if complete else actual.verdict.reason or "it was not read completely",
            first=name not in p.state.targets(),
            edited=bool(_behind(p, name) & edited),
            unread=_list_unread(p, name, actual),
        ),
    )


def _edited(p: Planning) -> frozenset[NodeId]:
    """The nodes whose definition changed since the last applied plan; none before the first."""
    before = p.state.definitions()
    return changed(p.bound.project, before) if before else frozenset()


def _behind(p: Planning, name: str) -> set[NodeId]:
    """A target and everything it is fed from, as nodes."""
    relations = p.bound.needed([p.bound.targets[name].from_])
    return {f"target:{name}"} | {node_of(p.bound.project, relation) for relation in relations}


def _list_unread(p: Planning, name: str, actual: Read) -> bool:
    """Rows of theirs with an unreadable value, by row number."""
    if not actual.held:
        return False
    listing = relation("held", actual.relation)
    key = held.key_json(tuple(p.shapes[name].id.items()), "a")
    p.staging.execute(
        f"CREATE OR REPLACE TABLE {work(name, 'unread')} AS "
        "SELECT a.rowid AS a_row, string_agg(concat_ws(': ', h.field, h.reason), '; ') AS unread "
        f"FROM {relation('actual', name)} a JOIN {listing} h ON h.key = {key} GROUP BY a.rowid"
    )
    return True


def weigh(p: Planning) -> None:
    """Guards, freezes and rules over what is planned."""
    assert p.differ is not None
    shapes = [p.shapes[n] for n in p.selected]
    p.measures = [guard.measure(s, p.layouts[s.name], p.infos[s.name], p.staging, p.differ) for s in shapes]
    project, waivers = p.bound.project, p.options.waivers
    p.guards = guard.verdicts(project, p.staging, shapes, p.measures, waivers)
    p.guards += guard.drops(project.sources, p.reads, waivers)
    for waiver in idle_waivers(waivers, p.guards):
        p.diagnostics.append(
            Diagnostic(
                "E0431",
                f"the waiver {waiver.target}.{waiver.guard}={waiver.count} lets nothing pass",
                severity=Severity.WARNING,
            )
        )
    rules, problems = judge_rules(
        project.rules, p.staging, shapes, p.layouts, p.measures, list(p.reads.values())
    )
    p.guards += rules
    p.diagnostics += problems


STAGES: tuple[tuple[str, Callable[[Planning], None]], ...] = (
    ("choose targets", choose),
    ("describe targets", describe),
    ("read", read),
    ("tell states", tell_states),
    ("build models", build),
    ("compare", compare),
    ("weigh", weigh),
)


def write(p: Planning) -> PlanResult:
    """Freeze what was found."""
    now = datetime.now(UTC)
    project, options = p.bound.project, p.options
    unproven = _unproven(p)
    blocked = [v for v in p.guards if v.blocks]
    tasks = _new_tasks(p)
    plan = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
    header = Header(
        id=plan,
        created=now,
        expires=now + options.expires_after,
        as_of=options.as_of,
        project=project.name,
        environment=project.environment,
        author=options.author,
        tool=__version__,
        lineage=p.state.lineage,
        serial=p.state.serial,
        commit=options.commit,
        dirty=options.dirty,
        selection=options.selection,
        errored=p.errored,
        complete=options.targets is None,
        plugins=dict(p.connections.plugin(p.bound.targets[n].system) for n in p.names),
    )
    path = options.out or p.root / ".erpoa" / "plans" / f"{plan}.erpoaplan"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = freeze(
        path,
        header,
        p.staging,
        project,
        {n: p.layouts[n] for n in p.selected},
        p.identities,
        list(p.reads.values()),
        p.guards,
        p.measures,
        p.sealer,
        applies=not p.errored and not blocked and not options.drift_only,
        remembers=tasks,
    )
    changes = sum(m.changes for m in p.measures)
    code = (
        Exit.BLOCKED
        if blocked or unproven or p.errored
        else Exit.CHANGES
        if changes or tasks or _drifted(p)
        else Exit.SUCCESS
    )
    objections = [guard.objection(verdict, project.targets) for verdict in blocked]
    diagnostics = [*p.diagnostics, *objections, *unproven]
    return PlanResult(path, header, code, tuple(diagnostics))


def _new_tasks(p: Planning) -> bool:
    """Whether other things wait for people than the state remembers."""
    for name in p.selected:
        rows = p.staging.sql(
            f"SELECT {key_text_sql(p.shapes[name], '')} AS key, code, reason FROM {relation('diff', name)} WHERE kind = 'task'"
        ).to_pylist()
        told = {(row["key"], row["code"], row["reason"]) for row in rows}
        if told != {(task.key, task.code, task.reason) for task in p.state.tasks(name)}:
            return True
    return False


def _unproven(p: Planning) -> list[Diagnostic]:
    """Where removals were wanted and the reads do not prove them, or not that it is our row, or others would go along."""
    found = []
    for name in p.selected:
        if p.shapes[name].target.on_source_gone is OnSourceGone.KEEP:
            continue
        rows = p.staging.sql(
            f"SELECT code, count(*) AS n, min(reason) AS why FROM {relation('diff', name)} "
            "WHERE kind = 'withheld' AND code IN ('E0415', 'E0416', 'E0420', 'E0438') GROUP BY code ORDER BY code"
        ).to_pylist()
        found += [
            Diagnostic(
                "E0437",
                f"{name}: {row['n']} removal{' is' if row['n'] == 1 else 's are'} withheld ({row['code']})",
                detail=row["why"],
                remedy=f"`erpoa explain {row['code']}` tells the way out.",
            )
            for row in rows
        ]
    return found


def _drifted(p: Planning) -> bool:
    told = f"({MEMBERS[Member.DRIFT]}) OR ({MEMBERS[Member.CONFLICTS]})"
    return any(
        p.staging.scalar(f"SELECT count(*) FROM {relation('diff', n)} WHERE {told}") for n in p.selected
    )
