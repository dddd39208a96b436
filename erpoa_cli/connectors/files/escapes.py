"""Texts of a workbook: `_x000D_` in a file is the character U+000D in its cell (ST_Xstring of Office Open XML), and `_x005F_`
an underscore that begins no such escape. openpyxl knows half of it, so here texts are read as the file has them."""

from __future__ import annotations

import re
import warnings
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
    """openpyxl's, but with shared texts as the file has them. A book that is changed keeps the fonts within its texts."""

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call]
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            for _, node in iterparse(source):
                if node.tag == f"{{{SHEET_MAIN_NS}}}si":
                    self.shared_strings.append(self._text(Text.from_tree(node)))
                    node.clear()

    def _text(self, text: Any) -> Any:
        if self.read_only or not text.r:
            return text.content
        return CellRichText([TextBlock(run.rPr, run.t or "") if run.rPr else run.t or "" for run in text.r])
