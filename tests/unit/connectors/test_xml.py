"""XML: what differs is kept apart, what attacks is refused, what is not written stays as it was, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.connectors.files import FilesConnector
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.sdk.conformance.writer import Writer, outcomes, told
from erpoa_cli.sdk.connector import ReadRequest

ORDERS = """<?xml version="1.0" encoding="UTF-8"?>
<!-- 采购订单 -->
<orders xmlns="urn:erp" xmlns:x="urn:extra" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <order id="007">
    <supplier>华信 &amp; 张三 <![CDATA[<x>]]></supplier>
    <total currency="CNY">12345678901234567890.10</total>
    <phone>1</phone>
    <phone/>
    <x:address><city>　上海 </city></x:address>
    <line no="1"><qty> 1.50 </qty><item>螺丝</item></line>
    <line no="2"><qty>2</qty></line>
  </order>
  <!-- second -->
  <order id="B">
    <supplier/>
    <total xsi:nil="true"/>
  </order>
</orders>
"""


def session(folder: Path, **special: Any) -> FilesSession:
    return FilesConnector().open({"path": str(folder), "files": {"o.xml": {"id": ["@id"], **special}}})


def rows(
    folder: Path, content: str | bytes, asked_for: dict[str, str], **special: Any
) -> tuple[list[dict[str, Any]], Verdict]:
    (folder / "o.xml").write_bytes(content.encode() if isinstance(content, str) else content)
    asked = tuple(
        Field(f"f{n}", parse_type(type_), path=path) for n, (path, type_) in enumerate(asked_for.items())
    )
    found, verdict = told(session(folder, **special).read(ReadRequest(object="o.xml", fields=asked)))
    return [dict(zip(asked_for, row.values(), strict=True)) for row in found], verdict


def test_what_differs_is_kept_apart(tmp_path: Path) -> None:
    asked = {
        "@id": "string",
        "supplier": "string",
        "total": "decimal(38,2)",
        "total/@currency": "string",
        "phone": "list<string>",
        "x:address/city": "string",
        "line": "list<struct<no: integer, qty: decimal(9,3), item: string>>",
    }
    found, verdict = rows(tmp_path, ORDERS, asked)
    assert verdict.status is ReadStatus.COMPLETE, verdict.reason
    assert list(found[0].values()) == [
        "007",
        "华信 & 张三 <x>",
        "12345678901234567890.10",
        "CNY",
        '["1", ""]',
        "　上海 ",
        '[{"no": "1", "qty": "1.50", "item": "螺丝"}, {"no": "2", "qty": "2", "item": null}]',
    ]
    assert list(found[1].values()) == ["B", "", None, None, None, None, None]


@pytest.mark.parametrize(
    ("inside", "asked", "words"),
    [
        ("<a>1</a><a>2</a>", {"a": "string"}, "a is there 2 times"),
        ('<a c="x"/><a/>', {"a/@c": "string"}, "a is there 2 times"),
        ("<a><b>1</b><b>2</b></a>", {"a/b": "string"}, "a/b is there 2 times"),
        ('<a b="1"><b>2</b></a>', {"a": "struct<b: string>"}, "b is there as an element and as an attribute"),
        ("<a><b>1</b><b>2</b></a>", {"a": "struct<b: string>"}, "b is there 2 times"),
    ],
)
def test_two_values_where_one_is_declared_are_none(
    tmp_path: Path, inside: str, asked: dict[str, str], words: str
) -> None:
    content = f'<o><r id="1">{inside}</r><r id="2"><a c="x"><b>y</b></a></r></o>'
    found, verdict = rows(tmp_path, content, {"@id": "string", **asked})
    assert [row["@id"] for row in found] == (["2"] if "a" not in asked or asked["a"] != "string" else [])
    assert verdict.status is not ReadStatus.COMPLETE
    assert words in verdict.reason


def test_a_file_is_described(tmp_path: Path) -> None:
    (tmp_path / "o.xml").write_text(ORDERS)
    info = session(tmp_path).objects()[0]
    assert {f.name: str(f.type) for f in info.fields} == {
        "@id": "string",
        "supplier": "string",
        "total/@currency": "string",
        "total": "string",
        "phone": "list<string>",
        "x:address/city": "string",
        "line": "None",
    }
    assert "declare list<struct" in info.fields[-1].refused


@pytest.mark.parametrize(
    ("content", "special", "status", "reason"),
    [
        (
            "<o><r id='1'><a>x</a><a>y</a></r><r id='2'><a>z</a></r></o>",
            {},
            "partial",
            "a is there 2 times: declare list",
        ),
        ("<o><r id='1'><a><b/></a></r><r id='2'><a>z</a></r></o>", {}, "partial", "a has elements inside"),
        ("<o><r id='1'/></o>", {}, "failed", "no row has 'a'"),
        ("<o><r id='1'/></o>", {"fields": ["@id", "a"]}, "complete", ""),
        ("<o/>", {}, "complete", ""),
        ("<o><r id='1'><a/></r><s/></o>", {}, "failed", "which elements are the rows: the root has <r>, <s>"),
        ("<o><h/><b><r id='1'><a/></r></b></o>", {"rows": "b/r"}, "complete", ""),
        ("<o><h/><b></b></o>", {"rows": "b/r"}, "complete", ""),
        ("<o><h/><b><s/></b></o>", {"rows": "b/r"}, "failed", "there is no element 'b/r', but there are <s>"),
        ("<o><h/></o>", {"rows": "b/r"}, "failed", "there is no element 'b' below the root"),
        ("<o><r id='1'><a/></r></o>", {"rows": "n:r"}, "failed", "'n:r' is no name of an element"),
        ("<n:o xmlns:n='u'><n:r id='1'><n:a/></n:r></n:o>", {"namespaces": {"": "u"}}, "complete", ""),
        ("<n:o xmlns:n='u'><n:r id='1'><n:a/></n:r></n:o>", {}, "failed", "no row has 'a'"),
        (
            '<!DOCTYPE o [<!ENTITY a "b">]><o><r id="1"><a>&a;</a></r></o>',
            {},
            "failed",
            "document type definition",
        ),
        (
            '<!DOCTYPE o SYSTEM "file:///etc/passwd"><o><r id="1"><a/></r></o>',
            {},
            "failed",
            "document type definition",
        ),
        ("<o>" + "<r>" * 300 + "</r>" * 300 + "</o>", {}, "failed", "line 1 is nested deeper than 64"),
        ("", {}, "failed", "the file is empty"),
        (" \n", {}, "failed", "line "),
        (b"<o><r id='1'><a>\xff</a></r></o>", {}, "failed", "not well-formed XML, or cut off"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, content: str | bytes, special: dict[str, Any], status: str, reason: str
) -> None:
    _, verdict = rows(tmp_path, content, {"@id": "string", "a": "string"}, **special)
    assert (verdict.status.value, reason in verdict.reason) == (status, True), verdict


def test_entities_do_not_multiply(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    content = f'<!DOCTYPE o [<!ENTITY l0 "ha">{laughs}]><o><r id="1"><a>&l29;</a></r></o>'
    assert rows(tmp_path, content, {"a": "string"})[1].status is ReadStatus.FAILED


def test_a_file_cut_off_anywhere_is_never_complete(tmp_path: Path) -> None:
    content = ORDERS.rstrip().encode()
    for end in range(len(content)):
        found, verdict = rows(tmp_path, content[:end], {"@id": "string"})
        assert verdict.status is ReadStatus.FAILED, (end, found)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "GB18030"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_writing_changes_what_was_asked_and_nothing_else(tmp_path: Path, encoding: str, newline: str) -> None:
    content = ORDERS.replace("UTF-8", encoding).replace("&amp; 张三 <![CDATA[<x>]]>", "😀")
    path = tmp_path / "o.xml"

    path.write_bytes(content.replace("\n", newline).encode(encoding))
    writer = Writer(
        session(tmp_path),
        "o.xml",
        ("@id",),
        **{
            "@id": "string",
            "supplier": "string",
            "total": "decimal(38,2)",
            "total/@currency": "string",
            "x:address/city": "string",
            "phone": "list<string>",
        },
    )
    made = outcomes(
        writer.update(
            [{"@id": "B"}],
            [{"total/@currency": "EUR", "x:address/city": "北京", "phone": ["2", "3"]}],
            [{"supplier": ""}],
        )
    )
    assert made == ["applied"]
    old = '    <total xsi:nil="true"/>\n'
    new = '    <total xsi:nil="true" currency="EUR"/>\n    <phone>2</phone>\n    <phone>3</phone>\n    <x:address><city>北京</city></x:address>\n'
    wanted = content.replace(old, new)
    assert path.read_bytes().decode(encoding).replace("\r\n", "\n") == wanted
    assert ("\r\n" in path.read_bytes().decode(encoding)) == (newline == "\r\n")


def test_rows_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "o.xml"
    path.write_text(
        "<o>\n  <r id='1'>\n    <a>x</a>\n  </r>\n  <!-- 2 -->\n  <r id='2'>\n    <a>y</a>\n    <b>1</b>\n  </r>\n</o>\n"
    )
    writer = Writer(session(tmp_path), "o.xml", ("@id",), **{"@id": "string", "a": "string", "b": "integer"})
    assert (
        outcomes(
            writer.create(
                [{"@id": "3", "a": " <&>\r\n", "b": 7}, {"@id": "4", "a": None, "b": None}],
                unless=(("@id",),),
            )
        )
        == ["applied"] * 2
    )
    assert path.read_text() == (
        '<o>\n  <r id="1">\n    <a>x</a>\n  </r>\n  <!-- 2 -->\n  <r id="2">\n    <a>y</a>\n    <b>1</b>\n  </r>\n'
        '  <r id="3">\n    <a> &lt;&amp;&gt;&#13;\n</a>\n    <b>7</b>\n  </r>\n  <r id="4"/>\n</o>\n'
    )
    assert outcomes(writer.delete([{"@id": "2"}, {"@id": "4"}], [{"b": 1}, {"b": None}])) == ["applied"] * 2
    assert outcomes(writer.update([{"@id": "1"}], [{"a": None}], [{"a": "x"}])) == ["applied"]
    assert path.read_text() == (
        '<o>\n  <r id="1"/>\n  <!-- 2 -->\n  <r id="3">\n    <a> &lt;&amp;&gt;&#13;\n</a>\n    <b>7</b>\n  </r>\n</o>\n'
    )


def test_what_xml_cannot_hold_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "o.xml").write_text("<o><r id='1'><a>x</a></r></o>")
    writer = Writer(session(tmp_path), "o.xml", ("@id",), **{"@id": "string", "a": "string"})
    answers = writer.create([{"@id": "2", "a": "\x07"}, {"@id": "3", "a": "ok"}])
    assert outcomes(answers) == ["rejected", "applied"]
    assert answers[0]["error"] == "a: XML cannot hold the character '\\x07'"


def test_rows_in_several_places_are_not_written(tmp_path: Path) -> None:
    (tmp_path / "o.xml").write_text("<o><g><r id='1'><a>x</a></r></g><g><r id='2'><a>x</a></r></g></o>")
    assert len(rows(tmp_path, (tmp_path / "o.xml").read_text(), {"@id": "string"}, rows="g/r")[0]) == 2
    here = session(tmp_path, rows="g/r")
    (answer,) = Writer(here, "o.xml", ("@id",), **{"@id": "string"}).delete([{"@id": "1"}])
    assert answer["outcome"] == "stale"
    assert "in 2 elements" in answer["error"]
    assert here.unwritable("o.xml") == answer["error"]
