"""XML: the elements at one path are the rows, attributes and elements below them the fields. A missing element (or
`xsi:nil`) is NULL, an empty one the empty text; repeated ones are a list. Document type definitions are refused."""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
from lxml import etree

from erpoa_cli.connectors.files import tree
from erpoa_cli.connectors.files.layout import Layout, Sheet, batches
from erpoa_cli.connectors.files.path import Mixed, Names, Path, text_of
from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.schema import STRING, Field, Kind, Type
from erpoa_cli.sdk.caps import Beyond
from erpoa_cli.sdk.connector import FieldInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_cli.sdk.meaning import meaning

_LOOK_AT = 1000  # rows looked at to describe the fields
_LONGEST = 9_000_000  # bytes of one text; at ten million the parser sees an attack
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, 2.2
_BLANKS = " \t\r\n"
_PROLOG = re.compile(r"(\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_SAFE: Mapping[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}


@dataclass(frozen=True, slots=True)
class _Shape:
    document: Any
    above: Any  # the element that holds the rows
    columns: Mapping[str, Path]
    content: bytes


@dataclass(frozen=True, slots=True)
class Xml(Layout):
    """The elements at the path *rows* below the root, whose prefixes are those of the root element and *namespaces*.
    *declared* fields exist even where no row has them."""

    rows: str = ""
    namespaces: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] = ()

    def fields(self, stream: BinaryIO) -> list[FieldInfo]:
        found: dict[str, _Seen] = {name: _Seen() for name in self.declared}
        try:
            for place, (names, row) in enumerate(self._elements(stream.read(self.caps.record))):
                if place == _LOOK_AT:
                    break
                _look(row, names, "", found)
        except Beyond:
            raise
        except ContractBroken:
            if not stream.read(1):  # else it is the end of what was looked at
                raise
        return [seen.described(name) for name, seen in found.items()]

    def schema(self, fields: Sequence[Field], content: bytes) -> pa.Schema:  # noqa: ARG002 - all is text
        return pa.schema([(f.name, pa.utf8()) for f in fields])

    def read(self, content: bytes, fields: Sequence[Field], faults: list[str]) -> Iterator[pa.RecordBatch]:
        unseen = {f.source for f in fields} - set(self.declared)
        empty = True

        def texts() -> Iterator[list[str | None]]:
            nonlocal empty, unseen
            paths: list[Path] = []
            for names, row in self._elements(content):
                paths = paths or [names.path(f.source) for f in fields]
                empty = False
                unseen -= {path.text for path in paths if path.text in unseen and _is_there(path, row)}
                try:
                    texts = [_text(row, path, f.type, names) for path, f in zip(paths, fields, strict=True)]
                except ValueError as error:
                    faults.append(f"line {row.sourceline}: {error}")
                else:
                    yield texts

        yield from batches(self.schema(fields, content), texts())
        if unseen and (self.declared or not empty):
            raise ContractBroken(f"no row has {', '.join(map(repr, sorted(unseen)))}")

    def load(self, content: bytes) -> Sheet:
        parser = etree.iterparse(io.BytesIO(content), events=("start", "end"), **_SAFE)
        for _ in self._within(parser):
            pass
        root = parser.root
        document = root.getroottree()
        names = self._names(root)
        above, rows = self._found(root, names)
        found: dict[str, _Seen] = {name: _Seen() for name in self.declared}
        for row in rows:
            _look(row, names, "", found)
        self.hold_table(len(found), len(rows), len(content))
        paths = {name: names.path(name) for name, seen in found.items() if not seen.inside}
        try:
            columns = {
                name: [_kept(row, path, found[name].repeats) for row in rows] for name, path in paths.items()
            }
        except Mixed as error:
            raise ContractBroken(f"{error}, so the file cannot be written again") from error
        return Sheet(columns, len(rows), _Shape(document, above, paths, content), rows)

    def save(self, sheet: Sheet, stream: BinaryIO) -> None:
        shape: _Shape = sheet.shape
        order = list(shape.columns.values())
        stay = {id(row) for row in sheet.rest if row is not None}
        here = self._found(shape.document.getroot(), self._names(shape.document.getroot()))[1]
        template = here[-1] if here else None
        last = template
        for at, row in enumerate(sheet.rest):
            element = row
            if row is None:
                tag = template.tag if template is not None else self._row_tag(shape.document.getroot())
                element = etree.SubElement(shape.above, tag)
                shape.above.remove(element)
                tree.place(element, shape.above, last)
                last = element
            for name, path in shape.columns.items():
                value = sheet.columns[name][at]
                if row is None or _kept(row, path, isinstance(value, list)) != value:
                    tree.put(element, path, value, order)
            if row is None and template is not None:
                tree.indent(element, template)
        for row in here:
            if id(row) not in stay:
                tree.remove(row)
        _write(shape, stream)

    def put(self, sheet: Sheet, column: str, value: Any, type_: Type) -> Any:  # noqa: ARG002 - elements have no types
        if value is None:
            return None
        if type_.kind is Kind.STRUCT or (
            type_.item is not None and type_.item.kind in (Kind.STRUCT, Kind.LIST)
        ):
            raise ValueError("elements with elements inside are not written")
        if type_.item is None:
            return _checked(canonical(value, type_) or "")
        if not value or None in value:
            raise ValueError(
                "no element tells an empty list from NULL, or NULL within a list from the empty text"
            )
        return [_checked(canonical(item, type_.item) or "") for item in value]

    def means(self, kept: Any, type_: Type) -> Any:
        if isinstance(kept, list):
            assert type_.item is not None
            items = [meaning(_stripped(text, type_.item), type_.item) for text in kept]
            exact = [Decimal(canonical(i, type_.item) or "") if isinstance(i, Decimal) else i for i in items]
            return meaning(canonical(exact, type_), type_)
        return meaning(None if kept is None else _stripped(kept, type_), type_)

    # -- the document --

    def _elements(self, content: bytes) -> Iterator[tuple[Names, Any]]:
        """The rows one by one; each is emptied once the next is asked for."""
        steps: list[str] = []
        names = Names({})
        wanted: tuple[str, ...] = ()
        others: set[str] = set()
        found = inside = False
        parser = etree.iterparse(
            io.BytesIO(content), events=("start", "end"), remove_comments=True, remove_pis=True, **_SAFE
        )
        for event, element in self._within(parser):
            if event == "start":
                if not steps:
                    names = self._names(element)
                    wanted = names.path(self.rows).steps if self.rows else ()
                steps.append(element.tag)
                inside |= tuple(steps[1:]) == wanted[:-1]
                if tuple(steps[1:-1]) == wanted[:-1] and len(steps) > 1:
                    others.add(element.tag)
                    if not wanted and len(others) > 1:
                        raise ContractBroken(_ambiguous(others))
                continue
            is_row = tuple(steps[1:]) == wanted if wanted else len(steps) == 2
            steps.pop()
            if is_row:
                found = True
                yield names, element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        if wanted and not found:
            self._nothing(others, inside=inside)

    def _within(self, parser: Any) -> Iterator[tuple[str, Any]]:
        """The events of *parser*, as long as what it reads is XML, and within the caps."""
        depth = 0
        try:
            for event, element in parser:
                if event == "start":
                    if not depth:
                        _refuse_dtd(element)
                        self.caps.hold("columns", len(element.nsmap), "line", element.sourceline)
                    depth += 1
                    self.caps.hold("depth", depth, "line", element.sourceline)
                    self.caps.hold("columns", len(element.attrib), "line", element.sourceline)
                else:
                    depth -= 1
                yield event, element
        except etree.XMLSyntaxError as error:
            raise ContractBroken(_broken(error)) from error

    def _nothing(self, others: set[str], *, inside: bool) -> None:
        """No rows: refused where it looks like a wrong path; an empty holder of rows is an empty table."""
        if not inside:
            raise ContractBroken(f"there is no element {self.rows.rpartition('/')[0]!r} below the root")
        if others:
            there = ", ".join(sorted(f"<{etree.QName(tag).localname}>" for tag in others))
            raise ContractBroken(f"there is no element {self.rows!r}, but there are {there}")

    def _found(self, root: Any, names: Names) -> tuple[Any, list[Any]]:
        """The element that holds the rows, and the rows."""
        if not self.rows:
            rows = list(root.iterchildren("*"))
            if len(tags := {row.tag for row in rows}) > 1:
                raise ContractBroken(_ambiguous(tags))
            return root, rows
        path = names.path(self.rows)
        above = Path("", path.steps[:-1]).elements(root)
        if len(above) != 1:
            raise ContractBroken(
                f"the rows {self.rows!r} are in {len(above)} elements; a file that is written has one that holds them all"
            )
        rows = list(above[0].iterchildren(path.steps[-1]))
        if not rows:
            self._nothing({child.tag for child in above[0].iterchildren("*")}, inside=True)
        return above[0], rows

    def _row_tag(self, root: Any) -> str:
        if not self.rows:
            raise ContractBroken("the file has no rows yet: say what they are called, with `rows:`")
        return self._names(root).path(self.rows).steps[-1]

    def _names(self, root: Any) -> Names:
        own = {prefix or "": uri for prefix, uri in root.nsmap.items()}
        return Names({**own, **self.namespaces})


