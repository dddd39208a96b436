"""A file that was cut short is no shorter table: nothing is removed, nothing that was half a value is written, and it
is shown what was held back and why. Where the cut leaves a file that reads like a whole one, the guards answer."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpoa_cli.cli.exits import Exit
from tests.program import Ended, Forks, erpoa

PEOPLE = [
    {"code": f"E{n:03}", "name": f"欧阳{n}，“采购” 😀", "note": f'一行,"引号"\n第二行 {n}'}
    for n in range(1, 13)
]
CODES = [person["code"] for person in PEOPLE]
COLUMNS = list(PEOPLE[0])
HALF = len(PEOPLE) // 2

SYSTEMS = """systems:
  erp: {{plugin: files, role: erp, description: Its nightly files, owner: tests@huaxin.example, config: {{path: drop, encoding: {encoding}}}}}
  oa: {{plugin: sqlite, role: oa, description: The OA, owner: tests@huaxin.example, config: {{path: oa.db}}}}
"""
SOURCE = """sources:
  people:
    {{description: Employees, owner: tests@huaxin.example, system: erp, object: {file}, key: [code], complete: {complete},
     fields: {{code: string, name: string, note: string}}}}
"""
TARGET = """targets:
  staff:
    {description: People in the OA, owner: tests@huaxin.example, from: people, system: oa, object: person, key: [code],
     fields: {code: code, name: name, note: note}, on_source_gone: delete,
     guards: {max_delete: {count: 100, share: 100%}, max_change: {share: 100%, floor: 100}}}
