"""From a project to a frozen plan: one visible list of stages, none of which writes state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.plan import Read
from erpoa_cli.core.secret import Secret
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.chain import tell_states, told
from erpoa_cli.engine.relations.transform import build_models
from erpoa_cli.engine.stages.compare import compare, tasks
from erpoa_cli.engine.stages.describe import choose, describe
from erpoa_cli.engine.stages.read import failed, read
from erpoa_cli.engine.stages.remembered import remember
from erpoa_cli.engine.stages.values import Context, PlanOptions, PlanResult
from erpoa_cli.engine.stages.weigh import weigh
from erpoa_cli.engine.stages.write import write
from erpoa_cli.engine.staging import Staging
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

    Failure when a system cannot be asked what it has, or a target does not fit its object. What a
    read could not prove is no failure: it is withheld, shown, and BLOCKED where removals were wanted."""
    with context(bound, connections, state, options, listener) as ctx:
        with ctx.stage("choose targets"):
            choice = choose(ctx)
        with ctx.stage("describe targets"):
            described = describe(ctx, choice)
        with ctx.stage("read"):
            reads: Mapping[str, Read] = read(ctx, choice, described, lambda: remember(ctx, described))
        with ctx.stage("lock"):  # from here on SQL of the project runs, and nothing of it reaches out
            ctx.staging.lock()
        with ctx.stage("tell states"):
            reads = tell_states(described.bound, described.infos, ctx.staging, reads)
        with ctx.stage("build models"):
            built = build_models(described.bound, ctx.staging, choice.relations, reads, listener=listener)
        with ctx.stage("compare"):
            compared = compare(ctx, choice, described, reads, tasks(ctx, choice, described, reads, built))
        with ctx.stage("weigh"):
            weighed = weigh(ctx, choice, described, compared)
        unread = failed(reads)
        stopped = any(described.bound.targets[n].from_ in built.blocked for n in choice.names)
        return write(
            ctx, choice, described, compared, weighed,
            [*described.diagnostics, *unread, *told(described.bound, reads), *built.diagnostics],
            errored=bool(unread) or stopped,
        )  # fmt: skip


@contextmanager
def context(
    bound: Bound, connections: Connections, state: StateReader, options: PlanOptions, listener: Listener
) -> Iterator[Context]:
    """What the stages of a plan work with; the staging area is gone at the end."""
    project = bound.project
    sealer = load_sealer(Path(project.root), project.key if isinstance(project.key, Secret) else None)
    if bound.sensitive:
        state.need_key(sealer)  # before anybody waits for reads whose values could not be kept
    with Staging(Path(project.root), as_of=options.as_of, sensitive=bound.sensitive) as staging:
        yield Context(
            bound=bound,
            connections=connections,
            state=state,
            options=options,
            staging=staging,
            listener=listener,
            sealer=sealer,
        )
