"""XLSX as other programs write it, and what writing leaves alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Font
from openpyxl.worksheet.table import Table

from erpoa_cli.connectors.files import FilesConnector
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>
<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/>
<Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"""
_STYLES = f'<styleSheet xmlns="{_MAIN}"><fonts><font/></fonts><fills><fill><patternFill patternType="none"/></fill></fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'


def by_hand(
    rows: str, *, epoch: str = "", head: str = "", shared: Sequence[str] = (), sheet: str = "物料"
) -> bytes:
    """A workbook put together without the library under test."""
    parts = {
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{"".join(shared)}</sst>',
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELS}"><workbookPr {epoch}/><sheets><sheet name="{sheet}" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_RELS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{_RELS}/styles" Target="styles.xml"/><Relationship Id="r3" Type="{_RELS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": f'{head}<worksheet xmlns="{_MAIN}"><dimension ref="A1"/><sheetData>{rows}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def text(place: str, value: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


HEADER = f'<row r="1">{text("A1", "code")}{text("B1", "value")}</row>'


def session(folder: Path, **special: Any) -> FilesSession:
    return FilesConnector().open({"path": str(folder), "files": {"s.xlsx": {"id": ["code"], **special}}})


def values(folder: Path, rows: str, type_: str, **how: str) -> tuple[list[Any], str]:
    (folder / "s.xlsx").write_bytes(by_hand(HEADER + rows, **how))
    found, verdict = read(session(folder), "s.xlsx", code="string", value=type_)
    return [row["value"] for row in found], verdict.reason


@pytest.mark.parametrize(
    ("cell", "type_", "expected"),
    [
        ("<v>1.1000000000000001</v>", "decimal(9,2)", "1.1"),  # as Excel writes 1.1
        ("<v>0.30000000000000004</v>", "decimal(9,2)", "0.3"),  # its =0.1+0.2, which it shows as 0.3
        ("<v>1E+2</v>", "integer", "100"),
        ("<v>1.5E-7</v>", "decimal(38,9)", "0.00000015"),
        ("<v>123456789012345</v>", "integer", "123456789012345"),
        ("<v>7</v>", "string", "7"),
        ("<f>1+1</f><v>2</v>", "integer", "2"),
    ],
)
def test_numbers_are_what_excel_shows(tmp_path: Path, cell: str, type_: str, expected: str) -> None:
    assert values(tmp_path, f'<row r="2">{text("A2", "A")}<c r="B2">{cell}</c></row>', type_) == (
        [expected],
        "",
    )


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (
            '<c r="B2"><v>12345678901234567</v></c>',
            "row 2: B2 is a number of more than 15 digits: keep it as text",
        ),
        ('<c r="B2" t="e"><v>#N/A</v></c>', "row 2: B2 is #N/A"),
        ('<c r="B2"><f>1+1</f></c>', "row 2: B2 is a formula without a value"),
    ],
)
def test_what_has_no_exact_value_leaves_its_row_out(tmp_path: Path, cell: str, reason: str) -> None:
    more = f'<row r="3">{text("A3", "B")}{text("B3", "007")}</row>'
    found, told = values(tmp_path, f'<row r="2">{text("A2", "A")}{cell}</row>{more}', "string")
    assert found == ["007"]
    assert reason in told


def test_dates_of_both_epochs(tmp_path: Path) -> None:
    row = f'<row r="2">{text("A2", "A")}<c r="B2" s="1"><v>45352</v></c></row>'
    assert values(tmp_path, row, "date") == (["2024-03-01"], "")
    assert values(tmp_path, row, "date", epoch='date1904="1"') == (["2028-03-02"], "")
    assert values(tmp_path, row.replace("45352", "45352.5"), "date") == (
        ["2024-03-01T12:00:00"],
        "",
    )  # held later on
    assert values(tmp_path, row.replace("45352", "45352.5"), "timestamp") == (["2024-03-01T12:00:00"], "")


def test_empty_rows_are_no_rows_and_empty_text_is_no_null(tmp_path: Path) -> None:
    rows = f'<row r="3">{text("A3", "A")}{text("B3", "")}</row><row r="5"><c r="A5" s="1"/></row><row r="9">{text("A9", "B")}</row>'
    assert values(tmp_path, rows, "string") == (["", None], "")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ('<row r="999999999999"><c r="A999999999999"><v>1</v></c></row>', "a place beyond all"),
        ('<row r="1048577"><c r="A1048577"><v>1</v></c></row>', "a place beyond all"),
        ('<row r="2"><c r="AAAA2"><v>1</v></c></row>', "a place beyond all"),
        ("<row/>" * 1_048_577, "sheet1.xml takes more than 67,108,864 bytes"),
    ],
    ids=["row", "next row", "column", "rows"],
)
def test_what_no_sheet_has_is_refused_at_once(tmp_path: Path, rows: str, reason: str) -> None:
    assert reason in values(tmp_path, rows, "string")[1]