"""

pytestmark = pytest.mark.slow

Cut = Callable[[bytes], bytes]
ALL, LATTER, LAST = CODES, CODES[HALF:], CODES[-1:]


def lines(people: list[dict[str, str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(people)
    return text.getvalue().encode(encoding)


def national(people: list[dict[str, str]]) -> bytes:
    return lines(people, "gb18030")


def objects(people: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(person, ensure_ascii=False) + "\n" for person in people).encode()


def columns(people: list[dict[str, str]]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(people, pa.schema([(n, pa.utf8()) for n in COLUMNS])), stream)
    return stream.getvalue()


def workbook(people: list[dict[str, str]]) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    sheet: Any = book.active
    for row in (COLUMNS, *(list(person.values()) for person in people)):
        sheet.append(row)
    book.save(stream)
    return stream.getvalue()


def elements(people: list[dict[str, str]]) -> bytes:
    rows = (
        "".join(f"<{n}>{escape(v)}</{n}>" for n, v in person.items()).join(("<person>", "</person>\n"))
        for person in people
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<people>\n{"".join(rows)}</people>\n'.encode()


FILES = {
    "people.csv": lines,
    "national.csv": national,
    "people.jsonl": objects,
    "people.parquet": columns,
    "people.xlsx": workbook,
    "people.xml": elements,
}


def in_the_middle(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def its_last_byte(whole: bytes) -> bytes:
    return whole[:-1]


def its_line_end(whole: bytes) -> bytes:
    return whole[:-2]


def its_last_tag(whole: bytes) -> bytes:
    return whole[: whole.index(b"</people>")]


def half_its_rows(whole: bytes) -> bytes:
    """What is left reads like a whole file."""
    return whole[: whole.rindex(b"\n", 0, whole.index(CODES[HALF].encode())) + 1]


def everything(whole: bytes) -> bytes:
    return b""


def all_but_the_header(whole: bytes) -> bytes:
    return whole[: whole.index(b"\n") + 1]


def behind(mark: str, encoding: str = "utf-8", more: int = 0) -> Cut:
    """Cut behind *mark* of the seventh person, and *more* bytes further."""

    def cut(whole: bytes) -> bytes:
        person = whole.index(CODES[HALF].encode())
        return whole[: whole.index(mark.encode(encoding), person) + len(mark.encode(encoding)) + more]

    return cut


def case(file: str, cut: Cut, gone: list[str], why: str, name: str = "") -> Any:
    return pytest.param(file, cut, gone, why, id=f"{file}-{name or cut.__name__}")


@dataclass(frozen=True, slots=True)
class Drop:
    """A project whose source is the file *file* of a directory, and whose target is a table. Plans are made by the
    installed program."""

    root: Path
    file: str
    forked: Forks

    def build(self, complete: str = "{}") -> None:
        encoding = "gb18030" if self.file.startswith("national") else "utf-8"
        for path, text in {
            "erpoa.yml": "format: 1\nname: drop\ndescription: Files that come by night\nowner: tests@huaxin.example\n",
            "systems/systems.yml": SYSTEMS.format(encoding=encoding),
            "sources/sources.yml": SOURCE.format(file=self.file, complete=complete),
            "targets/targets.yml": TARGET,
        }.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text, encoding="utf-8")
        (self.root / "drop").mkdir()
        with closing(sqlite3.connect(self.root / "oa.db")) as db:
            db.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, code TEXT, name TEXT, note TEXT)")

    def settle(self) -> list[tuple[Any, ...]]:
        """The whole file, applied; the rows that are there then."""
        self.put(FILES[self.file](PEOPLE))
        applied = self.run("apply", "--yes", "--no-input")
        assert applied.exit == Exit.SUCCESS, applied
        rows = self.people()
        assert [row[1:] for row in rows] == [tuple(person.values()) for person in PEOPLE]
        return rows

    def put(self, content: bytes) -> None:
        (self.root / "drop" / self.file).write_bytes(content)

    def people(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.root / "oa.db")) as db:
            return db.execute("SELECT * FROM person ORDER BY code").fetchall()

    def plan(self, *arguments: str) -> Ended:
        asked = ("plan", "--format", "json", "--full", "-o", "the.erpoaplan", *arguments)
        return erpoa(*asked, directory=self.root)

    def apply(self) -> Ended:
        return self.run("apply", "the.erpoaplan", "--no-input")

    def run(self, *arguments: str) -> Ended:
        return self.forked.run(*arguments, directory=self.root)


def assert_held_back(drop: Drop, gone: list[str], why: str) -> None:
    """A plan removes nothing and is blocked; it and its text show each of *gone* as withheld, and *why*; to apply it
    changes nothing."""
    rows = drop.people()
    ended = drop.plan()
    assert ended.exit == Exit.BLOCKED, ended
    report = ended.json()
    assert report["changes"] == [], ended
    assert {row["address"] for row in report["withheld"]} == {f"staff/code={code}" for code in gone}, ended
    for row in report["withheld"]:
        assert (row["code"], row["wanted"]) == ("E0420", "delete"), ended
        assert row["reason"].count(why) == 1, ended
    told = drop.run("show", "the.erpoaplan", "--full")
    assert f"{len(gone)} withheld" in told.out, told
    assert why in " ".join(told.out.split()), told
    drop.apply()
    assert drop.people() == rows


@pytest.mark.in_turn("truncated", of=3, seconds=3)
@pytest.mark.parametrize(
    ("file", "cut", "gone", "why"),
    [
        case("people.csv", behind("一行,"), ALL, "line 14: a quote is opened and not closed", "in a quoted field"),
        case("people.csv", behind(",欧", more=1), ALL, "line 14: bytes that are not utf-8", "in a character"),
        case("people.csv", behind(",欧阳"), LATTER, "line 14 does not end with a line break", "in a field"),
        case("people.csv", behind(CODES[HALF][:3]), LATTER, "line 14 does not end with a line break", "in a key"),
        case("people.csv", its_line_end, LAST, "the file may be cut off, the row is left out"),
        case("people.csv", everything, ALL, "people.csv: the file is empty"),
        case("people.csv", all_but_the_header, ALL, "people is empty"),
        case("national.csv", behind(",欧", "gb18030", -1), ALL, "bytes that are not gb18030", "in a character"),
        case("national.csv", behind(",欧阳", "gb18030"), LATTER, "line 14 does not end with a line break", "in a field"),
        case("people.jsonl", in_the_middle, ALL, "people.jsonl: line 7: the file ends within a line"),
        case("people.jsonl", behind("欧", more=1), ALL, "line 7: the file ends within a line", "in a character"),
        case("people.jsonl", its_line_end, ALL, "line 12: the file ends within a line"),
        case("people.jsonl", everything, ALL, "people is empty"),
        case("people.parquet", in_the_middle, ALL, "people.parquet: not a whole Parquet file"),
        case("people.parquet", its_last_byte, ALL, "people.parquet: not a whole Parquet file"),
        case("people.parquet", everything, ALL, "people.parquet: not a whole Parquet file"),
        case("people.xlsx", in_the_middle, ALL, "people.xlsx: not a whole XLSX workbook"),
        case("people.xlsx", its_line_end, ALL, "people.xlsx: not a whole XLSX workbook"),
        case("people.xlsx", everything, ALL, "people.xlsx: not a whole XLSX workbook"),
        case("people.xml", in_the_middle, ALL, "not well-formed XML, or cut off"),
        case("people.xml", behind("欧", more=1), ALL, "not well-formed XML, or cut off", "in a character"),
        case("people.xml", its_last_tag, ALL, "not well-formed XML, or cut off"),
        case("people.xml", everything, ALL, "people.xml: the file is empty"),
    ],
)  # fmt: skip
def test_what_was_cut_off_is_not_removed(
    tmp_path: Path, forked: Forks, file: str, cut: Cut, gone: list[str], why: str
):
    drop = Drop(tmp_path, file, forked)
    drop.build()
    drop.settle()
    drop.put(cut(FILES[file](PEOPLE)))
    assert_held_back(drop, gone, why)
    drop.put(FILES[file](PEOPLE))  # the rest arrived
    again = drop.plan("--detailed-exitcode")
    assert again.exit == Exit.SUCCESS, again


# -- where parsing alone cannot tell --

WHOLE = ["people.csv", "national.csv", "people.jsonl"]


@pytest.mark.in_turn("truncated", of=3, seconds=3)
@pytest.mark.parametrize("file", WHOLE)
@pytest.mark.parametrize(
    ("complete", "why"),
    [
        ("{min_rows: 12}", "6 rows; at least 12 are expected"),
        ("{max_drop: 40%}", "6 rows; the last complete read had 12, and at most 40% may go"),
    ],
    ids=["min_rows", "max_drop"],
)
def test_a_cut_between_two_rows_is_seen_by_the_guards(
    tmp_path: Path, forked: Forks, file: str, complete: str, why: str
):
    drop = Drop(tmp_path, file, forked)
    drop.build(complete)
    drop.settle()
    drop.put(half_its_rows(FILES[file](PEOPLE)))
    assert_held_back(drop, LATTER, why)
    assert_held_back(drop, LATTER, why)  # what was read of a short file does not become the measure


@pytest.mark.in_turn("truncated", of=3, seconds=3)
@pytest.mark.parametrize("file", WHOLE)
def test_without_guards_nobody_can_tell(tmp_path: Path, forked: Forks, file: str):
    """The tests above can fail: such a file is a whole one, of half the company."""
    drop = Drop(tmp_path, file, forked)
    drop.build()
    rows = drop.settle()
    drop.put(half_its_rows(FILES[file](PEOPLE)))
    ended = drop.plan()
    assert ended.exit == Exit.SUCCESS, ended
    assert {c["address"] for c in ended.json()["changes"]} == {f"staff/code={code}" for code in LATTER}
    assert drop.apply().exit == Exit.SUCCESS
    assert drop.people() == rows[:HALF]


def test_a_short_file_whose_other_rows_are_applied_is_no_measure(tmp_path: Path, forked: Forks):
    """A change is carried out, the removals are not; the next night is measured against the last whole file."""
    drop = Drop(tmp_path, "people.csv", forked)
    drop.build("{max_drop: 40%}")
    rows = drop.settle()
    edited = [{**PEOPLE[0], "name": "陈洁"}, *PEOPLE[1:]]
    drop.put(half_its_rows(lines(edited)))
    ended = drop.plan()
    assert ended.exit == Exit.BLOCKED, ended
    assert [(c["address"], c["action"]) for c in ended.json()["changes"]] == [("staff/code=E001", "update")]
    assert drop.apply().exit != Exit.FAILURE
    wanted = [(rows[0][0], *edited[0].values()), *rows[1:]]
    assert drop.people() == wanted
    assert_held_back(drop, LATTER, "the last complete read had 12")
    # six that really left: whoever knows it says so, and how many
    waived = drop.plan("--waive", "people.max_drop=5", "--reason", "a guess")
    assert waived.exit == Exit.BLOCKED, waived
    waived = drop.plan("--waive", "people.max_drop=6", "--reason", "a branch was closed")
    assert waived.exit == Exit.SUCCESS, waived
    assert drop.apply().exit == Exit.SUCCESS
    assert drop.people() == wanted[:HALF]
