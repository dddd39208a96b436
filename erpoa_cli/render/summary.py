"""The first lines of a plan report, which say what a reviewer must know, and the last line, which says it again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

from erpoa_cli.core.plan import GuardVerdict, Read, ReadStatus
from erpoa_cli.core.report import PlanReport
from erpoa_cli.render import clean
from erpoa_cli.render.layout import Line, Piece, line, pad, wrapped
from erpoa_cli.render.words import ASIDE, OUTCOMES, STATE_ONLY, WRITING, count, counted, rows

_LABEL = 10
_NEAREST = 3  # guards within their limits that are shown


def instant(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def totals(report: PlanReport) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """(rows by action, rows set aside by kind, rows by outcome) over all targets."""
    counts: dict[str, int] = {}
    aside: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    for target in report.targets:
        for sums, part in ((counts, target.counts), (aside, target.aside), (outcomes, target.outcomes)):
            for word, number in part.items():
                sums[word] = sums.get(word, 0) + number
    return counts, aside, outcomes


def verdict(report: PlanReport) -> tuple[str, str]:
    """(what can be done with the plan, style)."""
    counts, aside, _ = totals(report)
    blocking = [guard for guard in report.guards if guard.blocks]
    if report.header.errored:
        return "errors while planning: cannot be applied", "error"
    if blocking:
        return f"blocked by {len(blocking)} guard{'s' if len(blocking) > 1 else ''}", "error"
    if report.applied:
        return f"applied by run {report.applied}", "note"
    if report.header.applyable and report.expired:
        return "expired: plan again", "error"
    removals = unproven(report)
    left = [f"{count(removals)} removal{'s' if removals > 1 else ''} not proven"] if removals else []
    if report.header.applyable and left:
        return f"{left[0]}; the rest can be applied", "warning"
    if report.header.applyable:
        return "can be applied", "good"
    if counted(counts, (*WRITING, *STATE_ONLY)):
        return "cannot be applied", "error"
    beside = max(sum(aside.values()), sum(read.held_of_ours for read in report.reads))
    if left or beside:
        return "; ".join([*left, f"nothing to apply, {rows(beside)} set aside"]), "warning"
    return "nothing to do", "good"


def unproven(report: PlanReport) -> int:
    """Removals that are wanted and not proven."""
    return sum(target.unproven for target in report.targets)


def can_be_applied(report: PlanReport) -> bool:
    """Whether nothing that is known here speaks against it."""
    blocked = report.header.errored or any(guard.blocks for guard in report.guards)
    return report.header.applyable and not (blocked or report.applied or report.expired)


def opening(report: PlanReport, cells: int) -> Iterator[Line]:
    """Author, commit, instant, reads, guards, expiry, counts and verdict; of a run only what it was."""
    header = report.header
    title = [
        Piece(f"Plan {header.id}", "title"),
        Piece(f" · {clean.terminal(header.project)} · {clean.terminal(header.environment)}"),
    ]
    if report.run:
        title = [Piece(f"Run {report.run.id}", "title"), Piece(f" {report.run.status} · "), *title]
    yield from wrapped(title, cells, 4)
    yield from _labelled("made", f"{instant(header.created)} by {clean.terminal(header.author)}", cells)
    yield from _labelled("as of", instant(header.as_of), cells)
    commit = f"{header.commit[:12]}, {'dirty: files differ from the commit' if header.dirty else 'clean'}"
    yield from _labelled(
        "commit", commit if header.commit else "none (not in git)", cells, "warning" if header.dirty else ""
    )
    if not header.complete:
        chosen = " ".join(clean.terminal(part) for part in header.selection) or "only what the run wrote"
        yield from _labelled("selected", f"{chosen} (not the whole project)", cells, "warning")
    if not report.run:
        yield from _reads(report.reads, cells)
        yield from _guards(report.guards, cells)
        yield from _labelled("expires", instant(header.expires), cells)
    if report.file:
        yield from _labelled("file", clean.terminal(report.file), cells)
    if header.effects_digest:
        yield from _labelled("digest", f"effects {header.effects_digest}", cells)
        yield from _labelled("", f"file    {header.manifest_digest}", cells)
    yield from _labelled("changes", numbers(report), cells)
    words, style = verdict(report)
    if not report.run:
        yield from _labelled("verdict", words, cells, style)


def _labelled(label: str, text: str, cells: int, style: str = "") -> Iterator[Line]:
    yield from wrapped([Piece("  " + pad(label, _LABEL), "note"), Piece(text, style)], cells, _LABEL + 2)


def _reads(reads: tuple[Read, ...], cells: int) -> Iterator[Line]:
    if not reads:
        return
    by = [(s, sum(1 for read in reads if read.verdict.status is s)) for s in ReadStatus]
    told = ", ".join(f"{number} {status.value}" for status, number in by if number)
    bad = [read for read in reads if read.verdict.status is not ReadStatus.COMPLETE]
    read_rows = sum(int(read.verdict.evidence.get("rows", 0)) for read in reads)
    yield from _labelled("reads", f"{told} ({rows(read_rows)})", cells, "warning" if bad else "")
    for read in bad:
        seen = f", {rows(int(read.verdict.evidence['rows']))} read" if "rows" in read.verdict.evidence else ""
        reason = clean.terminal(read.verdict.reason)
        yield from _labelled(
            "",
            f"! {clean.terminal(read.relation)} ({clean.terminal(read.system)}) {read.verdict.status.value}{seen}: {reason}",
            cells,
            "warning",
        )
    for read in reads:
        if read.held:
            yield from _labelled("", f"· {clean.terminal(read.relation)}: {rows(read.held)} held", cells)


def _guards(guards: tuple[GuardVerdict, ...], cells: int) -> Iterator[Line]:
    if not guards:
        return
    loud = [guard for guard in guards if guard.blocks or guard.waived or _warns(guard)]
    blocking = sum(1 for guard in guards if guard.blocks)
    waived = sum(1 for guard in guards if guard.waived)
    parts = [
        (blocking, "block" if blocking > 1 else "blocks"),
        (waived, "waived"),
        (len(loud) - blocking - waived, "to look at"),
        (len(guards) - len(loud), "within limits"),
    ]
    told = ", ".join(f"{number} {word}" for number, word in parts if number)
    yield from _labelled("guards", told, cells, "error" if blocking else "")
    for guard in loud:
        yield from _labelled("", guard_words(guard), cells, "error" if guard.blocks else "warning")
    near = [guard for guard in guards if guard not in loud and guard.measured and guard.base]
    for guard in sorted(near, key=lambda g: Fraction(g.measured, g.base), reverse=True)[:_NEAREST]:
        yield from _labelled("", guard_words(guard), cells)


def _warns(guard: GuardVerdict) -> bool:
    """A rule that found something but only warns."""
    return guard.guard.startswith("rule:") and guard.measured > 0


def guard_words(guard: GuardVerdict) -> str:
    """A guard, what it measured and its limit."""
    name = f"{guard.target}.{guard.guard}" if guard.target else guard.guard
    mark = "✗" if guard.blocks else "!" if guard.waived or _warns(guard) else "✓"
    of = f" of {count(guard.base)}" if guard.base else ""
    text = f"{mark} {clean.terminal(name)} {count(guard.measured)}{of}, limit {clean.terminal(guard.limit)}"
    if guard.waived:
        return f"{text}; waived: {clean.terminal(guard.waived)}"
    told = guard.message and (guard.blocks or _warns(guard)) and not guard.base  # a share says it all
    return f"{text}; {clean.terminal(guard.message)}" if told else text


def numbers(report: PlanReport) -> str:
    """How many rows, by what happens to them."""
    counts, aside, outcomes = totals(report)
    told = [f"{count(n)} {word}" for word, n in counted(counts, WRITING)] or ["none"]
    rest = [f"{count(n)} {word.replace('_', ' ')}" for word, n in counted(counts, STATE_ONLY)]
    rest += [f"{count(n)} {word}" for word, n in counted(aside, ASIDE)]
    text = ", ".join(told) + (" · " + ", ".join(rest) if rest else "")
    done = ", ".join(f"{count(n)} {word.replace('_', ' ')}" for word, n in counted(outcomes, OUTCOMES))
    return f"{text} → {done}" if done else text


def closing(report: PlanReport) -> Iterator[Line]:
    """The summary in one line (it is not wrapped: a log shows it whole)."""
    words, style = verdict(report)
    if report.run:
        told = [Piece(f"Run {report.run.id}: ", "title"), Piece(f"{report.run.status} · {numbers(report)}")]
        if report.run.status == "paused" and report.file:
            told.append(Piece(f" · erpoa apply {clean.terminal(report.file)} writes what is left", "note"))
        yield line(*told)
        return
    pieces = [Piece("Plan: ", "title"), Piece(numbers(report)), Piece(" · "), Piece(words, style)]
    if can_be_applied(report):
        pieces.append(Piece(f" until {instant(report.header.expires)}", "note"))
        if report.file:
            pieces.append(Piece(f" · erpoa apply {clean.terminal(report.file)}", "note"))
    yield tuple(pieces)