@dataclass(slots=True)
class _Seen:
    """What was found at a path."""

    repeats: bool = False
    inside: bool = False
    sample: str = ""

    def described(self, name: str) -> FieldInfo:
        type_ = None if self.inside else Type(Kind.LIST, item=STRING) if self.repeats else STRING
        refused = "repeats, with elements inside: declare list<struct<…>> with the parts that are needed"
        native = "elements" if self.repeats else "text"
        return FieldInfo(
            name=name, type=type_, native=native, refused="" if type_ else refused, sample=self.sample
        )


def _look(element: Any, names: Names, above: str, found: dict[str, _Seen]) -> None:
    """Note the attributes and elements below *element*, whose path is *above*."""
    way = f"{above}/" if above else ""
    for name, value in element.attrib.items():
        if not name.startswith("{http://www.w3.org/2001/XMLSchema-instance}"):
            seen = found.setdefault(f"{way}@{names.spelt(name, attribute=True)}", _Seen())
            seen.sample = seen.sample or value
    inside = list(element.iterchildren("*"))
    if not inside:
        if above or (element.text or "").strip():
            seen = found.setdefault(above or ".", _Seen())
            seen.sample = seen.sample or element.text or ""
        return
    alike: dict[str, list[Any]] = {}
    for child in inside:
        alike.setdefault(child.tag, []).append(child)
    for tag, same in alike.items():
        path = way + names.spelt(tag)
        if len(same) == 1 and not (path in found and found[path].repeats):
            _look(same[0], names, path, found)
            continue
        seen = found.setdefault(path, _Seen())
        seen.repeats = True
        seen.inside |= any(len(child) for child in same)
        seen.sample = seen.sample or ("" if seen.inside else same[0].text or "")


