"""The section of one target on an HTML page: its patterns, its rows, and what is not written."""

from __future__ import annotations

from collections.abc import Iterator

from erpoa_cli.core.plan import Change, FieldChange, Pattern, SetAside
from erpoa_cli.core.report import TargetReport
from erpoa_cli.render.change import common
from erpoa_cli.render.markup import NOTHING, Markup, element, number, row, table, text
from erpoa_cli.render.text import in_one, listed
from erpoa_cli.render.value import agreed, sides
from erpoa_cli.render.words import ASIDE, OUTCOMES, STATE_ONLY, WRITING, count, counted, marked


def section(target: TargetReport) -> Markup:
    """*target* under its name, which folds it."""
    tallies = [
        f"{marked(w)} {count(n)}"
        for w, n in counted({**target.counts, **target.aside}, (*WRITING, *STATE_ONLY, *ASIDE))
    ]
    tallies += [f"{count(n)} {w.replace('_', ' ')}" for w, n in counted(target.outcomes, OUTCOMES)]
    causes = [f"{count(n)} {cause}" for cause, n in target.causes.items() if n]
    told = [f"{target.system} · {target.object}"]
    told += [f"lines of {target.parent}"] if target.parent else []
    told += [", ".join(tallies)]
    told += [f"cause: {', '.join(causes)}"] if len(causes) > 1 or "data" not in target.causes else []
    summary = element(
        "summary", text(f"{target.target} "), element("small", text(" · ".join(filter(None, told))))
    )
    parts = [summary, *_patterns(target), *_changes(target), *_aside(target)]
    left = target.unlisted + target.unlisted_aside
    if left:
        parts.append(
            element("p", text(f"… and {count(left)} more {'row' if left == 1 else 'rows'}."), css="note")
        )
    return element("section", element("details", *parts, open=""))


def _patterns(target: TargetReport) -> Iterator[Markup]:
    if not target.patterns:
        return
    examples = {change.address: change for change in target.changes}
    bodies = []
    for pattern in target.patterns:
        shown = [_example(pattern, examples[a]) for a in pattern.examples if a in examples]
        cells = row(
            element("td", text(marked(pattern.action.value)), css="word"),
            text(pattern.field),
            text(pattern.what),
            number(pattern.rows),
            text(pattern.cause.value),
            *([element("td", *shown)] if shown else [NOTHING]),
        )
        bodies.append(element("tbody", cells, css=f"row is-{pattern.action.value}"))
    yield table(("action", "field", "pattern", "rows", "cause", "for example"), bodies)


def _example(pattern: Pattern, change: Change) -> Markup:
    key = element("span", text(_key(change)), css="key")
    field = change.fields.get(pattern.field)
    if field is None:
        return element("div", key)
    before, after = sides(field)
    return element("div", key, text(": "), *_inline(before, after))


def _inline(before: str, after: str) -> tuple[Markup, ...]:
    old, new = _compared(before, after)
    return element("del", old, css="key"), text(" → "), element("ins", new, css="key")


def _changes(target: TargetReport) -> Iterator[Markup]:
    changes = list(in_one(list(listed(target))))
    if not changes:
        return
    run = any(change.outcome for change in changes)
    headings = ("action", "row", "field", "before", "after", "cause", *(("outcome",) if run else ()))
    yield table(headings, [_change(change, run=run) for change in changes])


def _change(change: Change, *, run: bool) -> Markup:
    """One `tbody`: what is the same for all fields spans their rows."""
    span = str(max(len(change.fields), 1))
    head = [
        element("td", text(marked(change.action.value)), css="word", rowspan=span),
        element("td", element("span", text(_key(change)), css="key"), *_note(change.note), rowspan=span),
    ]
    tail = [element("td", text(change.cause.value), rowspan=span)]
    if run:
        done = change.outcome.value.replace("_", " ") if change.outcome else ""
        tail.append(element("td", text(done), *_note(change.error), rowspan=span))
    fields = [_field(name, field) for name, field in change.fields.items()]
    first, *rest = fields or [(NOTHING, NOTHING, NOTHING)]
    rows = [row(*head, *first, *tail), *(row(*cells) for cells in rest)]
    return element("tbody", *rows, css=f"row is-{change.action.value}")


def _note(words: str) -> tuple[Markup, ...]:
    return (element("div", text(words), css="note"),) if words else ()


def _field(name: str, field: FieldChange) -> tuple[Markup, ...]:
    before, after = sides(field)
    old, new = _compared(before, after)
    return (
        text(name),
        element("td", element("del", old, css="value")),
        element("td", element("ins", new, css="value")),
    )


def _compared(before: str, after: str) -> tuple[Markup, Markup]:
    """Both texts, with what only one of them has marked."""
    head, tail = common(before, after)

    def part(whole: str) -> Markup:
        end = len(whole) - tail
        inner = (
            element("mark", text(whole[head:end]))
            if (head or tail) and whole[head:end]
            else text(whole[head:end])
        )
        return Markup(text(whole[:head]) + inner + text(whole[end:]))

    return part(before), part(after)


def _aside(target: TargetReport) -> Iterator[Markup]:
    if not target.set_aside:
        return
    bodies = [_set_aside(one) for one in target.set_aside]
    yield table(("not written", "row", "field", "theirs", "ours", "agreed", "why"), bodies)


def _set_aside(one: SetAside) -> Markup:
    """A row that is not written; of a difference all three values, between which a person decides."""
    fields = [_three(name, field) for name, field in one.fields.items()]
    span = str(max(len(fields), 1))
    would = f"would {one.wanted.value}" if one.wanted and not one.compared else ""
    head = [
        element("td", text(marked(one.kind)), *_note(would), css="word", rowspan=span),
        element("td", element("span", text(_key(one)), css="key"), rowspan=span),
    ]
    why = element("td", text(one.reason), *_note(one.code), rowspan=span)
    first, *rest = fields or [(NOTHING, NOTHING, NOTHING, NOTHING)]
    rows = [row(*head, *first, why), *(row(*cells) for cells in rest)]
    return element("tbody", *rows, css=f"row is-{one.kind}")


def _three(name: str, field: FieldChange) -> tuple[Markup, ...]:
    theirs, ours = sides(field)
    return text(name), *(element("span", text(value), css="value") for value in (theirs, ours, agreed(field)))


def _key(given: Change | SetAside) -> str:
    return ",".join(f"{name}={value}" for name, value in given.address.key)
