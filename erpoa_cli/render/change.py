"""The lines that show one change, one row set aside, or one pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from erpoa_cli.core.address import Address
from erpoa_cli.core.plan import Change, FieldChange, Pattern, SetAside
from erpoa_cli.core.situation import Action
from erpoa_cli.render import clean
from erpoa_cli.render.layout import Line, Piece, chunks, line, line_width, pad, width, wrapped
from erpoa_cli.render.value import agreed, sides
from erpoa_cli.render.words import count, marked

LONGEST = 240  # cells of a value shown unless everything is asked for


def key_of(address: Address, parent: Address | None = None) -> str:
    """The key as a person reads it; below its document only the columns that the document does not have."""
    known = dict(parent.key) if parent else {}
    own = [(n, v) for n, v in address.key if known.get(n) != v] or list(address.key)
    return ",".join(f"{clean.terminal(n)}={clean.terminal(v)}" for n, v in own)


def change_lines(
    change: Change, cells: int, *, indent: int = 2, parent: Address | None = None, full: bool = False
) -> Iterator[Line]:
    """A change: its heading, then its fields; aligned before → after for what replaces values, a compact
    paragraph for what makes or removes a row."""
    word = change.action.value
    heading = [
        Piece(" " * indent),
        Piece(marked(word), word),
        Piece(" "),
        Piece(key_of(change.address, parent), "key"),
    ]
    if change.outcome is not None:
        heading += [
            Piece("  "),
            Piece(change.outcome.value.replace("_", " "), "outcome." + change.outcome.value),
        ]
    if change.action is Action.MOVE:  # its one field is the state
        heading += [p for f in change.fields.values() for p in (Piece("  "), *_states(f))]
    if change.note:
        heading += [Piece(" " if change.calls else "  "), Piece(clean.terminal(change.note), "note")]
    replaced = change.action not in {Action.CREATE, Action.DELETE}
    if change.cause.value != "data" or replaced:
        heading += [Piece("  "), Piece(f"({change.cause.value})", "note")]
    if change.action is Action.MOVE:
        yield from wrapped(heading, cells, indent + 4)
    elif replaced:
        yield from wrapped(heading, cells, indent + 4)
        yield from field_lines(change.fields, cells, indent + 4, full=full)
    else:
        yield from wrapped([*heading, *_paragraph(change, full=full)], cells, indent + 4)
    if change.error:
        yield from wrapped(
            [Piece(" " * (indent + 4)), Piece(clean.terminal(change.error), "error")], cells, indent + 6
        )


def _states(field: FieldChange) -> Iterator[Piece]:
    """The states of a document before and after."""
    before, after = (clean.terminal(str(state)) for state in (field.before, field.after))
    yield from (Piece(before, "removed"), Piece(" → ", "arrow"), Piece(after, "added"))


def _paragraph(change: Change, *, full: bool = False) -> Iterator[Piece]:
    """The values of a created row, or those a deleted row has, one after the other; the key, which stands
    before, and NULL are only told in *full*."""
    created = change.action is Action.CREATE
    keys = {f'"{value}"' for _, value in change.address.key} if len(change.address.key) == 1 else set()
    keyed = {name: {value, f'"{value}"'} for name, value in change.address.key}
    separator = "  "
    for name, field in change.fields.items():
        before, after = sides(field)
        text = after if created else before
        if not full and (text == "NULL" or text in keys or text in keyed.get(name, ())):
            continue
        yield Piece(separator)
        yield Piece(clean.terminal(name) + " ", "field")
        yield Piece(text if full else _shortened(text), "added" if created else "removed")
        separator = " · "


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…(+{count(len(text) - LONGEST)} characters)"


def field_lines(
    fields: Mapping[str, FieldChange], cells: int, indent: int, *, full: bool = False
) -> Iterator[Line]:
    """Before → after of every field, arrows aligned; stacked where a line is too narrow for both."""
    if not fields:
        return
    told = {clean.terminal(name): sides(field) for name, field in fields.items()}
    names = max(width(name) for name in told)
    befores = [width(before) for before, _ in told.values() if width(before) <= (cells - indent - names) // 2]
    column = max(befores, default=0)
    for name, (before, after) in told.items():
        start = [Piece(" " * indent), Piece(pad(name, names) + "  ", "field")]
        whole = [*start, *_emphasised(before, after, column)]
        if line_width(whole) <= cells:
            yield tuple(whole)
        else:
            yield from _stacked(start, before, after, cells, full=full)


def _emphasised(before: str, after: str, column: int) -> Iterator[Piece]:
    head, tail = common(before, after)
    yield from _parts(before, head, tail, "removed")
    yield Piece(" " * max(0, column - width(before)) + " → ", "arrow")
    yield from _parts(after, head, tail, "added")


def _parts(text: str, head: int, tail: int, style: str) -> Iterator[Piece]:
    """*text* with what the other side has too in a calmer style."""
    end = len(text) - tail
    for part, name in ((text[:head], style), (text[head:end], style + ".strong"), (text[end:], style)):
        if part:
            yield Piece(part, name)


def common(before: str, after: str) -> tuple[int, int]:
    """Lengths of the common beginning and of the common end of two texts (not overlapping)."""
    shortest = min(len(before), len(after))
    head = next((i for i in range(shortest) if before[i] != after[i]), shortest)
    rest = shortest - head
    tail = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    return head, tail


def _stacked(start: Sequence[Piece], before: str, after: str, cells: int, *, full: bool) -> Iterator[Line]:
    before, after = (before, after) if full else _focused(before, after)
    names = line_width(start)
    indent = names if cells - names >= 24 else 8
    if indent != names:
        yield tuple(start)
        start = [Piece(" " * indent)]
    room = max(cells - indent - 2, 12)
    for sign, text, style in (("- ", before, "removed"), ("→ ", after, "added")):
        for index, part in enumerate(chunks(text, room)):
            yield line(
                *(start if not index and sign == "- " else [Piece(" " * indent)]),
                Piece(sign if not index else "  ", "arrow"),
                Piece(part, style),
            )


def _focused(before: str, after: str) -> tuple[str, str]:
    """Long values cut down to where they differ, saying how much is left out."""
    if max(len(before), len(after)) <= LONGEST:
        return before, after
    head, tail = common(before, after)
    start = max(0, head - 24)

    def part(text: str) -> str:
        end = min(len(text), max(len(text) - tail + 24, start + 48), start + LONGEST)
        left = f"…(+{count(start)})" if start else ""
        gone = len(text) - end
        return left + text[start:end] + (f"…(+{count(gone)})" if gone else "")

    return part(before), part(after)


def aside_lines(
    row: SetAside, cells: int, *, indent: int = 2, parent: Address | None = None, full: bool = False
) -> Iterator[Line]:
    """A row that is not written: why, and what it would have been."""
    heading = [
        Piece(" " * indent),
        Piece(marked(row.kind), row.kind),
        Piece(" "),
        Piece(key_of(row.address, parent), "key"),
    ]
    if row.wanted is not None and not row.compared:
        heading += [Piece(f"  would {row.wanted.value}", "note")]
    if row.reason:
        heading += [Piece(": "), Piece(clean.terminal(row.reason))]
    if row.code:
        heading += [Piece(f" [{clean.terminal(row.code)}]", "note")]
    yield from wrapped(heading, cells, indent + 4)
    if row.compared:
        yield from _three_values(row.fields, cells, indent + 4, full=full)
    elif row.wanted is Action.UPDATE:
        yield from field_lines(row.fields, cells, indent + 4, full=full)


def _three_values(
    fields: Mapping[str, FieldChange], cells: int, indent: int, *, full: bool
) -> Iterator[Line]:
    """What we agreed on, what they have now and what we want: the three values a person decides between."""
    for name, field in fields.items():
        theirs, ours = sides(field)
        before = agreed(field)
        start = f"{' ' * indent}{clean.terminal(name)}  "
        pieces = [Piece(start, "field"), Piece("theirs "), Piece(theirs, "removed.strong")]
        pieces += [Piece(" · ours "), Piece(ours, "added")]
        if before != ours:
            pieces += [Piece(" · agreed "), Piece(before)]
        yield from (_cut(p, full) for p in wrapped(pieces, cells, indent + 4))


def _cut(pieces: Line, full: bool) -> Line:
    return pieces if full else tuple(Piece(_shortened(p.text), p.style) for p in pieces)


def pattern_lines(
    pattern: Pattern, examples: Sequence[Change], cells: int, *, indent: int = 2
) -> Iterator[Line]:
    """Many changes told as one, with examples that show it."""
    word = pattern.action.value
    what = f"{clean.terminal(pattern.field)}: {pattern.what}" if pattern.field else pattern.what
    pieces = [
        Piece(" " * indent),
        Piece(marked(word), word),
        Piece(" "),
        Piece(what, "pattern"),
        Piece(f" · {count(pattern.rows)} {'row' if pattern.rows == 1 else 'rows'}", "count"),
        Piece(f"  ({pattern.cause.value})", "note"),
    ]
    yield from wrapped(pieces, cells, indent + 4)
    for change in examples:
        field = change.fields.get(pattern.field)
        start = [
            Piece(" " * (indent + 4) + "e.g. ", "note"),
            Piece(key_of(change.address), "key"),
            Piece("  "),
        ]
        told = _emphasised(*sides(field), 0) if field and word != "create" else _paragraph(change)
        yield from wrapped([*start, *told], cells, indent + 9)
