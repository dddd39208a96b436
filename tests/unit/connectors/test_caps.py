"""What is made to exhaust the machine is refused, with the setting that lets the same through where it is sound."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from erpoa_cli.connectors.files import FilesConnector
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, read
from erpoa_cli.sdk.errors import ContractBroken
from tests.unit.connectors.test_workbook import HEADER, by_hand, text

FIRST = {"csv": "code", "jsonl": "code", "parquet": "code", "xlsx": "code", "xml": "@code"}


def session(folder: Path, **caps: int) -> FilesSession:
    return FilesConnector().open({"path": str(folder), "caps": caps})


def packed(table: pa.Table, **how: Any) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(table, stream, **how)
    return stream.getvalue()


def texts(text: str, rows: int) -> pa.Array:
    """A text that stands in the file once, and in every row."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), [text])


def lists(item: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array([0, len(item)], pa.int32()), item)


def nested() -> pa.Table:
    type_ = pa.int32()
    for _ in range(10):
        type_ = pa.list_(type_)
    return pa.table({"code": ["A"], "name": pa.nulls(1, type_)})


def list_of_texts() -> bytes:
    return packed(pa.table({"code": lists(texts("x" * 1000, 10_000))}))


FAR = "".join(f'<row r="{n}">{text(f"XFD{n}", "x")}</row>' for n in range(2, 22))


# Caps are lowered, so that the inputs are small: 100 times their size is more than they may be.
@pytest.mark.parametrize(
    ("kind", "content", "cap", "most", "enough"),
    [
        ("csv", lambda: b"code," + b",".join(b"c%d" % n for n in range(50)) + b"\n", "columns", 50, 51),
        ("csv", lambda: b"code,name\nA," + b"x" * 9000 + b"\n" + b"B,y\n" * 3000, "record", 4096, 10_000),
        ("csv", lambda: b'code,name\nA,"x\n' + b"B,y\n" * 3000 + b'C,y"\n', "record", 4096, 20_000),
        ("jsonl", lambda: b'{"code":"A","name":"' + b"x" * 9000 + b'"}\n', "record", 4096, 10_000),
        ("jsonl", lambda: b'{"code":"A","name":' + b"[" * 80 + b"]" * 80 + b"}\n", "depth", 80, 81),
        ("jsonl", lambda: b'{"code":"A","name":[' + b"{}," * 500 + b"1]}\n", "values", 1000, 1003),
        ("jsonl", lambda: b'{"code":"A"' + b"".join(b',"c%d":1' % n for n in range(50)) + b"}\n", "columns", 50, 51),
        ("xml", lambda: b'<r><s code="A"' + b"".join(b' a%d=""' % n for n in range(50)) + b"/></r>", "columns", 50, 51),
        ("xml", lambda: b'<r><s code="A">' + b"<a>" * 79 + b"</a>" * 79 + b"</s></r>", "depth", 80, 81),
        ("parquet", lambda: packed(pa.table({"code": ["A"], **{f"c{n}": [1] for n in range(50)}})), "columns", 50, 51),
        ("parquet", lambda: packed(nested()), "depth", 10, 11),
        ("parquet", lambda: packed(pa.table({"code": ["A"], "name": ["x" * 10_000_000]}), compression="zstd"), "bytes", 1 << 20, 1 << 25),
        ("parquet", lambda: packed(pa.table({"code": texts("x" * 1000, 10_000)})), "bytes", 1 << 20, 1 << 25),
        ("parquet", list_of_texts, "bytes", 1 << 20, 1 << 25),
        ("parquet", lambda: packed(pa.table({"code": ["A"], "name": lists(pa.repeat(1, 1_000_000))})), "bytes", 1 << 20, 1 << 25),
        ("xlsx", lambda: by_hand(f'<row r="1">{text("A1", "code")}{"<c/>" * 50}</row>'), "columns", 50, 51),
        ("xlsx", lambda: by_hand(HEADER + "<row/>" * 10_000), "bytes", 1 << 20, 1 << 25),
        ("xlsx", lambda: by_hand(f'{HEADER}<row r="2">{text("A2", "x" * 5_000_000)}</row>'), "bytes", 1 << 20, 1 << 25),
        ("xlsx", lambda: by_hand(HEADER + FAR), "bytes", 1 << 20, 1 << 25),
    ],
)  # fmt: skip
def test_a_cap_refuses_and_its_setting_lets_through(
    tmp_path: Path, kind: str, content: Callable[[], bytes], cap: str, most: int, enough: int
) -> None:
    name = f"s.{kind}"
    (tmp_path / name).write_bytes(content())
    asked = {FIRST[kind]: "list<string>" if content is list_of_texts else "string"}
    _, verdict = read(session(tmp_path, **{cap: most}), name, **asked)
    assert verdict.status is ReadStatus.FAILED
    assert verdict.reason.startswith(f"{name}: ")
    assert f"`caps: {{{cap}: …}}`" in verdict.reason
    _, verdict = read(session(tmp_path, **{cap: enough}), name, **asked)
    assert verdict.status is not ReadStatus.FAILED, verdict.reason


