"""Answers as one HTML file to keep, mail or print: what must be known first, then per target its patterns and rows.

Rows are filtered by their action with check boxes and style rules; there is no script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from erpoa_cli.core.report import Answer, PlanReport, Table
from erpoa_cli.render.html_target import section
from erpoa_cli.render.markup import Markup, element, number, page, row, table, text
from erpoa_cli.render.summary import closing, guard_words, instant, numbers, totals, verdict
from erpoa_cli.render.table import cell
from erpoa_cli.render.words import ASIDE, STATE_ONLY, WRITING, count, marked


def document(report: PlanReport | Answer) -> str:
    """*report* as one HTML document."""
    if isinstance(report, Answer):
        titles = [t.title for t in report.tables if t.title]
        return page(titles[0] if titles else "erpoa", _answer(report))
    header = report.header
    what = f"Run {report.run.id}" if report.run else f"Plan {header.id}"
    rules = "".join(
        f"#only-{word}:not(:checked) ~ main .is-{word} {{ display: none; }}\n"
        f"#only-{word}:checked ~ nav label[for=only-{word}] {{ opacity: 1; }}\n"
        f"#only-{word}:focus-visible ~ nav label[for=only-{word}] {{ outline: 2px solid; }}\n"
        for word in _words(report)
    )
    return page(f"{what} · {header.project} · {header.environment}", _plan(report), rules)


def _words(report: PlanReport) -> list[str]:
    """The actions, and the kinds of rows set aside, that the page lists."""
    listed = {c.action.value for t in report.targets for c in t.changes}
    listed |= {p.action.value for t in report.targets for p in t.patterns}
    listed |= {s.kind for t in report.targets for s in t.set_aside}
    return [word for word in (*WRITING, *STATE_ONLY, *ASIDE) if word in listed]


def _plan(report: PlanReport) -> Iterator[Markup]:
    header = report.header
    title = [text(f"Plan {header.id} "), element("small", text(f"{header.project} · {header.environment}"))]
    if report.run:
        title = [
            text(f"Run {report.run.id} "),
            element("small", text(report.run.status), text(" · "), *title),
        ]
    yield element("h1", *title)
    words, style = verdict(report)
    if not report.run:
        yield element("p", text(words), css=f"verdict {style}")
    yield element("p", text(numbers(report)))
    yield _facts(report)
    yield from _reads(report)
    yield from _guards(report)
    yield from _filter(report)
    sections = [section(t) for t in report.targets if not t.silent]
    yield element("main", *sections, *_uncompared(report))
    yield element("footer", text("".join(piece.text for line in closing(report) for piece in line)))


def _facts(report: PlanReport) -> Markup:
    header = report.header
    commit = f"{header.commit[:12]}, {'dirty: files differ from the commit' if header.dirty else 'clean'}"
    facts = [
        ("made", f"{instant(header.created)} by {header.author}", ""),
        ("as of", instant(header.as_of), ""),
        ("commit", commit if header.commit else "none (not in git)", "warning" if header.dirty else ""),
        ("expires", instant(header.expires), ""),
        ("file", report.file, ""),
        ("effects digest", header.effects_digest, ""),
        ("file digest", header.manifest_digest, ""),
    ]
    if not header.complete:
        facts.append(
            (
                "selected",
                f"{' '.join(header.selection) or 'only what the run wrote'} (not the whole project)",
                "warning",
            )
        )
    rows = [
        row(
            element("th", text(name), scope="row"),
            element("td", text(value), css=css) if css else text(value),
        )
        for name, value, css in facts
        if value
    ]
    return element("div", element("table", element("tbody", *rows)), css="wide")


def _reads(report: PlanReport) -> Iterator[Markup]:
    if not report.reads:
        return
    rows = [
        row(
            text(r.relation),
            text(r.system),
            text(r.verdict.status.value),
            number(r.verdict.evidence.get("rows")),
            number(r.held or None),
            text(r.verdict.reason),
            css="" if r.verdict.status.value == "complete" else "warning",
        )
        for r in report.reads
    ]
    yield element("h2", text("Reads"))
    yield table(("relation", "system", "verdict", "rows", "held", "reason"), [element("tbody", *rows)])


def _guards(report: PlanReport) -> Iterator[Markup]:
    if not report.guards:
        return
    order = sorted(report.guards, key=lambda g: (not g.blocks, not g.waived))
    styles = ["error" if g.blocks else "warning" if g.waived else "" for g in order]
    rows = [row(text(guard_words(g)), css=css) for g, css in zip(order, styles, strict=True)]
    yield element("h2", text("Guards"))
    yield table(("guard, measured, limit",), [element("tbody", *rows)])


def _filter(report: PlanReport) -> Iterator[Markup]:
    """Check boxes before `main`, so that style rules can hide what stands in it; labels where they are seen."""
    words = _words(report)
    if len(words) < 2:
        return
    for word in words:
        yield Markup(f'<input type="checkbox" class="filter" id="only-{word}" checked>')
    counts, aside, _ = totals(report)
    found = {**counts, **aside}
    labels = [
        element("label", text(f"{marked(word)} {count(found.get(word, 0))}"), for_=f"only-{word}")
        for word in words
    ]
    yield element("nav", element("span", text("Show:"), css="note"), *labels)


def _uncompared(report: PlanReport) -> Iterator[Markup]:
    rows = [
        row(text(t.target), text(name), text(why))
        for t in report.targets
        for name, why in t.uncompared.items()
    ]
    if rows:
        yield element("h2", text("Not compared "), element("small", text("a difference here is not shown")))
        yield table(("target", "field", "why"), [element("tbody", *rows)])


def _answer(report: Answer) -> Iterator[Markup]:
    for given in report.tables:
        if given.title:
            yield element("h2", text(given.title))
        yield table(given.columns, [element("tbody", *_rows(given))])
    if report.text:
        lines: Iterable[str] = report.text.rstrip("\n").split("\n")
        yield element("pre", Markup("\n".join(text(line) for line in lines)))
    yield from (element("p", text(words)) for words in report.lines)


def _rows(given: Table) -> Iterator[Markup]:
    for values in given.rows:
        yield row(*(element("span", text(_shown(value)), css="key") for value in values))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else cell(value)
