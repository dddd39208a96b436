"""The brakes of a plan: what is measured, what the limits are, and the verdict with its numbers.

Measured when the plan is made, and again by apply with the rules of that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from erpoa_cli.core.plan import GuardVerdict, share
from erpoa_cli.core.project import Freeze
from erpoa_cli.core.target import Limit

DEFAULTS: Mapping[str, Limit] = {
    "max_delete": Limit(count=20, share=Decimal("0.05")),
    "max_undo": Limit(count=20),
    "max_change": Limit(share=Decimal("0.30"), floor=100),
}
GUARDS = (
    "max_delete", "max_undo", "max_change", "max_create", "min_rows", "referential", "forbidden_field", "max_calls",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiver:
    """`--waive TARGET.GUARD=COUNT`: lets exactly COUNT pass, for a stated reason, in this one plan."""

    target: str
    guard: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a plan does to one target, in rows. `base`: rows under management; `actual`: rows the object holds;
    `desired`: rows wanted; `removals`: deletes and deactivations; `along`: rows of others that go with them by foreign keys; `undos`: documents that must no longer be; `referenced`: deletes of rows that rows which
    stay refer to; `forbidden`: updates of fields whose master is the target's own system; `calls`: in how many calls it is
    all written."""

    target: str
    base: int = 0
    actual: int = 0
    desired: int = 0
    creates: int = 0
    updates: int = 0
    removals: int = 0
    undos: int = 0
    referenced: int = 0
    forbidden: int = 0
    calls: int = 0
    along: int = 0

    @property
    def changes(self) -> int:
        """Rows that are written."""
        return self.creates + self.updates + self.removals + self.undos


def judge(
    measures: Sequence[Measure],
    own: Mapping[str, Mapping[str, Limit]],
    common: Mapping[str, Limit],
    waivers: Iterable[Waiver] = (),
) -> list[GuardVerdict]:
    """The verdict of every guard that has a limit. *own*: target → its guards; *common*: the project's; a
    target's own limit goes before the project's, that before the default."""
    waived = {(w.target, w.guard): w for w in waivers}
    found = [v for m in measures for v in _target(m, {**DEFAULTS, **common, **own.get(m.target, {})})]
    if "max_calls" in common:
        found.append(_calls(sum(m.calls for m in measures), common["max_calls"]))
    return [_waive(v, waived.get((v.target, v.guard))) for v in found]


def _target(m: Measure, limits: Mapping[str, Limit]) -> Iterator[GuardVerdict]:
    upper = {
        "max_delete": (m.removals + m.along, m.base, _removed(m), "rows under management"),
        "max_undo": (m.undos, m.base, "documents undone", "rows under management"),
        "max_change": (m.updates + m.removals + m.undos, m.actual, "rows changed", "rows it holds"),
        "max_create": (m.creates, m.base, "rows created", "rows under management"),
    }
    for guard, (measured, base, what, of) in upper.items():
        if guard in limits and (guard != "max_undo" or measured):  # most targets keep no documents
            yield _upper(guard, m.target, measured, base, limits[guard], what, of)
    if "min_rows" in limits:
        yield _lower("min_rows", m.target, m.desired, limits["min_rows"])
    yield _none("referential", m.target, m.referenced, "deleted although rows that stay refer to them")
    yield _none("forbidden_field", m.target, m.forbidden, "would get fields whose master is their own system")


def _removed(m: Measure) -> str:
    return f"rows removed, {m.along} of others with them, beside" if m.along else "rows removed"


def _upper(
    guard: str, target: str, measured: int, base: int, limit: Limit, what: str, of: str
) -> GuardVerdict:
    counted = limit.count is not None and measured > limit.count
    shared = (
        limit.share is not None and measured >= max(limit.floor, 1) and share(measured, base) > limit.share
    )
    said = f"{measured} {what} of {base} {of} ({share(measured, base):.1%}); allowed: {text(limit)} ({limit.at or 'the default'})"
    return GuardVerdict(
        guard, target, measured, base, text(limit), counted or shared, message=said, at=limit.at
    )


def _calls(measured: int, limit: Limit) -> GuardVerdict:
    most = limit.count or 0
    said = f"{measured} calls of all targets together; allowed: {most} ({limit.at})"
    return GuardVerdict(
        "max_calls", "", measured, 0, f"{most} calls", measured > most, message=said, at=limit.at
    )


def _lower(guard: str, target: str, measured: int, limit: Limit) -> GuardVerdict:
    least = limit.count or 0
    said = f"{measured} rows are wanted; at least {least} are expected ({limit.at or 'the default'})"
    return GuardVerdict(
        guard, target, measured, 0, f"at least {least} rows", measured < least, message=said, at=limit.at
    )


def _none(guard: str, target: str, measured: int, what: str) -> GuardVerdict:
    return GuardVerdict(guard, target, measured, 0, "none", measured > 0, message=f"{measured} rows {what}")


def text(limit: Limit) -> str:
    """A limit as a person reads it: `20 rows or 5 %`."""
    parts = []
    if limit.count is not None:
        parts.append(f"{limit.count} rows")
    if limit.share is not None:
        floor = f" from {limit.floor} rows on" if limit.floor else ""
        parts.append(f"{(limit.share * 100).normalize():f} %{floor}")
    return " or ".join(parts) or "no limit"


def _waive(verdict: GuardVerdict, waiver: Waiver | None) -> GuardVerdict:
    if waiver is None or not verdict.blocks:
        return verdict
    if waiver.count == verdict.measured:
        return replace(verdict, blocks=False, waived=waiver.reason)
    return replace(verdict, message=f"{verdict.message}; the waiver is for exactly {waiver.count}")


def frozen(
    freezes: Iterable[Freeze],
    at: datetime,
    changing: Mapping[str, int],
    selected: Callable[[str], Iterable[str]],
) -> list[GuardVerdict]:
    """A verdict per freeze that holds *at* this instant and selects a target with changes (*changing*: target →
    rows); *selected* answers a freeze's selection with target names."""
    found = []
    for freeze in freezes:
        if not freeze.start <= at < freeze.until:
            continue
        touched = {t: n for t in selected(freeze.select) if (n := changing.get(t, 0))}
        rows = sum(touched.values())
        said = (
            f"frozen until {freeze.until.isoformat()} ({freeze.at}): "
            f"{rows} rows of {', '.join(sorted(touched)) or 'no target'}"
        )
        found.append(
            GuardVerdict("freeze", freeze.name, rows, 0, "no changes", rows > 0, message=said, at=freeze.at)
        )
    return found


def idle_waivers(waivers: Iterable[Waiver], verdicts: Iterable[GuardVerdict]) -> list[Waiver]:
    """The waivers that let nothing pass: their guard does not block, or measured another count."""
    used = {(v.target, v.guard) for v in verdicts if v.waived}
    return [w for w in waivers if (w.target, w.guard) not in used]
