"""Findings for other tools: JUnit XML for test reports, SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.render.clean import terminal

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(diagnostics: Sequence[Diagnostic], version: str, titles: Mapping[str, str]) -> str:
    """*diagnostics* as one SARIF run; *titles* names the rules (codes)."""
    codes = sorted({d.code for d in diagnostics})
    rules = [{"id": code, "shortDescription": {"text": titles.get(code, code)}} for code in codes]
    driver = {"name": "erpoa", "version": version, "rules": rules}
    content = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(d, codes) for d in diagnostics]}],
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _result(diagnostic: Diagnostic, codes: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": codes.index(diagnostic.code),
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": _words(diagnostic)},
    }
    if diagnostic.at:
        place: dict[str, Any] = {"artifactLocation": {"uri": diagnostic.at.file.replace("\\", "/")}}
        if diagnostic.at.line:
            place["region"] = {"startLine": diagnostic.at.line}
            if diagnostic.at.column:
                place["region"]["startColumn"] = diagnostic.at.column
        told["locations"] = [{"physicalLocation": place}]
    return told


def _words(diagnostic: Diagnostic) -> str:
    return " ".join(text for text in (diagnostic.summary, diagnostic.detail, diagnostic.remedy) if text)


def junit(name: str, cases: Sequence[Mapping[str, Any]], diagnostics: Sequence[Diagnostic]) -> str:
    """*cases* (`name`, `kind`, `status` of pass, fail, warn; `message`; `seconds`) as one JUnit suite; findings
    that belong to no case are cases of their own."""
    found = [_case(case) for case in cases]
    if not cases:
        found = [_finding(d) for d in diagnostics]
    failed = sum("<failure" in text for text in found)
    suite = (
        f'<testsuite name={quoteattr(name)} tests="{len(found)}" failures="{failed}" errors="0" skipped="0">'
    )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<testsuites>",
        suite,
        *found,
        "</testsuite>",
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _case(case: Mapping[str, Any]) -> str:
    head = f"<testcase classname={_attribute(case['kind'])} name={_attribute(case['name'])}"
    words = terminal(str(case.get("message") or ""))
    match case["status"]:
        case "fail":
            return f"{head}><failure message={quoteattr(words)}>{escape(words)}</failure></testcase>"
        case "warn":
            return f"{head}><system-out>{escape('warning: ' + words)}</system-out></testcase>"
        case _:
            return head + "/>"


def _finding(diagnostic: Diagnostic) -> str:
    status = "fail" if diagnostic.severity is Severity.ERROR else "warn"
    where = str(diagnostic.at) if diagnostic.at else "project"
    return _case({"kind": diagnostic.code, "name": where, "status": status, "message": _words(diagnostic)})


def _attribute(value: Any) -> str:
    return quoteattr(terminal(str(value)))
