"""Answers as JSON documents with published schemas (`erpoa schema print plan-report`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.plan import Change, FieldChange, GuardVerdict, Member, Pattern, Read, SetAside
from erpoa_cli.core.report import Answer, PlanReport
from erpoa_cli.core.situation import Action
from erpoa_cli.render.value import HIDDEN, HIDDEN_CHANGED, plain, revealed

FORMAT = 1
Document = dict[str, Any]


def document(
    command: str, exit_code: int, given: PlanReport | Answer | None, diagnostics: Iterable[Diagnostic]
) -> Document:
    """The one document a command prints, on success and on failure."""
    head: Document = {"format": FORMAT, "command": command, "exit_code": exit_code}
    match given:
        case PlanReport():
            head |= plan(given)
        case Answer():
            head |= value(dict(given.data))
        case None:
            pass
    return head | {"diagnostics": [diagnostic(d) for d in diagnostics]}


def text(content: Document) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def ndjson(content: Document) -> str:
    """One object per line: first everything that is not a list of rows, then each row with its `kind`."""
    lists = {n: v for n, v in content.items() if isinstance(v, list) and all(isinstance(i, dict) for i in v)}
    head = {"kind": "report"} | {n: v for n, v in content.items() if n not in lists}
    rows = [{"kind": name} | row for name, items in lists.items() for row in items]
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in [head, *rows])


def value(given: Any) -> Any:
    """*given* as JSON: decimals and 64-bit-unsafe integers as strings, moments as RFC 3339."""
    match given:
        case None | bool() | str():
            return str(given) if isinstance(given, str) else given
        case int():
            return given if abs(given) < 2**53 else str(given)
        case float():
            return given if isfinite(given) else str(given)
        case Mapping():
            return {str(name): value(item) for name, item in given.items()}
        case list() | tuple() | set() | frozenset():
            return [value(item) for item in given]
        case datetime() if given.tzinfo is not None:
            return given.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Decimal():
            return f"{given:f}"
        case _:
            return plain(given)


def diagnostic(given: Diagnostic) -> Document:
    return {
        "severity": given.severity.value,
        "code": given.code,
        "summary": given.summary,
        "detail": given.detail,
        "remedy": given.remedy,
        "file": given.at.file if given.at else None,
        "line": (given.at.line or None) if given.at else None,
        "column": (given.at.column or None) if given.at else None,
    }


def plan(report: PlanReport) -> Document:
    """The members of a plan report (and of a run's, which adds `run` and an outcome per change)."""
    header = report.header
    told: Document = {
        "plan": {
            "id": header.id,
            "project": header.project,
            "environment": header.environment,
            "created": value(header.created),
            "expires": value(header.expires),
            "as_of": value(header.as_of),
            "author": header.author,
            "commit": header.commit,
            "dirty": header.dirty,
            "selection": list(header.selection),
            "complete": header.complete,
            "applyable": header.applyable,
            "errored": header.errored,
            "effects_digest": header.effects_digest,
            "manifest_digest": header.manifest_digest,
            "unproven": sum(target.unproven for target in report.targets),
            "applied_by": report.applied,
            "file": report.file,
        },
        "counts": {t.target: {a: n for a, n in t.counts.items() if n} for t in report.targets},
        "patterns": [_pattern(p) for t in report.targets for p in t.patterns],
        "changes": [_change(c) for t in report.targets for c in t.changes],
        "unlisted": {
            t.target: t.unlisted + t.unlisted_aside for t in report.targets if t.unlisted + t.unlisted_aside
        },
    }
    for member in (Member.WITHHELD, Member.HELD, Member.TASKS, Member.DRIFT, Member.CONFLICTS):
        told[member] = [_set_aside(s) for t in report.targets for s in t.set_aside if s.kind == member.kind]
    told["uncompared"] = {t.target: dict(t.uncompared) for t in report.targets if t.uncompared}
    told["guards"] = [_guard(g) for g in report.guards]
    told["reads"] = [read_member(r) for r in report.reads]
    if report.run:
        told["run"] = {"id": report.run.id, "status": report.run.status}
        told["outcomes"] = {t.target: dict(t.outcomes) for t in report.targets if t.outcomes}
    return told


def _change(change: Change) -> Document:
    told = {
        "address": str(change.address),
        "target": change.address.target,
        "key": dict(change.address.key),
        "action": change.action.value,
        "situation": change.situation.value,
        "cause": change.cause.value,
        "wave": change.wave,
        "fields": {name: _field(field) for name, field in change.fields.items()},
        "reason": change.reason,
    }
    if change.action is Action.MOVE:
        told["calls"] = list(change.calls)
    if change.outcome is not None:
        told |= {"outcome": change.outcome.value, "error": change.error}
    return told


def _field(field: FieldChange) -> Document:
    if field.sensitive:
        before, after = revealed(field.before, field.reveal), revealed(field.after, field.reveal)
        return {
            "before": None if field.before is None else before,
            "after": None if field.after is None else HIDDEN_CHANGED if before == after else after,
            "agreed": None if field.agreed is None else HIDDEN,
            "never_agreed": field.never,
            "sensitive": True,
        }
    told: Document = {
        "before": value(field.before),
        "after": value(field.after),
        "agreed": value(field.agreed),
        "never_agreed": field.never,
    }
    if field.pending:
        target, key, name = field.pending
        told["pending"] = {"target": target, "key": json.loads(key), "field": name}
    return told


def _set_aside(row: SetAside) -> Document:
    return {
        "address": str(row.address),
        "target": row.address.target,
        "key": dict(row.address.key),
        "code": row.code,
        "reason": row.reason,
        "wanted": row.wanted.value if row.wanted else None,
        "fields": {name: _field(field) for name, field in row.fields.items()},
    }


def _pattern(pattern: Pattern) -> Document:
    return {
        "target": pattern.target,
        "action": pattern.action.value,
        "field": pattern.field,
        "what": pattern.what,
        "rows": pattern.rows,
        "cause": pattern.cause.value,
        "examples": [str(address) for address in pattern.examples],
    }


def _guard(guard: GuardVerdict) -> Document:
    verdict = "blocks" if guard.blocks else "waived" if guard.waived else "passes"
    return {
        "guard": guard.guard,
        "target": guard.target,
        "measured": guard.measured,
        "base": guard.base,
        "limit": guard.limit,
        "verdict": verdict,
        "waived": guard.waived,
        "message": guard.message,
        "at": str(guard.at) if guard.at else "",
    }


def read_member(read: Read) -> Document:
    """A read and its verdict."""
    return {
        "relation": read.relation,
        "system": read.system,
        "verdict": read.verdict.status.value,
        "reason": read.verdict.reason,
        "evidence": value(dict(read.verdict.evidence)),
        "held": read.held,
    }
