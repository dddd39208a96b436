"""Texts of a workbook: `_x000D_` in a file is the character U+000D in its cell (ST_Xstring of Office Open XML), and `_x005F_`
an underscore that begins no such escape. openpyxl knows half of it, so here texts are read as the file has them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

# What it says of what it will not write is known here without it (`package.lost`), in all threads.
warnings.filterwarnings("ignore", module=r"openpyxl\.")

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_NEEDED = re.compile("_(?=x[0-9A-Fa-f]{4}_)|[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LONE = re.compile("[\ud800-\udfff]")


def shown(text: str) -> str:
    """What a spreadsheet shows where a file has *text*. Raises ValueError where that is no text."""
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    return found.encode("utf-16", "surrogatepass").decode("utf-16") if _LONE.search(found) else found


def spelled(text: str) -> str:
    """How a file has *text*."""
    return _NEEDED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


class Reader(ExcelReader):
    """openpyxl's, but with texts as the file has them. A book that is changed keeps the fonts within its texts; *fonts*: cells
    of its sheets have several, not only shared texts."""

    fonts = False

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is not None:
            self.shared_strings = [self._text(node) for node in self._nodes(part.PartName[1:], "si")]

    def read_worksheets(self) -> None:
        super().read_worksheets()
        for sheet, part in self.parser.find_sheets() if self.fonts and not self.read_only else ():
            for cell in self._nodes(part.target, "c"):
                text = cell.find(_tag("is"))
                if text is not None and text.find(_tag("r")) is not None:
                    self.wb[sheet.name][cell.get("r")].value = self._text(text)

    def _nodes(self, member: str, tag: str) -> Iterator[Any]:
        with self.archive.open(member) as source:
            for _, node in iterparse(source):
                if node.tag == _tag(tag):
                    yield node
                    node.clear()

    def _text(self, node: Any) -> Any:
        text: Any = Text.from_tree(node)
        if self.read_only or not text.r:
            return text.content
        return CellRichText([TextBlock(run.rPr, run.t or "") if run.rPr else run.t or "" for run in text.r])


def _tag(name: str) -> str:
    return f"{{{SHEET_MAIN_NS}}}{name}"
