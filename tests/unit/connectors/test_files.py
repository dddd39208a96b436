"""Files: kept apart what differs, told what is broken, replaced whole or not at all, never outside the directory."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from erpoa_cli.connectors.files import FilesConnector, place
from erpoa_cli.connectors.files.session import FilesSession
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, Fatal, Transient

CSV = b'code,name\nA1,"x"\nB2,""\nC3,\n'


def session(folder: Path, **special: Any) -> FilesSession:
    return FilesConnector().open({"path": str(folder), "files": special})


def verdict_of(
    folder: Path, name: str, content: bytes, **special: Any
) -> tuple[list[dict[str, Any]], Verdict]:
    (folder / name).write_bytes(content)
    return read(session(folder, **{name: special}), name, code="string", name="string")


# -- CSV --


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_csv_keeps_null_and_empty_apart_and_its_own_style(tmp_path: Path, newline: str, bom: bytes) -> None:
    text = 'code,name,other\nA1,"一,""二""\n三",007\nB2,"",\n'.replace("\n", newline)
    (tmp_path / "s.csv").write_bytes(bom + text.encode())
    here = session(tmp_path, **{"s.csv": {"id": ["code"]}})
    rows, verdict = read(here, "s.csv", code="string", name="string", other="string")
    assert verdict.status is ReadStatus.COMPLETE
    quoted = f'一,"二"{newline}三'
    assert rows == [{"code": "A1", "name": quoted, "other": "007"}, {"code": "B2", "name": "", "other": None}]
    writer = Writer(here, "s.csv", ("code",), code="string", name="string")
    assert outcomes(writer.update([{"code": "B2"}], [{"name": None}], [{"name": ""}])) == ["applied"]
    assert (tmp_path / "s.csv").read_bytes() == bom + text.replace('B2,"",', "B2,,").encode()


def test_csv_in_gb18030_with_its_own_delimiter_and_null(tmp_path: Path) -> None:
    content = "code|name\r\nＡ1|𠮷野家😀\r\nB2|\\N\r\nC3|\r\n".encode("gb18030")
    options = {"encoding": "gb18030", "delimiter": "|", "null": "\\N"}
    rows, verdict = verdict_of(tmp_path, "s.csv", content, **options)
    assert verdict.status is ReadStatus.COMPLETE
    assert [row["name"] for row in rows] == ["𠮷野家😀", None, ""]
    _, verdict = verdict_of(tmp_path, "s.csv", "code,name\nA,名称\n".encode("gb18030"))
    assert verdict.status is ReadStatus.FAILED
    assert "line 2: bytes that are not utf-8" in verdict.reason


@pytest.mark.parametrize(
    ("content", "status", "reason", "codes"),
    [
        (CSV, "complete", "", ["A1", "B2", "C3"]),
        (b"code,name\n", "complete", "", []),
        (b"code,name", "complete", "", []),
        (
            b'code,name\nA1,x\nB2,"y\nz"\nC3\nD4,v\n',
            "partial",
            "line 5: 1 fields instead of 2",
            ["A1", "B2", "D4"],
        ),
        (b"code,name\nA1,x,y\nB2,z\n", "partial", "line 2: 3 fields instead of 2", ["B2"]),
        (b"code,name\nA1,x\nB2,y", "partial", "line 3 does not end with a line break", ["A1"]),
        (b"code,name\nA1,x\nB2", "partial", "line 3 does not end with a line break", ["A1"]),
        (b"code,name\nA1,x\nB2\n", "failed", "line 3: the file ends within a row", []),
        (b'code,name\nA1,x\nB2,"y\nC3,z\n', "failed", "line 3: a quote is opened and not closed", []),
        (b"code,name\nA1,\xff\xfe\n", "failed", "line 2: bytes that are not utf-8", []),
        (b"", "failed", "the file is empty", []),
        (b"\n\n", "failed", "the file is empty", []),
        (
            b'code,name\nA1,"x"y\nB2,"z"\n' + b"C3\n" * 2,
            "failed",
            "line 2: a quote is opened and not closed or has text behind it",
            [],
        ),
        (b"code,code\nA1,x\n", "failed", "column 'code' occurs twice", []),
        (b"code,\nA1,x\n", "failed", "a column has no name", []),
        (
            b",".join(b"c%d" % n for n in range(20_000)) + b"\n",
            "failed",
            "line 1 has more than 16,384 columns",
            [],
        ),
        (b"code,title\nA1,x\n", "failed", "there is no column 'name'; the header has code, title", []),
    ],
)
def test_csv_tells_what_is_broken(
    tmp_path: Path, content: bytes, status: str, reason: str, codes: list[str]
) -> None:
    rows, verdict = verdict_of(tmp_path, "s.csv", content)
    assert (verdict.status.value, [row["code"] for row in rows]) == (status, codes), verdict
    assert reason in verdict.reason


def test_csv_of_one_column_keeps_its_nulls(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text('name\n\n""\nx\n')
    here = session(tmp_path)
    assert [row["name"] for row in read(here, "s.csv", name="string")[0]] == [None, "", "x"]
    Writer(here, "s.csv", ("name",), name="string").create([{"name": None}])
    assert (tmp_path / "s.csv").read_text() == 'name\n\n""\nx\n\n'


def test_a_broken_file_is_not_written(tmp_path: Path) -> None:
    for content in (b"code,name\nA1,x\nB2\nC3,y\n", b'code,name\nA1,"x\n', b"code,name\nA1,x\nB2,y"):
        (tmp_path / "s.csv").write_bytes(content)
        here = session(tmp_path, **{"s.csv": {"id": ["code"]}})
        (answer,) = Writer(here, "s.csv", ("code",), code="string", name="string").create(
            [{"code": "N", "name": "n"}]
        )
        assert answer["outcome"] == "stale"
        assert "line" in answer["error"]
        assert here.unwritable("s.csv") == answer["error"]
        assert (tmp_path / "s.csv").read_bytes() == content


# -- JSON lines --


@pytest.mark.parametrize(
    ("content", "status", "reason", "codes"),
    [
        (
            b'{"code":"A","name":""}\n{"code":"\\ud83d"}\n{"code":"\\ud83d\\ude00"}\n',
            "partial",
            "line 2: half a character",
            ["A", "😀"],
        ),
        (b'{"code":"A","name":"x"}\n\n{"code":"B","name":null}\n', "complete", "", ["A", "B"]),
        (b'\xef\xbb\xbf{"code":"A","name":"x"}', "complete", "", ["A"]),
        (b'{"code":"A","name":"x"}\n{"code":"B","na', "failed", "line 2: the file ends within a line", []),
        (b'{"code":"A","name":"x"}\n[1]\n{"code":"C"}\n', "partial", "line 2: not an object", ["A", "C"]),
        (b'{"code":"A","name":"x"}\n{"code":NaN}\n', "partial", "line 2: NaN is not JSON", ["A"]),
        (
            b'{"code":"A","name":"x"}\n{"code":"B","code":"C"}\n',
            "partial",
            "line 2: a key occurs twice",
            ["A"],
        ),
        (b'{"code":"A","name":"x"}\n\xff\n', "partial", "line 2", ["A"]),
        (
            b'{"code":"A","name":"x"}\n' + b"[" * 100_000 + b"\n",
            "failed",
            "line 2 is nested deeper than 64",
            [],
        ),
        (b'{"code":"A","nam":"x"}\n', "failed", "no line has a field 'name'", ["A"]),
    ],
)
def test_json_lines_tell_what_is_broken(
    tmp_path: Path, content: bytes, status: str, reason: str, codes: list[str]
) -> None:
    rows, verdict = verdict_of(tmp_path, "s.jsonl", content)
    assert (verdict.status.value, [row["code"] for row in rows]) == (status, codes), verdict
    assert reason in verdict.reason


def test_json_numbers_keep_their_digits_and_lines_their_shape(tmp_path: Path) -> None:
    lines = '{"code":"A","n":12345678901234567890.10,"deep":{"b":1.50,"a":[null,"é"]}}\n{"code":"B","flag":true}\n'
    (tmp_path / "s.jsonl").write_text(lines)
    here = session(tmp_path, **{"s.jsonl": {"id": ["code"]}})
    types = {"n": "decimal(38,2)", "deep": "json", "flag": "boolean"}
    rows, _ = read(here, "s.jsonl", code="string", **types)
    assert rows[0] == {
        "code": "A",
        "n": "12345678901234567890.10",
        "deep": '{"b":1.50,"a":[null,"é"]}',
        "flag": None,
    }
    asked = ReadRequest(object="s.jsonl", fields=(fields(x="string")[0],))
    nested = ReadRequest(object="s.jsonl", fields=tuple(f for f in fields(**{"deep.b": "decimal(9,2)"})))
    assert told(here.read(asked))[1].status is ReadStatus.FAILED
    assert told(here.read(nested))[0] == [{"deep.b": "1.50"}, {"deep.b": None}]
    writer = Writer(here, "s.jsonl", ("code",), code="string", flag="boolean")
    assert outcomes(writer.update([{"code": "B"}], [{"flag": False}], [{"flag": True}])) == ["applied"]
    assert (tmp_path / "s.jsonl").read_text() == lines.replace("true", "false")


# -- Parquet --


def test_parquet_is_whole_or_failed(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"code": ["A"] * 5000, "name": [str(n) for n in range(5000)]}), buffer)
    content = buffer.getvalue()
    assert verdict_of(tmp_path, "s.parquet", content)[1].status is ReadStatus.COMPLETE
    for broken in (
        content[:-5],
        content[: len(content) // 2],
        b"",
        b"PAR1",
        content[:100] + bytes(300) + content[400:],
    ):
        rows, verdict = verdict_of(tmp_path, "s.parquet", broken)
        assert verdict.status is ReadStatus.FAILED, len(broken)
        assert not rows


def test_parquet_columns_nobody_writes_stay_as_they_were(tmp_path: Path) -> None:
    table = pa.table(
        {
            "code": ["A", "B"],
            "ns": pa.array([1, None], pa.timestamp("ns")),
            "f": [0.1 + 0.2, None],
            "d": pa.array(["x", "y"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "s.parquet")
    here = session(tmp_path, **{"s.parquet": {"id": ["code"]}})
    assert outcomes(
        Writer(here, "s.parquet", ("code",), code="string", d="string").update([{"code": "B"}], [{"d": "z"}])
    ) == ["applied"]
    after = parquet.read_table(tmp_path / "s.parquet")
    assert after["ns"].equals(table["ns"])
    assert after["f"].equals(table["f"])
    assert after["d"].to_pylist() == ["x", "z"]


# -- where files are --


@pytest.mark.parametrize(
    "address",
    [
        "../out.csv",
        "/etc/passwd",
        "sub/../../out.csv",
        "link.csv",
        "linked/out.csv",
        "a\0.csv",
        "C:/x.csv",
        "..\\out.csv",
        "../*.csv",
        "",
    ],
)
def test_nothing_outside_the_directory_is_touched(tmp_path: Path, address: str) -> None:
    home, out = tmp_path / "home", tmp_path / "out.csv"
    (home / "sub").mkdir(parents=True)
    out.write_bytes(CSV)
    (home / "link.csv").symlink_to(out)
    (home / "linked").symlink_to(tmp_path)
    here = FilesConnector().open({"path": str(home), "format": "csv"})
    _, verdict = read(here, address, code="string")
    assert verdict.status is ReadStatus.FAILED
    with pytest.raises(Denied):
        Writer(here, address, ("code",), code="string", name="string").create([{"code": "N", "name": "n"}])
    assert out.read_bytes() == CSV
    assert here.objects() == []


def test_what_is_said_of_a_pattern_holds_for_the_files_it_matches(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, text in {
        "hr_1.csv": "code\n\\N\n",
        "hr_2.csv": "code\n-\n",
        "sub/hr_1.csv": "code\n\\N\n",
    }.items():
        (tmp_path / name).write_text(text)
    said = {"hr_2.csv": {"null": "-"}, "hr_*.csv": {"null": "\\N", "id": ["code"]}, "?r_3*": {"null": "3"}}
    here = session(tmp_path, **said)

    def codes(address: str) -> list[str | None]:
        return [row["code"] for row in read(here, address, code="string")[0]]

    assert codes("hr_1.csv") == [None]
    assert codes("hr_2.csv") == [None], "its own entry counts more than the pattern"
    assert codes("hr_*.csv") == [None, None], "each file is read as is said of it"
    assert codes("sub/hr_1.csv") == ["\\N"], "a star does not lead into another directory"
    assert [info.id for info in here.objects(["hr_2.csv"])] == [("code",)]
    assert place.covers("**/hr_*.csv", "a/b/hr_1.csv")
    assert place.covers("**/hr_*.csv", "hr_1.csv")
    assert not place.covers("*.csv", "a/hr_1.csv")


def test_settings_that_a_format_does_not_have_are_told() -> None:
    def told(**config: Any) -> list[str]:
        found = FilesConnector.problems({"path": ".", **config})
        return [f"{'.'.join(map(str, path))} {words}" for path, words in found]

    assert (
        told(encoding="gb18030", files={"a.csv": {"null": "-"}, "b.xml": {"rows": "r"}, "c": {"sheet": "x"}})
        == []
    )
    assert told(
        files={
            "a.xlsx": {"delimiter": ";"},
            "b.csv": {"format": "jsonl", "rows": "x"},
            "d.csv": {"fields": ["a"]},
        }
    ) == [
        "files.a.xlsx.delimiter is for csv; these are xlsx",
        "files.b.csv.rows is for xml; these are jsonl",
        "files.d.csv.fields is for jsonl and xml; these are csv",
    ]
    assert told(format="parquet", null="-", files={"a.xml": {"rows": "x"}}) == [
        "files.a.xml.rows is for xml; these are parquet",
        "null is for csv; all files here are parquet",
    ]
    assert told(format="parquet", null="-", files={"a.csv": {"format": "csv"}}) == []


def test_a_file_that_is_gone_or_may_not_be_written_leaves_its_rows_to_the_next_plan(tmp_path: Path) -> None:
    here = session(tmp_path)
    writer = Writer(here, "s.csv", ("code",), code="string", name="string")
    (answer,) = writer.create([{"code": "N", "name": "n"}])
    assert (answer["outcome"], answer["error"]) == ("stale", "s.csv: there is no file 's.csv'")
    assert list(tmp_path.iterdir()) == []


def test_a_pattern_is_all_its_files_in_order(tmp_path: Path) -> None:
    for name, code in (("b.csv", "B"), ("a.csv", "A"), ("c.txt", "C")):
        (tmp_path / name).write_text(f"code\n{code}\n")
    here = session(tmp_path)
    rows, verdict = read(here, "*.csv", code="string")
    assert [row["code"] for row in rows] == ["A", "B"]
    assert verdict.evidence["files"] == 2
    assert read(here, "none-*.csv", code="string")[1].reason == "no file matches 'none-*.csv'"
    (tmp_path / "b.csv").write_text("code\nB,x\nE\n")
    rows, verdict = read(here, "*.csv", code="string")
    assert (verdict.status, verdict.reason) == (ReadStatus.PARTIAL, "b.csv, line 2: 2 fields instead of 1")
    with pytest.raises(Denied, match="pattern"):
        Writer(here, "*.csv", code="string").create([{"code": "x"}])


# -- replacing --


def test_a_file_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(CSV)
    with pytest.raises(Transient, match="changed by someone else"):
        place.replace(path, place.digest(b"before"), lambda stream: stream.write(b"ours"))
    assert path.read_bytes() == CSV
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(CSV)

    def fail(stream: Any) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)):
        place.replace(path, place.digest(CSV), fail)
    assert path.read_bytes() == CSV
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_neither_read_nor_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(CSV)
    left = tmp_path / f".s.csv.{'0f' * 8}.erpoa"
    living = tmp_path / f".s.csv.{'1e' * 8}.erpoa"
    mine = tmp_path / ".s.csv.mine.erpoa"
    for file in (left, living, mine):
        file.write_bytes(CSV)
    assert place.located(tmp_path, "*") == [mine, path]
    with living.open("rb") as another:  # which writes it just now
        fcntl.flock(another, fcntl.LOCK_EX)
        place.replace(path, place.digest(CSV), lambda stream: stream.write(b"new"))
    assert sorted(tmp_path.iterdir()) == sorted([living, mine, path])
    assert path.read_bytes() == b"new"


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.csv").write_bytes(CSV)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Fatal, match="No space left"):
        Writer(session(tmp_path), "s.csv", ("code",), code="string", name="string").create(
            [{"code": "N", "name": "n"}]
        )
    assert (tmp_path / "s.csv").read_bytes() == CSV


def test_the_new_file_keeps_mode_and_is_synced_before_it_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.csv"
    path.write_bytes(CSV)
    path.chmod(0o640)
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            steps.append(step)
            return call(*arguments)

        return run

    monkeypatch.setattr(os, "fsync", noted("sync", sync))
    monkeypatch.setattr(Path, "replace", noted("rename", rename))
    Writer(session(tmp_path), "s.csv", ("code",), code="string", name="string").create(
        [{"code": "N", "name": "n"}]
    )
    assert steps == ["sync", "rename", "sync"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == CSV.replace(b'"x"', b"x") + b"N,n\n"


def test_identifiers_must_be_said_and_unique(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("code,name\nA,x\nA,x\nB,y\n")
    (unsaid,) = Writer(session(tmp_path), "s.csv", (), name="string").delete([], [{"name": "x"}])
    assert unsaid["outcome"] == "stale"
    assert "which fields identify a row" in unsaid["error"]
    writer = Writer(session(tmp_path), "s.csv", ("code",), code="string", name="string")
    assert outcomes(writer.delete([{"code": "A"}, {"code": "B"}], [{"name": "x"}, {"name": "y"}])) == [
        "rejected",
        "applied",
    ]
    assert (tmp_path / "s.csv").read_text() == "code,name\nA,x\nA,x\n"


def test_check_and_objects(tmp_path: Path) -> None:
    gone = FilesConnector().open({"path": str(tmp_path / "gone")})
    assert gone.check() == [f"there is no directory {tmp_path / 'gone'}"]
    with pytest.raises(Fatal):
        gone.objects()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "好.csv").write_bytes(CSV)
    (tmp_path / ".hidden.csv").write_bytes(CSV)
    (tmp_path / "broken.csv").write_bytes(b"")
    infos = {info.address: info for info in session(tmp_path).objects()}
    assert set(infos) == {"broken.csv", "sub/好.csv"}
    assert not infos["broken.csv"].readable
    assert [(f.name, f.sample) for f in infos["sub/好.csv"].fields] == [("code", "A1"), ("name", "x")]
