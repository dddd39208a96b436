"""What a plan reads: the sources, and what the targets hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.plan import Read, ReadStatus
from erpoa_cli.engine.relations.chain import Needs, begin
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.stages.values import Choice, Context, Described


def read(
    ctx: Context, choice: Choice, described: Described, meanwhile: Callable[[], None] = lambda: None
) -> Mapping[str, Read]:
    """Every relation that is read, with its verdict: what the targets are fed from, and what they hold. *meanwhile* is done
    while the systems answer."""
    bound = described.bound
    needs = Needs(
        sources=choice.relations & bound.project.sources.keys(),
        actuals=(*choice.names, *sorted(bound.actuals(choice.relations) - set(choice.names))),
        offline=ctx.options.offline,
        full=ctx.options.full,
        waived={w.target: w.count for w in ctx.options.waivers if w.guard == "max_drop"},
    )
    with Readers(bound.project, ctx.connections) as readers:
        coming = begin(
            bound, described.infos, needs, ctx.connections, ctx.staging, ctx.state, readers,
            sealer=ctx.sealer, listener=ctx.listener,
        )  # fmt: skip
        meanwhile()
        return coming()


def failed(reads: Mapping[str, Read]) -> list[Diagnostic]:
    """What could not be read: E0435 of a target, E0436 of a source."""
    found = []
    for done in reads.values():
        if done.verdict.status is ReadStatus.FAILED:
            target = done.relation.removeprefix("actual.")
            theirs = target != done.relation
            found.append(
                Diagnostic(
                    "E0435" if theirs else "E0436",
                    f"{done.relation} could not be read",
                    detail=done.verdict.reason,
                    remedy=f"`erpoa doctor` looks at the system {done.system}; `-x {target if theirs else target + '+'}` "
                    "plans what does not need it.",
                )
            )
    return found
