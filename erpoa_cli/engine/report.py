"""A plan file, or the run that applied it, as the values that renderers read."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import AGREED, KEY, NOW, PENDING, PLANNED, SEEN, WANTED
from erpoa_cli.core.plan import ASIDE, REPORTED, Change, FieldChange, Member, Pattern, SetAside
from erpoa_cli.core.report import PlanReport, RunSummary, TargetReport
from erpoa_cli.core.situation import Action, Cause, Situation
from erpoa_cli.core.target import Ownership
from erpoa_cli.engine.outcomes import NONE, SEVERITY, Outcomes, outcomes
from erpoa_cli.engine.pattern import FOLDABLE, Ask, fold
from erpoa_cli.engine.staging import Staging
from erpoa_cli.engine.ways import Way, ways
from erpoa_cli.state import Layout, PlanFile, Sealer, StateReader

_EXAMPLES = 3  # of a group of new rows
_COUNTED = ("action", "cause")  # what the rows of a plan are counted by

Revealed = frozenset[tuple[str, str]]
"""Sensitive fields, as (target, field), whose values are told."""


def report(
    plan: PlanFile,
    root: Path,
    *,
    limit: int | None = 20,
    addresses: Sequence[Address] = (),
    sealer: Sealer | None = None,
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """*plan*, of the project at *root*, with at most *limit* rows per target listed singly (None: all, and nothing folded), or only the rows
    of *addresses*. Values of sensitive fields leave here only where `reveal` shows a part of them, or where they
    are *revealed*: then they are told like those of any other field."""
    return _report(plan, root, {}, limit, addresses, sealer, revealed)


def run_report(
    state: StateReader,
    run: str,
    *,
    limit: int | None = 20,
    addresses: Sequence[Address] = (),
    sealer: Sealer | None = None,
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """The plan that *run* applied, with what became of its changes: those that were not applied come first."""
    found = state.run(run)
    status = found.status.value if found else ""
    told_report = _report(
        state.plan(run), state.root, outcomes(state, run), limit, addresses, sealer, revealed
    )
    return PlanReport(
        header=told_report.header,
        targets=told_report.targets,
        reads=told_report.reads,
        guards=told_report.guards,
        run=RunSummary(run, status),
    )


def _report(
    plan: PlanFile,
    root: Path,
    outcomes: Mapping[str, Outcomes],
    limit: int | None,
    addresses: Sequence[Address],
    sealer: Sealer | None,
    revealed: Revealed,
) -> PlanReport:
    with Staging(root, as_of=plan.header.as_of) as staging:
        teller = _Teller(plan, outcomes, limit, frozenset(addresses), sealer, revealed, staging.compare)
        names = sorted({*plan.targets, *plan.header.counts}, key=teller.place)
        targets = tuple(teller.target(name) for name in names)
    return PlanReport(header=plan.header, targets=targets, reads=plan.reads, guards=plan.guards)


class _Teller:
    """Turns one target's tables into a `TargetReport`."""

    def __init__(
        self,
        plan: PlanFile,
        outcomes: Mapping[str, Outcomes],
        limit: int | None,
        addresses: frozenset[Address],
        sealer: Sealer | None,
        revealed: Revealed,
        ask: Ask,
    ) -> None:
        self._plan = plan
        self._outcomes = outcomes
        self._limit = limit
        self._addresses = addresses
        self._sealer = sealer
        self._revealed = revealed
        self._ask = ask
        self._ways: Mapping[int, Way] = {}  # of the target that is told

    def place(self, name: str) -> tuple[int, str]:
        """Where a target stands in the report: in the order of writing, those without changes last."""
        if name not in self._plan.members(Member.CHANGES):
            return sys.maxsize, name
        return pc.min(self._plan.table(Member.CHANGES, name, columns=["wave"])["wave"]).as_py() or 0, name

    def target(self, name: str) -> TargetReport:
        about = self._plan.targets.get(name, {})
        tables = {
            member: t for member in (Member.CHANGES, *ASIDE) if (t := self._table(member, name)) is not None
        }
        if not tables:
            layout = None
            self._ways = {}
            changes: pa.Table | None = None
        else:
            layout = self._plan.layout(name)
            changes = tables.get(Member.CHANGES)
            self._ways = ways(self._plan, layout)
            changes = changes if changes is None else self._without_followers(changes)
        listed, patterns, unlisted = self._changes(name, layout, changes)
        aside: list[SetAside] = []
        unlisted_aside = 0
        for member in ASIDE:
            if (table := tables.get(member)) is not None and layout is not None:
                rows = list(self._set_aside(layout, self._opened(member, layout, self._cut(table)), member))
                aside += rows
                unlisted_aside += table.num_rows - len(rows)
        return TargetReport(
            target=name,
            system=str(about.get("system", layout.system if layout else "")),
            object=str(about.get("object", layout.object if layout else "")),
            parent=self._parent(name),
            counts=self._plan.header.counts.get(name, {}),
            aside={member.kind: tables[member].num_rows for member in ASIDE if member in tables},
            outcomes=self._outcomes.get(name, NONE).counts(),
            causes=_causes(changes),
            patterns=patterns,
            changes=listed,
            set_aside=tuple(aside),
            unlisted=unlisted,
            unlisted_aside=unlisted_aside,
            uncompared=_uncompared(about, layout),
            unproven=int(about.get("unproven", 0)),
        )

    def _parent(self, name: str) -> str:
        """The target whose documents *name* holds the lines of; empty when it holds no lines."""
        parent = name.rpartition(".")[0]
        return parent if parent in self._plan.targets else ""

    def _table(self, member: str, name: str) -> pa.Table | None:
        """The rows to tell, with little more than their keys: most of them are only counted."""
        if name not in self._plan.members(member):
            return None
        layout = self._plan.layout(name)
        table = self._plan.table(member, name, columns=[*_COUNTED, *(KEY(key) for key in layout.key)])
        if not self._addresses:
            return table
        wanted = [a for a in self._addresses if a.target == name]
        keep = [index for index, row in enumerate(_keys(table, layout)) if Address.of(name, row) in wanted]
        return table.take(pa.array(keep, pa.int64()))

    def _without_followers(self, changes: pa.Table) -> pa.Table:
        """*changes* without the steps that the first step of their way tells."""
        told = [ordinal for way in self._ways.values() for ordinal in way.ordinals[1:]]
        return changes.filter(pc.invert(pc.is_in(changes["ordinal"], pa.array(told, pa.int64()))))

    def _cut(self, table: pa.Table) -> pa.Table:
        return table if self._limit is None else table.slice(0, self._limit)

    def _opened(self, member: str, layout: Layout, rows: pa.Table) -> pa.Table:
        """All columns of *rows*, with the values opened of fields that are revealed, wholly or in part; all other
        sealed ones replaced by whether they are there."""
        name, ordinals = layout.target, rows["ordinal"].combine_chunks()
        table = self._plan.table(member, name, ordinals=ordinals)
        shown = [f for f in layout.sealed_fields if layout.fields[f].reveal or (name, f) in self._revealed]
        opened = None
        if shown and self._sealer:
            opened = self._plan.table(member, name, self._sealer, ordinals=ordinals)
        for field in layout.sealed_fields:
            for column in (image(field) for image in PLANNED):
                if column not in table.schema.names:
                    continue
                values = opened[column] if opened is not None and field in shown else _masked(table[column])
                table = table.set_column(table.schema.get_field_index(column), column, values)
        return table

    def _changes(
        self, name: str, layout: Layout | None, changes: pa.Table | None
    ) -> tuple[tuple[Change, ...], tuple[Pattern, ...], int]:
        """(rows listed singly and examples, patterns, how many rows neither tells)."""
        if changes is None or layout is None or not changes.num_rows:
            return (), (), 0
        if self._limit is None or changes.num_rows <= self._limit:
            return _by_row(self._rows(name, layout, changes)), (), 0
        updated = changes.filter(pc.is_in(changes["action"], pa.array(FOLDABLE)))["ordinal"].combine_chunks()
        folded = fold(self._plan.table(Member.CHANGES, name, ordinals=updated), layout, self._ask)
        single = self._single(name, changes, folded.outliers)
        raw = [*folded.patterns.to_pylist(), *_news(changes, self._limit), *self._moves(layout, changes)]
        examples = [ordinal for pattern in raw for ordinal in pattern["examples"]]
        ordinals = pa.array([*single[: self._limit], *examples], pa.int64())
        rows = changes.filter(pc.is_in(changes["ordinal"], ordinals))
        listed = {change.ordinal: change for change in self._rows(name, layout, rows)}
        patterns = tuple(_pattern(name, pattern, listed) for pattern in raw)
        return _by_row(listed.values()), patterns, max(0, len(single) - self._limit)

    def _single(self, name: str, changes: pa.Table, outliers: pa.Table) -> list[int]:
        """Ordinals to tell one by one: what was not applied, then deletes, then outliers and single creates."""
        failed = self._outcomes.get(name, NONE).unapplied()
        by_action = {
            action: _ordinals(changes, action) for action in (Action.DELETE, Action.MOVE, Action.CREATE)
        }
        for action in (Action.MOVE, Action.CREATE):
            if self._limit is not None and len(by_action[action]) > self._limit:
                by_action[action] = []
        told = [ordinal for ordinals in by_action.values() for ordinal in ordinals]
        return list(dict.fromkeys([*failed, *told, *outliers["ordinal"].to_pylist()]))

    def _moves(self, layout: Layout, changes: pa.Table) -> Iterator[dict[str, Any]]:
        """Moves beyond the limit, folded by their way and cause."""
        moved = changes.filter(pc.equal(changes["action"], Action.MOVE.value))
        if self._limit is None or moved.num_rows <= self._limit:
            return
        groups: dict[tuple[str, str], list[int]] = {}
        for row in moved.select(["ordinal", "cause"]).to_pylist():
            groups.setdefault((self._ways[row["ordinal"]].words, row["cause"]), []).append(row["ordinal"])
        for (words, cause), ordinals in sorted(groups.items()):
            yield {
                "action": Action.MOVE.value,
                "cause": cause,
                "field": layout.state,
                "what": words,
                "rows": len(ordinals),
                "examples": ordinals[:_EXAMPLES],
            }

    def _rows(self, name: str, layout: Layout, table: pa.Table) -> Iterator[Change]:
        steps = [n for first in table["ordinal"].to_pylist() for n in self._steps(first)]
        outcomes = self._outcomes.get(name, NONE).of(pa.array(steps, pa.int64()))
        opened = self._opened(Member.CHANGES, layout, table)
        hidden = self._hidden(name, layout)
        for key, row in zip(_keys(opened, layout), opened.to_pylist(), strict=True):
            told = [outcomes[n] for n in self._steps(row["ordinal"]) if n in outcomes]
            outcome, error = max(told, key=lambda o: SEVERITY.index(o[0]), default=(None, ""))
            action, way = Action(row["action"]), self._ways.get(row["ordinal"])
            if way:
                row |= {
                    NOW(layout.state): way.before,
                    WANTED(layout.state): way.after,
                    "fields": [layout.state],
                }
            names = layout.fields if action is Action.DELETE else row["fields"] or ()
            yield Change(
                address=Address.of(name, key),
                action=action,
                situation=Situation(row["situation"]),
                cause=Cause(row["cause"]),
                fields={
                    field: self._field(row, field, layout)
                    for field in names
                    if field in layout.fields and field not in hidden
                },
                ordinal=row["ordinal"],
                wave=row["wave"] or 0,
                step=row["step"] or 1,
                reason=_reason(row["reason"] or ""),
                outcome=outcome,
                error=error,
                calls=way.calls if way else (),
            )

    def _hidden(self, name: str, layout: Layout) -> frozenset[str]:
        """Fields that rows of other targets tell: a document's list of lines, and the document of a line in it."""
        lists = {field for field in layout.fields if f"{name}.{field}" in self._plan.targets}
        parent, _, within = name.rpartition(".")
        try:
            inside = within in self._plan.layout(parent).fields
        except KeyError:  # nothing of the document is in the plan, so its lines are written by themselves
            inside = False
        return frozenset([*lists, *([next(iter(layout.id))] if inside else [])])

    def _steps(self, ordinal: int) -> tuple[int, ...]:
        """The ordinals of all steps that are told with this one."""
        way = self._ways.get(ordinal)
        return way.ordinals if way else (ordinal,)

    def _set_aside(self, layout: Layout, table: pa.Table, member: Member) -> Iterator[SetAside]:
        for key, row in zip(_keys(table, layout), table.to_pylist(), strict=True):
            differ = {Member.DRIFT: row["drifted"], Member.CONFLICTS: row["conflicted"]}
            told = differ.get(member, row["fields"]) or ()
            yield SetAside(
                address=Address.of(layout.target, key),
                kind=member.kind,
                code=row["code"] or "",
                reason=row["reason"] or _first_contact(row, member.kind),
                wanted=Action(row["action"]) if row["action"] else None,
                fields={field: self._field(row, field, layout) for field in told if field in layout.fields},
            )

    def _field(self, row: Mapping[str, Any], name: str, layout: Layout) -> FieldChange:
        field = layout.fields[name]
        pending = row.get(PENDING(name))
        target, key, what = json.loads(pending)[:3] if pending else ("", "", "")
        agreed = row.get(AGREED(name))
        return FieldChange(
            before=row.get(NOW(name)),
            after=row.get(WANTED(name)),
            agreed=agreed,
            seen=row.get(SEEN(name)),
            pending=(target, key, what) if pending else None,
            never=agreed is None if row["known"] is None else name not in row["known"],
            sensitive=field.sealed and (layout.target, name) not in self._revealed,
            reveal=field.reveal,
        )


