"""Answers as Markdown, for pull requests and tickets: the same words, foreign text neutralised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from erpoa_cli.core.plan import Change, SetAside
from erpoa_cli.core.report import Answer, PlanReport, Table, TargetReport
from erpoa_cli.render.clean import markdown as clean
from erpoa_cli.render.summary import guard_words, instant, numbers, verdict
from erpoa_cli.render.table import cell
from erpoa_cli.render.value import agreed, sides
from erpoa_cli.render.words import ASIDE, STATE_ONLY, WRITING, count, counted, marked


def document(report: PlanReport | Answer) -> str:
    """*report* as one Markdown document."""
    lines = _plan(report) if isinstance(report, PlanReport) else _answer(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _plan(report: PlanReport) -> Iterator[str]:
    header = report.header
    yield f"## Plan {clean(header.id)}: {clean(header.project)}, {clean(header.environment)}"
    yield ""
    if report.run:
        yield f"Run {clean(report.run.id)}: **{clean(report.run.status)}**  "
    yield f"**{numbers(report)}** – {clean(verdict(report)[0])}"
    yield ""
    commit = f"{header.commit[:12]} ({'dirty' if header.dirty else 'clean'})" if header.commit else "none"
    rows: list[tuple[Any, ...]] = [
        ("made", f"{instant(header.created)} by {header.author}"),
        ("as of", instant(header.as_of)),
        ("commit", commit),
        ("expires", instant(header.expires)),
        ("effects digest", header.effects_digest),
        ("file digest", header.manifest_digest),
    ]
    if not header.complete:
        rows.append(("selected", " ".join(header.selection)))
    yield from _table(("", ""), rows)
    if report.reads:
        reads = [
            (
                r.relation,
                r.system,
                r.verdict.status.value,
                r.verdict.evidence.get("rows"),
                r.held,
                r.verdict.reason,
            )
            for r in report.reads
        ]
        yield from _section("Reads", ("relation", "system", "verdict", "rows", "held", "reason"), reads)
    if report.guards:
        yield from _section("Guards", ("guard",), [(guard_words(g),) for g in report.guards])
    for target in report.targets:
        if not target.silent:
            yield from _target(target)
    uncompared = [(t.target, n, why) for t in report.targets for n, why in t.uncompared.items()]
    if uncompared:
        yield from _section("Not compared", ("target", "field", "why"), uncompared)


def _target(target: TargetReport) -> Iterator[str]:
    yield f"### {clean(target.target)}"
    yield ""
    tallies = counted({**target.counts, **target.aside}, (*WRITING, *STATE_ONLY, *ASIDE))
    yield ", ".join(f"{count(number)} {word}" for word, number in tallies)
    yield ""
    if target.patterns:
        folded = [(marked(p.action.value), p.field, p.what, p.rows, p.cause.value) for p in target.patterns]
        yield from _table(("action", "field", "pattern", "rows", "cause"), folded)
    if target.changes:
        rows = [row for change in target.changes for row in _change(change)]
        outcome = ("outcome",) if any(change.outcome for change in target.changes) else ()
        width = 6 + len(outcome)
        yield from _table(
            ("action", "row", "field", "before", "after", "cause", *outcome), [r[:width] for r in rows]
        )
    if target.set_aside:
        aside = [(marked(s.kind), _key(s), s.code, s.reason) for s in target.set_aside]
        yield from _table(("set aside", "row", "code", "reason"), aside)
        compared = [
            (_key(s), name, *sides(field), agreed(field))
            for s in target.set_aside
            if s.compared
            for name, field in s.fields.items()
        ]
        if compared:
            yield from _table(("row", "field", "theirs", "ours", "agreed"), compared)
    left = target.unlisted + target.unlisted_aside
    if left:
        yield f"… and {count(left)} more {'row' if left == 1 else 'rows'}."
        yield ""


def _change(change: Change) -> Iterator[tuple[Any, ...]]:
    done = f"{change.outcome.value} {change.error}".strip() if change.outcome else ""
    head = (" ".join(filter(None, [marked(change.action.value), change.note])), _key(change))
    for field, values in change.fields.items():
        before, after = sides(values)
        yield (*head, field, before, after, change.cause.value, done)
    if not change.fields:
        yield (*head, "", "", "", change.cause.value, done)


def _key(row: Change | SetAside) -> str:
    return ",".join(f"{name}={value}" for name, value in row.address.key)


def _answer(report: Answer) -> Iterator[str]:
    for table in report.tables:
        if table.title:
            yield f"### {clean(table.title)}"
            yield ""
        yield from _rows(table)
    if report.text:
        fence = "`" * max(3, _longest_fence(report.text) + 1)
        yield from (fence, report.text.rstrip("\n"), fence)
    yield from (clean(words) for words in report.lines)


def _longest_fence(text: str) -> int:
    runs = [len(run) for line in text.splitlines() for run in line.split() if set(run) == {"`"}]
    return max(runs, default=0)


def _rows(table: Table) -> Iterator[str]:
    yield from _table(table.columns, table.rows)


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield from _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    yield "| " + " | ".join(clean(name) for name in columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        yield "| " + " | ".join(_cell(value) for value in row) + " |"
    yield ""


def _cell(value: Any) -> str:
    return clean(value) if isinstance(value, str) else cell(value)
