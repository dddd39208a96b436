"""The archive that a workbook is: what it claims to hold, and what of it openpyxl does not write again."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.errors import ContractBroken

MOST_ROWS = 1_048_576  # of a sheet ("Excel specifications and limits"); its columns are A to XFD
_CELL = 16  # bytes that a cell counts, one that is empty too
_ELEMENT = 128  # bytes that a row or a shared text counts
_ROW = re.compile(rb"<(?:\w+:)?row[\s/>]")
_CELLS = re.compile(rb"<(?:\w+:)?c[\s/>]")
_SHARED = re.compile(rb"<(?:\w+:)?si[\s/>]")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_RUN = re.compile(rb"<(?:\w+:)?r[\s>]")  # of a text in a cell; among the shared ones they are kept
_PHONETIC = re.compile(rb"<(?:\w+:)?rPh[\s>]")
_EXTENSION = re.compile(rb"<(?:\w+:)?ext[\s>]")
_FAR = re.compile(rb'\sr="(?=[A-Z]{4}|[A-Z]*\d{7})([A-Z]*)(\d*)')
_SHEETS, _TEXTS = "xl/worksheets/", "xl/sharedStrings.xml"
_LOST = re.compile(
    r"xl/(charts|drawings/drawing|media|pivot|slicer|timeline|embeddings|ctrlProps|activeX|threadedComments|"
    r"diagrams|vbaProject|externalLinks|model|connections|queryTables|richData|webextensions|xmlMaps)|customXml/",
    re.IGNORECASE,
)


def hold(stream: BinaryIO, caps: Caps) -> None:
    """The names in the archive; refuses what is no archive, a bomb, and document type definitions."""
    size = stream.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(stream) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            caps.unpacked(unpacked, size, "the workbook, unpacked,")
            for name in archive.namelist():
                if name.lower().endswith((".xml", ".rels")):
                    with archive.open(name) as part:
                        if b"<!DOCTYPE" in part.read(4096).replace(b"\0", b""):
                            raise ContractBroken(
                                f"{name} has a document type definition, which no workbook needs"
                            )
            for name in archive.namelist():
                if name.startswith(_SHEETS):
                    _hold_sheet(caps, archive, name, size)
                elif name == _TEXTS:
                    texts = sum(len(_SHARED.findall(part)) for part in _parts(archive, name))
                    caps.unpacked(_ELEMENT * texts, size, name)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ContractBroken(f"not a whole XLSX workbook: {error}") from error


def _hold_sheet(caps: Caps, archive: zipfile.ZipFile, sheet: str, size: int) -> None:
    """Refuse rows or columns that no spreadsheet has, and more cells than is sound: a few bytes claim what takes hours
    to walk through."""
    rows = cells = width = 0
    for part in _parts(archive, sheet):
        within, *more = [len(_CELLS.findall(row)) for row in _ROW.split(part)]
        width += within
        caps.hold("columns", max(width, *more, 0), sheet)
        rows, cells = rows + len(more), cells + within + sum(more)
        width = more[-1] if more else width
        caps.unpacked(_CELL * cells + _ELEMENT * rows, size, sheet)
        beyond = next(
            (m[0] for m in _FAR.finditer(part) if len(m[1]) > 3 or int(m[2] or 0) > MOST_ROWS), None
        )
        if beyond is not None or rows > MOST_ROWS:
            where = (
                f"a place beyond all ({beyond.decode('ascii', 'replace').strip()[:40]})"
                if beyond
                else f"more than {MOST_ROWS:,} rows"
            )
            raise ContractBroken(
                f"{sheet} has {where}: a sheet has at most {MOST_ROWS:,} rows and the columns A to XFD"
            )


def lost(stream: BinaryIO) -> str:
    """What of a sound workbook would be lost, in words; empty: nothing that is known of the archive."""
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        if found := sorted(name for name in names if _LOST.match(name)):
            return f"more than cells ({found[0]})"
        if any(map(_EXTENSION.search, _sheets(archive))):
            return "what only newer programs know, such as icon sets or sparklines"
        if _TEXTS in names and any(_PHONETIC.search(part) for part in _parts(archive, _TEXTS)):
            return "texts with their pronunciation"
    return ""


def has_formulas(stream: BinaryIO) -> bool:
    with zipfile.ZipFile(stream) as archive:
        return any(map(_FORMULA.search, _sheets(archive)))


def has_fonts(stream: BinaryIO) -> bool:
    """Whether texts in the cells themselves have several fonts (of shared ones the reader knows)."""
    with zipfile.ZipFile(stream) as archive:
        return any(map(_RUN.search, _sheets(archive)))


def _sheets(archive: zipfile.ZipFile) -> Iterator[bytes]:
    for name in archive.namelist():
        if name.startswith(_SHEETS):
            yield from _parts(archive, name)


def _parts(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of a member, in parts that end where a tag ends."""
    with archive.open(name) as stream:
        rest = b""
        while chunk := stream.read(1 << 20):
            whole, end, rest = (rest + chunk).rpartition(b">")
            yield whole + end
        yield rest