def _is_there(path: Path, row: Any) -> bool:
    found = path.elements(row)
    return any(path.attribute in element.attrib for element in found) if path.attribute else bool(found)


def _kept(row: Any, path: Path, repeats: bool) -> tree.Kept:
    values = path.values(row)
    if repeats:
        return [value or "" for value in values] or None
    return values[0] if values else None


def _text(row: Any, path: Path, type_: Type, names: Names) -> str | None:
    """What is at *path* as text for *type_*: JSON for lists and structs. Raises ValueError with words."""
    if type_.kind in (Kind.LIST, Kind.STRUCT) and not path.attribute:
        found = path.elements(row)
        if type_.kind is Kind.STRUCT:
            return (
                json.dumps(_nested(_single(found, path), type_, names), ensure_ascii=False) if found else None
            )
        assert type_.item is not None
        inner = [_nested(element, type_.item, names) for element in found]
        return json.dumps(inner, ensure_ascii=False) if inner else None
    if path.attribute:
        _single(path.elements(row), Path("/".join(path.text.split("/")[:-1])))
    values = path.values(row)
    if len(values) > 1:
        raise ValueError(f"{path.text} is there {len(values)} times: declare list<…>")
    return _stripped(values[0], type_) if values and values[0] is not None else None


def _single(found: Sequence[Any], path: Path) -> Any:
    """The one element that is *found*, if any."""
    if len(found) > 1:
        raise ValueError(f"{path.text} is there {len(found)} times: declare list<…>")
    return found[0] if found else None


def _nested(element: Any, type_: Type, names: Names) -> Any:
    """An element as a JSON value; the members of a struct are its elements or else its attributes of that name."""
    if type_.kind is not Kind.STRUCT:
        text = text_of(element, etree.QName(element).localname)
        return None if text is None else _stripped(text, type_)
    members: dict[str, Any] = {}
    for name, member in type_.members:
        tag = names.path(name).steps[-1]
        inner = list(element.iterchildren(tag))
        if member.kind is Kind.LIST:
            assert member.item is not None
            members[name] = [_nested(child, member.item, names) for child in inner] or None
        elif inner and name in element.attrib:
            raise ValueError(f"{name} is there as an element and as an attribute: one of them is its value")
        elif inner:
            members[name] = _nested(_single(inner, Path(name)), member, names)
        else:
            members[name] = element.get(name)
    return members


def _stripped(text: str, type_: Type) -> str:
    """White space around a value that is no text means nothing (XML Schema: whiteSpace collapse)."""
    return text if type_.kind is Kind.STRING else text.strip(_BLANKS)


def _checked(text: str) -> str:
    if found := _NOT_XML.search(text):
        raise ValueError(f"XML cannot hold the character {found[0]!r}")
    if len(text.encode()) > _LONGEST:
        raise ValueError(f"the text is longer than {_LONGEST} bytes, which readers of XML refuse")
    return text


def _refuse_dtd(root: Any) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise ContractBroken("the file has a document type definition; those are not read: take it out")


def _broken(error: etree.XMLSyntaxError) -> str:
    if not error.lineno:
        return "the file is empty: an XML file has a root element"
    return f"line {error.lineno}: not well-formed XML, or cut off: {error.msg}"


def _ambiguous(tags: set[str]) -> str:
    there = ", ".join(sorted(f"<{etree.QName(tag).localname}>" for tag in tags))
    return f"say with `rows:` which elements are the rows: the root has {there}"


def _write(shape: _Shape, stream: BinaryIO) -> None:
    """The document with its own prolog, encoding and line ends."""
    encoding = shape.document.docinfo.encoding or "UTF-8"
    if shape.content.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    before = shape.content.decode(encoding)
    root = shape.document.getroot()
    behind = "".join("\n" + etree.tostring(other, encoding="unicode") for other in root.itersiblings())
    text = etree.tostring(root, encoding="unicode", with_tail=False) + behind
    if "\r\n" in before:
        text = text.replace("\n", "\r\n")
    prolog = _PROLOG.match(before)
    end = before[len(before.rstrip(_BLANKS)) :]
    stream.write(((prolog[0] if prolog else "") + text + end).encode(encoding, "xmlcharrefreplace"))