@pytest.mark.parametrize(
    ("name", "content", "cap", "most"),
    [
        ("s.csv", b"a,b,c\n", "columns", 2),
        ("s.csv", b"a,b,c\n1,2,3\n", "record", 3),
        ("s.jsonl", b'{"a":1}\n{"b":1}\n{"c":1}\n', "columns", 2),
        ("s.jsonl", b'{"a":"' + b"1" * 50 + b'"}\n', "record", 20),
        ("s.xml", b"<r><s><a/><b/><c/></s></r>", "columns", 2),
        ("s.parquet", packed(pa.table({"a": ["A"], "b": lists(pa.repeat(1, 1_000_000))})), "bytes", 1 << 20),
        (
            "s.xlsx",
            by_hand(f'<row r="1">{text("A1", "a")}{text("B1", "b")}{text("C1", "c")}</row>'),
            "columns",
            2,
        ),
    ],
)
def test_discovery_is_as_careful(tmp_path: Path, name: str, content: bytes, cap: str, most: int) -> None:
    (tmp_path / name).write_bytes(content)
    (info,) = session(tmp_path, **{cap: most}).objects([name])
    assert not info.readable
    assert f"`caps: {{{cap}: …}}`" in info.refused
    (info,) = session(tmp_path).objects([name])
    assert info.readable
    assert len(info.fields) in {1, 2, 3}


@pytest.mark.parametrize(
    ("name", "begins", "row"),
    [
        ("s.csv", b"code,name\n", b"A,x\n"),
        ("s.jsonl", b"", b'{"code":"A","name":"x"}\n'),
        ("s.xml", b"<r>", b'<s code="A" name="x"/>'),
    ],
)
def test_discovery_reads_no_more_than_a_sample(tmp_path: Path, name: str, begins: bytes, row: bytes) -> None:
    """What comes later is not even looked at: here it is no text."""
    (tmp_path / name).write_bytes(begins + row * 500 + b"\xff\0" * 5000)
    (info,) = session(tmp_path, record=4096).objects([name])
    assert [field.name.lstrip("@") for field in info.fields] == ["code", "name"]


def test_a_number_of_too_many_digits_leaves_its_row_out(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(b'{"code":"A","n":' + b"1" * 2000 + b'}\n{"code":"B","n":1}\n')
    rows, verdict = read(session(tmp_path), "s.jsonl", code="string")
    assert [row["code"] for row in rows] == ["B"]
    assert "line 1: a number of more than 1,000 digits" in verdict.reason


def test_a_pattern_matches_no_more_files_than_are_read(tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / f"s{n}.csv").write_bytes(b"code\nA\n")
    _, verdict = read(session(tmp_path, files=3), "*.csv", code="string")
    assert "'*.csv' has more than 3 files" in verdict.reason
    with pytest.raises(ContractBroken, match="the directory has more than 3 files"):
        session(tmp_path, files=3).objects()
    rows, _ = read(session(tmp_path, files=4), "*.csv", code="string")
    assert len(rows) == 4


@pytest.mark.parametrize("kind", ["jsonl", "xml"])
def test_rows_that_share_no_field_make_no_table_to_be_changed(tmp_path: Path, kind: str) -> None:
    """Each row would have a cell for every field of all others."""
    row = {"jsonl": b'{"code":"%d","c%d":1}\n', "xml": b'<s code="%d" c%d=""/>'}[kind]
    rows = b"".join(row % (n, n) for n in range(1500))
    (tmp_path / f"s.{kind}").write_bytes(rows if kind == "jsonl" else b"<r>" + rows + b"</r>")
    field = FIRST[kind]
    config = {"path": str(tmp_path), "caps": {"bytes": 1 << 20}, "files": {f"s.{kind}": {"id": [field]}}}
    writer = Writer(FilesConnector().open(config), f"s.{kind}", (field,), **{field: "string"})
    (answer,) = writer.delete([{field: "1"}], [{}])
    assert answer["outcome"] == "stale"
    assert "the table takes more than 1,048,576 bytes" in answer["error"]
