"""Which targets a plan compares, and what their systems say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from erpoa_cli.core.dependency import closure
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.target import OnDrift, OnVanished, Target, embedded
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import layout, shape
from erpoa_cli.engine.binding.lines import within
from erpoa_cli.engine.binding.opposite import opposite
from erpoa_cli.engine.identity import another, is_moved, may_be_planned, moved
from erpoa_cli.engine.relations.chain import described
from erpoa_cli.engine.stages.values import Choice, Context, Described


def choose(ctx: Context) -> Choice:
    """The selected targets, documents together with the lines inside them, and those they refer to."""
    targets, chosen = ctx.bound.targets, ctx.options.targets
    selected = [n for n in targets if chosen is None or n in chosen]
    documents = [within(t).parent if t.embedded else n for n in selected for t in [targets[n]]]
    inside = [lines.name for n in documents for lines in embedded(targets, n)]
    selected = [n for n in targets if n in {*selected, *documents, *inside}]
    names = closure(targets, selected)
    relations = ctx.bound.needed({targets[n].from_ for n in names})
    return Choice(names=names, selected=tuple(n for n in names if n in selected), relations=relations)


def describe(ctx: Context, choice: Choice) -> Described:
    """Ask the target systems what their objects look like; types that only they know become known.

    Failure (INVALID) where a target does not fit its object; E0544, E0545 where it is not the system, or not the place in
    it, whose rows are remembered."""
    asked = frozenset(choice.names) | ctx.bound.actuals(choice.relations)
    looked = described(ctx.bound, ctx.connections, asked)
    known = ctx.state.targets()
    targets, sources = looked.bound.targets, looked.bound.project.sources
    shapes = {
        name: replace(
            shape(looked.bound, _compared(ctx, targets[name]), looked.infos[name]),
            opposite=opposite(targets[name], targets, sources, known),
        )
        for name in choice.names
    }
    return Described(
        bound=looked.bound,
        infos=looked.infos,
        shapes=shapes,
        layouts={name: layout(one) for name, one in shapes.items()},
        identities=_identities(ctx, looked.bound, shapes),
        diagnostics=tuple(looked.diagnostics),
    )


def _compared(ctx: Context, target: Target) -> Target:
    if not ctx.options.drift_only:
        return target
    return replace(target, on_drift=OnDrift.REPORT, on_vanished=OnVanished.REPORT, on_conflict="report")


def _identities(ctx: Context, bound: Bound, shapes: Mapping[str, Shape]) -> Mapping[str, str]:
    """Which systems the targets are in. Failure E0544 for those that are not the ones whose rows are remembered, E0545 for
    targets that are elsewhere now."""
    known = ctx.state.systems()
    now = {
        system: ctx.connections.identity(system)
        for system in sorted({bound.targets[n].system for n in shapes})
    }
    others = [
        another(bound.project.systems[system], identity, known[system])
        for system, identity in now.items()
        if not may_be_planned(identity, known.get(system))
    ]
    layouts = ctx.state.targets()
    for name in shapes:
        target, kept = bound.targets[name], layouts.get(name)
        here = now[target.system]
        if kept and is_moved(target, kept, here, known) and ctx.state.managed(name, sealer=ctx.sealer):
            others.append(moved(target, kept, here, known))
    if others:
        raise Failure(*others)
    return {name: now[bound.targets[name].system] for name in shapes}