def test_the_last_row_of_a_sheet_may_be_there(tmp_path: Path) -> None:
    rows = f'<row r="2">{text("A2", "A")}{text("XFD2", "x")}{text("B2", "b")}</row>'
    assert values(tmp_path, rows, "string")[1] == ""


def test_damage_is_told(tmp_path: Path) -> None:
    rows = "".join(
        f'<row r="{n}">{text(f"A{n}", f"C{n}")}{text(f"B{n}", "名称" * n)}</row>' for n in range(2, 200)
    )
    content = by_hand(HEADER + rows)
    middle = content.index(b"xl/worksheets/sheet1.xml") + 400
    for broken in (
        b"",
        b"PK",
        content[:-30],
        content[: len(content) // 2],
        content[:middle] + bytes(60) + content[middle + 60 :],
    ):
        (tmp_path / "s.xlsx").write_bytes(broken)
        _, verdict = read(session(tmp_path), "s.xlsx", code="string", value="string")
        assert verdict.status is ReadStatus.FAILED, len(broken)
    _, told = values(tmp_path, "", "string", head='<!DOCTYPE x [<!ENTITY a "b">]>')
    assert "document type definition" in told


def test_sheet_and_header_are_asked_for(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "说明"
    page = book.create_sheet("数据")
    for row in (["采购清单"], ["code", "value"], ["A", "x"]):
        page.append(row)
    book.save(tmp_path / "s.xlsx")
    assert "say which sheet: 说明, 数据" in read(session(tmp_path), "s.xlsx", code="string")[1].reason
    told = read(session(tmp_path, sheet="数据"), "s.xlsx", code="string")[1].reason
    assert told == "s.xlsx: there is no column 'code'; row 1 has 采购清单"
    assert (
        "there is no sheet 'Data'" in read(session(tmp_path, sheet="Data"), "s.xlsx", code="string")[1].reason
    )
    rows, _ = read(session(tmp_path, sheet="数据", header=2), "s.xlsx", code="string", value="string")
    assert rows == [{"code": "A", "value": "x"}]


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.worksheets[0]
    page.title = "data"
    page.append(["code", "note", "amount", "day"])
    for n in range(1, 6):
        page.append((f"C{n}", "n", n, date(2024, 1, n)))
    page["B3"].font = Font(bold=True)
    page.add_table(Table(displayName="t", ref="A1:D6"))
    book.create_sheet("other")["Z9"] = "kept"
    book.save(path)


def test_writing_leaves_the_rest_alone(tmp_path: Path) -> None:
    workbook(tmp_path / "s.xlsx")
    here = session(tmp_path, sheet="data")
    writer = Writer(
        here, "s.xlsx", ("code",), code="string", note="string", amount="decimal(38,9)", day="date"
    )
    assert outcomes(
        writer.delete([{"code": "C1"}, {"code": "C4"}], [{"amount": Decimal(1)}, {"amount": Decimal(9)}])
    ) == ["applied", "stale"]
    assert outcomes(writer.update([{"code": "C5"}], [{"note": "=1+1"}], [{"day": date(2024, 1, 5)}])) == [
        "applied"
    ]
    new = {"code": "007", "note": "", "amount": Decimal("12345678901234567890.1"), "day": date(1899, 1, 1)}
    assert outcomes(writer.create([new])) == ["applied"]
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    page = book["data"]
    day = datetime(2024, 1, 5)
    assert [[c.value for c in row] for row in page.iter_rows(min_row=5)] == [
        ["C5", "=1+1", 5, day],
        ["007", None, "12345678901234567890.100000000", "1899-01-01"],
    ]
    assert page["B5"].data_type == "s"
    assert page["B2"].font.bold
    assert page.tables["t"].ref == "A1:D6"
    assert book["other"]["Z9"].value == "kept"
    rows, verdict = read(here, "s.xlsx", code="string", note="string", amount="decimal(38,9)")
    assert verdict.status is ReadStatus.COMPLETE
    assert [(row["code"], row["note"]) for row in rows] == [
        ("C2", "n"),
        ("C3", "n"),
        ("C4", "n"),
        ("C5", "=1+1"),
        ("007", ""),
    ]


SHOWN = {  # how the file has it: what a spreadsheet shows
    "first_x000D_\nsecond": "first\r\nsecond",
    "left_x0009_right": "left\tright",
    "_x005F_x000D_": "_x000D_",
    "_x005f_x005F__x005F_": "_x005F__",
    "no_xyz_escape_x00_": "no_xyz_escape_x00_",
    "max005F_": "max005F_",  # openpyxl by itself takes this for a part of an escape
    "_xD83D__xDE00_": "\U0001f600",
    "a_x0041_": "aA",
}


@pytest.mark.parametrize("kind", ["inline", "shared", "rich", "computed"])
def test_escapes_are_the_characters_they_stand_for(tmp_path: Path, kind: str) -> None:
    cells: list[str] = []
    texts: list[str] = []
    for number, stored in enumerate(SHOWN, 2):
        match kind:
            case "inline":
                cells.append(text(f"B{number}", stored))
            case "computed":
                cells.append(f'<c r="B{number}" t="str"><f>A1</f><v>{stored}</v></c>')
            case _:
                cells.append(f'<c r="B{number}" t="s"><v>{len(texts)}</v></c>')
                middle = stored.find("\n") + 1
                runs = f"<r><rPr><b/></rPr><t>{stored[:middle]}</t></r><r><t>{stored[middle:]}</t></r>"
                texts.append(f"<si>{runs if kind == 'rich' else f'<t>{stored}</t>'}</si>")
    rows = "".join(f'<row r="{n}">{text(f"A{n}", f"C{n}")}{cell}</row>' for n, cell in enumerate(cells, 2))
    (tmp_path / "s.xlsx").write_bytes(by_hand(HEADER.replace("value", "va_x000A_lue") + rows, shared=texts))
    found, verdict = read(session(tmp_path), "s.xlsx", **{"code": "string", "va\nlue": "string"})
    assert verdict.status is ReadStatus.COMPLETE, verdict.reason
    assert [row["va\nlue"] for row in found] == list(SHOWN.values())


def test_a_text_is_written_as_it_is_shown_and_others_stay_as_they_are(tmp_path: Path) -> None:
    rich = "<si><r><rPr><b/></rPr><t>bold_x000D_</t></r><r><t>plain</t></r></si>"
    row = f'<row r="2">{text("A2", "_x005F_x0041_")}<c r="B2" t="s"><v>0</v></c></row>'
    (tmp_path / "s.xlsx").write_bytes(by_hand(HEADER + row, shared=[rich]))
    here = session(tmp_path)
    texts = [*SHOWN.values(), "\x00\x01\x1f\uffff", "_", "_x005F", "=1+1", "", " a\r"]
    new = [{"code": f"C{n}", "value": one} for n, one in enumerate(texts)]
    writer = Writer(here, "s.xlsx", ("code",), code="string", value="string")
    assert outcomes(writer.create(new)) == ["applied"] * len(new)
    long = {"code": "x", "value": "\r" * 5000}  # as it is kept
    last = {"code": "y", "value": "2"}
    assert outcomes(writer.create([long, last])) == ["rejected", "applied"]
    new.append(last)
    found, _ = read(here, "s.xlsx", code="string", value="string")
    assert [(r["code"], r["value"]) for r in found] == [
        ("_x0041_", "bold\rplain"),
        *((r["code"], r["value"]) for r in new),
    ]
    with zipfile.ZipFile(tmp_path / "s.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert "<b val=" in sheet or "<b/>" in sheet or "<b />" in sheet, "the fonts of other cells are kept"
    assert "_x005F_x0041_" in sheet


def test_the_name_of_a_sheet_is_what_is_shown(tmp_path: Path) -> None:
    content = by_hand(HEADER + f'<row r="2">{text("A2", "A")}</row>', sheet="a_x005F_x0041_b")
    (tmp_path / "s.xlsx").write_bytes(content)
    assert [
        row["code"] for row in read(session(tmp_path, sheet="a_x0041_b"), "s.xlsx", code="string")[0]
    ] == ["A"]


def test_what_writing_would_lose_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "s.xlsx"

    def formula(page: Any) -> None:
        page["H1"] = "=SUM(C2:C9)"

    def chart(page: Any) -> None:
        bars = BarChart()
        bars.add_data(Reference(page, min_col=3, min_row=2, max_row=4))
        page.add_chart(bars)

    def merged(page: Any) -> None:
        page.merge_cells("A2:B2")

    for spoil, words in (
        (formula, "data!H1 has a formula"),
        (chart, "more than cells"),
        (merged, "merged"),
    ):
        workbook(path)
        book = openpyxl.load_workbook(path)
        spoil(book["data"])
        book.save(path)
        before = path.read_bytes()
        here = session(tmp_path, sheet="data")
        (answer,) = Writer(here, "s.xlsx", ("code",), code="string").delete([{"code": "C1"}])
        assert answer["outcome"] == "stale"
        assert words in answer["error"]
        assert here.unwritable("s.xlsx") == answer["error"]
        assert path.read_bytes() == before