def _reason(kept: str) -> str:
    if not kept.startswith("["):
        return kept
    from erpoa_cli.engine.reach import in_words  # noqa: PLC0415 - not before a row reaches further

    return f"reaches {in_words(kept)}"


def _by_row(changes: Iterable[Change]) -> tuple[Change, ...]:
    """*changes* in their order, what is done to one row together, as it is done."""
    every = list(changes)
    first: dict[Address, int] = {}
    for change in every:
        first.setdefault(change.address, change.ordinal)
    return tuple(sorted(every, key=lambda c: (first[c.address], c.step)))


def _first_contact(row: Mapping[str, Any], kind: str) -> str:
    """Nobody changed anything when two rows meet: they never agreed."""
    met = kind in REPORTED and row["situation"] == Situation.FOUND
    return "first contact, nothing was agreed before" if met else ""


def _keys(table: pa.Table, layout: Layout) -> Iterator[dict[str, str]]:
    columns = {
        name: [canonical(value, type_) or "" for value in table[KEY(name)].to_pylist()]
        for name, type_ in layout.key.items()
    }
    return (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _masked(column: pa.ChunkedArray) -> pa.Array:
    """Instead of sealed bytes a text that says only that there is a value."""
    return pa.array(["(sealed)" if there else None for there in pc.is_valid(column).to_pylist()], pa.utf8())


def _ordinals(changes: pa.Table, action: Action) -> list[int]:
    found: list[int] = changes.filter(pc.equal(changes["action"], action.value))["ordinal"].to_pylist()
    return found


def _news(changes: pa.Table, limit: int) -> Iterator[dict[str, Any]]:
    """Creates beyond the limit, folded by their cause."""
    created = changes.filter(pc.equal(changes["action"], Action.CREATE.value))
    if created.num_rows <= limit:
        return
    for cause, number in sorted(_causes(created).items()):
        rows = created.filter(pc.equal(created["cause"], cause))["ordinal"]
        yield {
            "action": Action.CREATE.value,
            "cause": cause,
            "field": "",
            "what": "new rows",
            "rows": number,
            "examples": rows.slice(0, _EXAMPLES).to_pylist(),
        }


def _pattern(target: str, raw: Mapping[str, Any], listed: Mapping[int, Change]) -> Pattern:
    return Pattern(
        target=target,
        action=Action(raw["action"]),
        field=raw["field"],
        what=raw["what"],
        rows=raw["rows"],
        cause=Cause(raw["cause"]),
        examples=tuple(listed[ordinal].address for ordinal in raw["examples"]),
    )


def _causes(changes: pa.Table | None) -> dict[str, int]:
    if changes is None:
        return {}
    return {c["values"]: c["counts"] for c in changes["cause"].value_counts().to_pylist()}


def _uncompared(about: Mapping[str, Any], layout: Layout | None) -> dict[str, str]:
    """Fields whose difference is not looked at, as the plan recorded them, with the reason."""
    recorded = about.get("uncompared")
    if recorded is not None:
        return dict(recorded)
    fields = layout.fields if layout else {}
    return {n: "mastered there" for n, f in fields.items() if f.ownership is Ownership.THEIRS}
