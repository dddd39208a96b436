"""The lines of a document → one more target, whose rows are the elements of a list column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Location
from erpoa_cli.core.lowering.match import DeclaredMatch, Match, lower_match
from erpoa_cli.core.lowering.named import Named
from erpoa_cli.core.target import (
    Lines,
    Mode,
    OnLineProblem,
    OnSourceGone,
    Owns,
    Reference,
    Target,
    TargetField,
)

_DOCUMENT = "document"  # how lines that live inside their document name it


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLines:
    """The lines that the field *name* of a document declares: the elements of the list `column`, with `fields` of their
    own; the key of `match` tells those of one document apart. `object` and `parent` (the field of a line that holds the
    document's id): of lines that are rows of an object of their own; without `parent` they live inside their document.
    `options_at`: where `options:` is written."""

    name: str
    at: Location
    column: str
    fields: tuple[TargetField, ...]
    match: DeclaredMatch
    object: str = ""
    parent: Named | None = None
    id: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    options_at: Location | None = None
    on_problem: OnLineProblem = OnLineProblem.HOLD_DOCUMENT
    on_missing: OnSourceGone = OnSourceGone.DELETE

    @property
    def embedded(self) -> bool:
        return self.parent is None

    @property
    def link(self) -> Named:
        """The field of a line that stands for its document."""
        if self.parent is None:
            return Named(_DOCUMENT, self.at)
        return Named(self.parent.text or _DOCUMENT, self.parent.at)


def lower_lines(document: Target, lines: DeclaredLines) -> tuple[Target, list[Diagnostic]]:
    """The target of the *lines* of *document*, and what does not fit: with the document's key, with how lines live
    inside a document, with the link, with `match:`."""
    link = lines.link.text
    fields = (TargetField(link, Reference(document.name, document.key), lines.link.at), *lines.fields)
    key = (*document.key, *(column.text for column in lines.match.key))
    match, unmatched = _match(document, lines, key, fields)
    made = replace(
        document,
        name=f"{document.name}.{lines.name}",
        at=lines.at,
        object=f"{document.object}.{lines.name}" if lines.embedded else lines.object,
        key=key,
        fields=fields,
        match=match,
        id=(link, *lines.id) if lines.embedded and lines.id else lines.id,
        returns=(),
        filter={},
        options=lines.options,
        contract="",
        depends_on=(),
        mode=Mode.UPSERT,
        owns=Owns.APPLIED,
        on_source_gone=lines.on_missing,
        deactivate={},
        restore={},
        lifecycle=None,
        lines=Lines(
            document.name,
            lines.column,
            link,
            lines.on_problem,
            within=lines.name if lines.embedded else "",
        ),
    )
    return made, [*_shared_key(document, lines), *_unfit_inside(lines), *_taken_link(lines), *unmatched]


def _match(
    document: Target, lines: DeclaredLines, key: tuple[str, ...], fields: tuple[TargetField, ...]
) -> tuple[Match, list[Diagnostic]]:
    """Within their document lines are recognised by their key: the link comes first in every alternative."""
    match, found = lower_match(f"{document.name}.{lines.name}", lines.match, key, fields)
    link = lines.link.text
    return tuple((link, *(name for name in alternative if name != link)) for alternative in match), found


def _shared_key(document: Target, lines: DeclaredLines) -> Iterator[Diagnostic]:
    for column in lines.match.key:
        if column.text in document.key:
            yield Diagnostic(
                "E0131",
                f"`{column.text}` is a key of the document already",
                remedy="A line's key tells the lines of one document apart.",
                at=column.at,
            )


def _unfit_inside(lines: DeclaredLines) -> Iterator[Diagnostic]:
    """What lines of an object of their own can have and those inside their document cannot."""
    if not lines.embedded:
        return
    if lines.options_at:
        yield Diagnostic(
            "E0115",
            f"`options` belongs to an object, and the lines `{lines.name}` live inside their document",
            remedy="Remove it, or write it under the target.",
            at=lines.options_at,
        )
    for one in lines.fields:
        deferred = isinstance(one.value, Reference) and one.value.defer
        if deferred or one.zone:
            yield Diagnostic(
                "E0115",
                f"`{'defer' if deferred else 'zone'}` is not possible in lines that live inside their document",
                remedy="A document is written once, with all its lines: let the other target wait instead."
                if deferred
                else "Give the list's members the values that their system keeps.",
                at=one.at,
            )


def _taken_link(lines: DeclaredLines) -> Iterator[Diagnostic]:
    if any(one.name == lines.link.text for one in lines.fields):
        yield Diagnostic(
            "E0123",
            f"`{lines.link.text}` is a field of the lines too",
            remedy="It is how erpoa names the document of a line; give the lines an object of their own."
            if lines.embedded
            else "erpoa fills it; remove it from `fields:`.",
            at=lines.link.at,
        )
