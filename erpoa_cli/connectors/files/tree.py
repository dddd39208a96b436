"""Changing the elements of an XML file in place, so that all else stays as it was: order, comments, indentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lxml import etree

from erpoa_cli.connectors.files.path import NIL, Path, siblings

Kept = str | None | list[str]


def put(row: Any, path: Path, value: Kept, order: Sequence[Path]) -> None:
    """Make *path* below *row* hold *value*: a text, nothing (None: the element or attribute goes), or one element
    per text of a list. What has to be created goes where *order* has it among its siblings."""
    if path.attribute:
        _put_attribute(row, path, value, order)
    elif not path.steps:
        row.text = value
    else:
        texts = [] if value is None else [value] if isinstance(value, str) else value
        found = path.elements(row)
        for element in found[len(texts) :]:
            remove(element)
        while len(found) < len(texts):
            found.append(_created(row, path.steps, order, after=found[-1] if found else None))
        for element, text in zip(found, texts, strict=False):
            for inside in element.iterchildren():
                element.remove(inside)
            element.attrib.pop(NIL, None)
            element.text = text


def _put_attribute(row: Any, path: Path, value: Kept, order: Sequence[Path]) -> None:
    found = path.elements(row)
    if value is None:
        for element in found:
            element.attrib.pop(path.attribute, None)
        return
    element = found[0] if found else _created(row, path.steps, order)
    element.set(path.attribute, value)


def _created(row: Any, steps: tuple[str, ...], order: Sequence[Path], after: Any = None) -> Any:
    parent = row
    for depth, step in enumerate(steps[:-1]):
        inner = next(parent.iterchildren(step), None)
        parent = inner if inner is not None else _insert(parent, step, siblings(order, steps[:depth]))
    if after is not None:
        parent = after.getparent()
    return _insert(parent, steps[-1], siblings(order, steps[:-1]))


def _insert(parent: Any, tag: str, order: Sequence[str]) -> Any:
    """A new element *tag* in *parent*, before the first that comes later in *order*."""
    later = set(order[order.index(tag) + 1 :])
    elements = list(parent.iterchildren("*"))
    at = next((n for n, element in enumerate(elements) if element.tag in later), len(elements))
    new = etree.Element(tag)
    place(new, parent, elements[at - 1] if at else None)
    return new


def place(new: Any, parent: Any, before: Any) -> None:
    """Put *new* into *parent* behind its child *before* (None: first), indented like its neighbours."""
    if before is not None:
        is_last = before.getnext() is None
        new.tail = before.tail
        before.addnext(new)  # takes the tail of `new` along
        before.tail = parent.text if is_last else new.tail
    else:
        inner = next(parent.iterchildren(), None)
        new.tail = parent.text if inner is not None else None
        parent.insert(0, new)


def indent(new: Any, template: Any) -> None:
    """Give the children of *new* the white space around those of *template*."""
    inside = list(new.iterchildren())
    if inside and len(template):
        new.text = template.text
        for child in inside:
            child.tail = template.text
        inside[-1].tail = template[-1].tail


def remove(element: Any) -> None:
    """Take *element* out with the white space before it."""
    parent, before = element.getparent(), element.getprevious()
    if element.getnext() is None:  # the white space that closes the parent stays
        if before is not None:
            before.tail = element.tail
        else:
            parent.text = None
    element.tail = None
    parent.remove(element)
