"""Lines that live inside their document: the list of the document's object that holds them, described as an object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import STRING, Field, Kind, Sensitivity, Type, parse_type
from erpoa_cli.core.target import Lines, Target, embedded
from erpoa_cli.sdk.connector import FieldInfo, ObjectInfo

_OPEN = (Kind.JSON, Kind.STRING)  # what may hold a list whose lines only the target declares


def within(target: Target) -> Lines:
    """What says where the lines of *target* live, which are embedded."""
    assert target.lines is not None
    assert target.lines.within
    return target.lines


def lines_info(targets: Mapping[str, Target], target: Target, document: ObjectInfo) -> ObjectInfo:
    """The lines of *target*, one of *targets*, as an object of their own: the members of the list in *document*, and
    the link to it. Where the system leaves the members open, those that the target declares."""
    lines = within(target)
    listing = document.field(lines.within)
    id_ = targets[lines.parent].id or document.id
    link = (document.field(id_[0]) if id_ else None) or FieldInfo(lines.link, STRING, "")
    members = _members(listing) if listing is not None else None
    if members is None:
        members = {f.name: f.type for f in target.fields if f.name != lines.link}
    writable = listing is not None and listing.writable
    fields = [FieldInfo(name, type_, str(type_), writable=writable) for name, type_ in members.items()]
    return ObjectInfo(
        address=target.object,
        fields=(replace(link, name=lines.link, writable=True), *fields),
        id=(lines.link, *(n for n in target.match[0] if n != lines.link)),
        writable=document.writable,
        create_safety=document.create_safety,
        batch_size=document.batch_size,
    )


def _members(listing: FieldInfo) -> dict[str, Type | None] | None:
    """The members of the structs that a field is a list of; None where it is no such list."""
    item = listing.type.item if listing.type else None
    return dict(item.members) if item is not None and item.kind is Kind.STRUCT else None


def list_field(target: Target, document: ObjectInfo) -> Field:
    """The field of the documents that holds the lines of *target* (every field typed): what is wanted has the types of
    what is wanted, all other members of theirs their own."""
    lines = within(target)
    own = {f.name: f.bound.type for f in target.fields if f.name != lines.link}
    listing = document.field(lines.within)
    theirs = _members(listing) if listing is not None else None
    members = {n: own.get(n, t) for n, t in (theirs or own).items()}
    type_ = Type(Kind.LIST, item=Type(Kind.STRUCT, members=tuple((n, t) for n, t in members.items() if t)))
    classes = [f.sensitivity for f in target.fields]
    return Field(lines.within, type_, sensitivity=max(classes, key=list(Sensitivity).index), whole=True)


def lists(targets: Mapping[str, Target], target: Target, info: ObjectInfo) -> dict[str, Field]:
    """The lists that the rows of *target* (on the object *info*) hold, by the name of the lines' target."""
    return {lines.name: list_field(lines, info) for lines in embedded(targets, target.name)}


def judge_list(target: Target, document: ObjectInfo) -> Iterator[Diagnostic]:
    """Why the object *document* cannot hold the lines of *target*."""
    lines = within(target)
    listing = document.field(lines.within)
    if listing is None:
        yield Diagnostic(
            "E0317",
            f"target {target.name}: {document.address} has no field {lines.within!r} to hold the lines",
            remedy=did_you_mean(lines.within, [f.name for f in document.fields])
            or "Lines that are rows of an object of their own need `object:` and `parent:`.",
            at=target.at,
        )
    elif _members(listing) is None and listing.type is not None and listing.type.kind not in _OPEN:
        yield Diagnostic(
            "E0318",
            f"target {target.name}: {document.address}.{lines.within} keeps {listing.type} ({listing.native}), which is no list of lines",
            remedy="Lines that are rows of an object of their own need `object:` and `parent:`.",
            at=target.at,
        )
    elif unnamed := [n for n in _members(listing) or () if not _spelt(n)]:
        yield Diagnostic(
            "E0318",
            f"target {target.name}: {document.address}.{lines.within} has members that no type can name: {', '.join(map(repr, unnamed))}",
            remedy="Lines are written as a whole, so every member must have a name of letters, digits and _.",
            at=target.at,
        )


def _spelt(name: str) -> bool:
    try:
        return parse_type(f"struct<{name}: string>").members == ((name, STRING),)
    except ValueError:
        return False
