"""A plan or a run for a person: what must be known first, the changes per target, the same in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from erpoa_cli.core.address import Address
from erpoa_cli.core.plan import Change, SetAside
from erpoa_cli.core.report import PlanReport, TargetReport
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.render import clean
from erpoa_cli.render.change import aside_lines, change_lines, key_of, pattern_lines
from erpoa_cli.render.layout import Line, Piece, line, line_width, wrapped
from erpoa_cli.render.summary import closing, opening
from erpoa_cli.render.words import ASIDE, OUTCOMES, STATE_ONLY, WRITING, count, counted, marked

Row = Change | SetAside
Key = tuple[tuple[str, str], ...]


def plan(report: PlanReport, cells: int = 100, *, full: bool = False) -> Iterator[Line]:
    """*report* as lines of at most *cells* (data that has no place to break may be longer)."""
    cells = max(cells, 40)
    yield from opening(report, cells)
    children = [t for t in report.targets if t.parent]
    for target in report.targets:
        nested = [c for c in children if c.parent == target.target]
        if target.parent or (target.silent and all(c.silent for c in nested)):
            continue
        yield ()
        yield from _target(target, nested, report, cells, full=full)
    yield from _uncompared(report, cells)
    yield ()
    yield from closing(report)


def _target(
    target: TargetReport, lines: Sequence[TargetReport], report: PlanReport, cells: int, *, full: bool
) -> Iterator[Line]:
    yield from _heading(target, cells)
    for child in lines:
        if not child.silent:
            yield from _heading(child, cells, nested=True)
    if report.run and not full:
        yield from _failures((target, *lines), cells)
        return
    yield from _patterns(target, cells)
    for child in lines:
        yield from _patterns(child, cells, name=child.target.removeprefix(target.target + "."))
    yield from _rows(target, lines, cells, full=full)
    for one in (target, *lines):
        if one.unlisted or one.unlisted_aside:
            left = one.unlisted + one.unlisted_aside
            more = f"{count(left)} more {'row' if left == 1 else 'rows'}"
            where = f": erpoa show {clean.terminal(report.file)} --full" if report.file else ""
            yield from wrapped([Piece(f"  … and {more} of {one.target}{where}", "note")], cells, 4)


def _failures(targets: Sequence[TargetReport], cells: int) -> Iterator[Line]:
    """Of a run only what was not applied, and what was not tried; the rest was reviewed before."""
    for target in targets:
        for change in target.changes:
            if change.outcome is not Outcome.APPLIED:
                yield from change_lines(change, cells)
        for row in target.set_aside:
            yield from aside_lines(row, cells)


def _heading(target: TargetReport, cells: int, *, nested: bool = False) -> Iterator[Line]:
    name = f"  └ {target.target}" if nested else target.target
    left = [
        Piece(clean.terminal(name), "target"),
        Piece(f" → {clean.terminal(target.system)} · {clean.terminal(target.object)}", "note"),
    ]
    tallies: list[Piece] = []
    for word, number in counted({**target.counts, **target.aside}, (*WRITING, *STATE_ONLY, *ASIDE)):
        symbol, _, name = marked(word).partition(" ")
        tallies += [Piece("  "), Piece(f"{symbol} {count(number)} {name}", word)]
    for word, number in counted(target.outcomes, OUTCOMES):
        tallies += [Piece("  "), Piece(f"{count(number)} {word.replace('_', ' ')}", "outcome." + word)]
    causes = " · ".join(f"{count(n)} {cause}" for cause, n in target.causes.items() if n)
    if causes and (len(target.causes) > 1 or "data" not in target.causes):
        tallies.append(Piece(f"  (cause: {causes})", "note"))
    if line_width([*left, *tallies]) <= cells:
        yield (*left, *tallies)
    else:
        yield from wrapped(left, cells, 4)
        yield from wrapped([Piece("  "), *tallies], cells, 4)


def _patterns(target: TargetReport, cells: int, name: str = "") -> Iterator[Line]:
    examples = {change.address: change for change in target.changes}
    for pattern in target.patterns:
        shown = [examples[a] for a in pattern.examples if a in examples]
        if name:
            yield line(Piece(f"  {clean.terminal(name)}", "note"))
        yield from pattern_lines(pattern, shown, cells)


def _rows(target: TargetReport, lines: Sequence[TargetReport], cells: int, *, full: bool) -> Iterator[Line]:
    """Rows listed singly, each followed by the lines of its document."""
    own: list[Row] = [*in_one(list(listed(target))), *target.set_aside]
    below = _by_document(target, lines)
    for row in own:
        yield from _row(row, cells, full=full)
        yield from _nested(below.pop(row.address.key, ()), row.address, cells, full=full)
    for key, rows in below.items():
        document = Address(target.target, key)
        unchanged = Piece("  (the document itself is unchanged)", "note")
        yield from wrapped([Piece("    "), Piece(key_of(document), "key"), unchanged], cells, 6)
        yield from _nested(rows, document, cells, full=full)


def listed(target: TargetReport) -> Iterator[Change]:
    """The changes listed singly: those that are not only examples of patterns."""
    examples = {address for pattern in target.patterns for address in pattern.examples}
    return (change for change in target.changes if change.address not in examples)


def in_one(changes: Sequence[Change]) -> Iterator[Change]:
    """*changes*, a created row and what is written to it afterwards (deferred references) told as one."""
    later = {c.address: c for c in changes if c.step > 1 and c.action is not Action.MOVE}
    for change in changes:
        if change.action is Action.CREATE and change.address in later:
            yield replace(change, fields={**change.fields, **later.pop(change.address).fields})
        elif change.step == 1 or change.action in {Action.MOVE, Action.DELETE} or change.address in later:
            yield change


def _by_document(target: TargetReport, lines: Sequence[TargetReport]) -> dict[Key, list[Row]]:
    """The rows of *lines* by the key of their document, which is the first part of their own."""
    rows: list[Row] = []
    for child in lines:
        rows += [*listed(child)]
        rows += child.set_aside
    documents = [len(c.address.key) for c in target.changes] + [len(s.address.key) for s in target.set_aside]
    parts = documents[0] if documents else max((len(row.address.key) - 1 for row in rows), default=0)
    below: dict[Key, list[Row]] = {}
    for row in rows:
        below.setdefault(row.address.key[:parts], []).append(row)
    return below


def _nested(rows: Sequence[Row], parent: Address, cells: int, *, full: bool) -> Iterator[Line]:
    for row in rows:
        yield from _row(row, cells, indent=6, parent=parent, full=full)


def _row(
    row: Row, cells: int, *, indent: int = 2, parent: Address | None = None, full: bool
) -> Iterator[Line]:
    match row:
        case Change():
            yield from change_lines(row, cells, indent=indent, parent=parent, full=full)
        case SetAside():
            yield from aside_lines(row, cells, indent=indent, parent=parent, full=full)


def _uncompared(report: PlanReport, cells: int) -> Iterator[Line]:
    silent: Mapping[str, Mapping[str, str]] = {t.target: t.uncompared for t in report.targets if t.uncompared}
    if silent:
        yield ()
        explained = Piece(" (a difference in these fields is not shown)", "note")
        yield from wrapped([Piece("Not compared", "title"), explained], cells, 2)
    for target, fields in silent.items():
        told = ", ".join(f"{clean.terminal(name)} ({clean.terminal(why)})" for name, why in fields.items())
        yield from wrapped([Piece(f"  {clean.terminal(target)}: "), Piece(told, "note")], cells, 4)
