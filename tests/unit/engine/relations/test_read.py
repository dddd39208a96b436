"""Reading sources: exact values, rows set aside, verdicts, snapshots, incremental reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from erpoa_cli.core.plan import Read, ReadStatus, Verdict
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.engine import connect
from erpoa_cli.engine.binding.objects import look
from erpoa_cli.engine.connect import Connections, Installed
from erpoa_cli.engine.relations.actual import read_actual
from erpoa_cli.engine.relations.load import typed
from erpoa_cli.engine.relations.read import in_the_future
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import BatchReading, Connector, Readable, ReadRequest
from erpoa_cli.sdk.errors import SystemFailure
from tests.unit.engine.small import AS_OF, Small, rows, small


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return small(tmp_path)


def test_values_arrive_exact(project: Small):
    with project.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert reads["suppliers"].verdict.evidence["rows"] == 3
        found = rows(staging, "source.suppliers")
    assert [(r["code"], r["name"], r["credit"], r["since"]) for r in found] == [
        ("001", "华信Ａ", Decimal("1.50"), date(2024, 2, 29)),
        ("002", "", Decimal("12345678901234.10"), date(1899, 12, 31)),
        ("003", None, Decimal("7.00"), None),
    ]


def test_a_row_with_a_value_that_does_not_parse_is_held_not_changed(project: Small):
    project.sql("UPDATE supplier SET credit = '1.505', since = '2023-02-29' WHERE id = 2")
    with project.reading() as (staging, reads, _):
        assert [r["id"] for r in rows(staging, "source.suppliers")] == [1, 3]
        assert reads["suppliers"].held == 1
        assert reads["suppliers"].verdict.evidence["rows"] == 3
        found = rows(staging, "held.suppliers")
    assert [(r["key"], r["field"], r["code"]) for r in found] == [
        ('{"id":"2"}', "credit", "E0320"),
        ('{"id":"2"}', "since", "E0320"),
    ]
    assert "'1.505' is not a number with at most 16 digits before and 2 after the point" in found[0]["reason"]


def test_reasons_do_not_tell_sensitive_values(project: Small):
    text = (
        (project.root / "sources/s.yml")
        .read_text()
        .replace("tax_no: {type: string,", "tax_no: {type: integer,")
    )
    project.file("sources/s.yml", text)
    with project.reading() as (staging, _, _):
        found = rows(staging, "held.suppliers")
    assert len(found) == 2
    assert "CANARY" not in json.dumps(found)


def test_null_and_repeated_keys_are_held(project: Small):
    text = (project.root / "sources/s.yml").read_text().replace("key: [id]", "key: [code]")
    project.file("sources/s.yml", text)
    project.sql("UPDATE supplier SET code = NULL WHERE id = 1; UPDATE supplier SET code = '003' WHERE id = 2")
    with project.reading() as (staging, reads, _):
        assert rows(staging, "source.suppliers") == []
        assert reads["suppliers"].held == 2  # one key, and one row nobody can name
        assert [(r["key"], r["code"]) for r in rows(staging, "held.suppliers")] == [
            (None, "E0321"),
            ('{"code":"003"}', "E0322"),
            ('{"code":"003"}', "E0322"),
        ]


def test_a_system_that_is_not_there_fails_its_sources_only(project: Small):
    project.file("systems/t.yml", "systems: {gone: {plugin: sqlite, config: {path: gone.db}}}\n")
    project.file(
        "sources/t.yml", "sources: {t: {system: gone, object: x, key: [id], fields: {id: integer}}}\n"
    )
    with project.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert reads["t"].verdict.status is ReadStatus.FAILED
        assert "gone" in reads["t"].verdict.reason
        assert rows(staging, "source.t") == []
        assert rows(staging, "held.t") == []


def test_an_object_that_is_not_there_fails(project: Small):
    project.sql("ALTER TABLE supplier RENAME TO lieferant")
    with project.reading() as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED


@pytest.mark.parametrize(
    ("rule", "before", "status"),
    [
        ("{min_rows: 3}", 0, ReadStatus.COMPLETE),
        ("{min_rows: 4}", 0, ReadStatus.PARTIAL),
        ("{max_drop: 20%}", 3, ReadStatus.COMPLETE),
        ("{max_drop: 25%}", 4, ReadStatus.COMPLETE),
        ("{max_drop: 24%}", 4, ReadStatus.PARTIAL),
    ],
)
def test_completeness_is_judged_by_the_declared_rule(
    project: Small, rule: str, before: int, status: ReadStatus
):
    text = (
        (project.root / "sources/s.yml").read_text().replace("key: [id]", f"key: [id]\n    complete: {rule}")
    )
    project.file("sources/s.yml", text)
    project.last["suppliers"] = Read("suppliers", "erp", Verdict(ReadStatus.COMPLETE, "", {"rows": before}))
    with project.reading() as (_, reads, _):
        assert reads["suppliers"].verdict.status is status
        assert bool(reads["suppliers"].verdict.reason) is (status is ReadStatus.PARTIAL)


# -- snapshots -------------------------------------------------------------------------------------------------


def test_offline_reads_the_last_snapshot(project: Small):
    with project.reading() as (staging, _, _):
        before = rows(staging, "source.suppliers")
    (project.root / "erp.db").unlink()
    with project.reading(offline=True) as (staging, reads, _):
        assert rows(staging, "source.suppliers") == before
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert reads["suppliers"].verdict.evidence["snapshot"] == AS_OF.isoformat()


def test_a_snapshot_does_not_hold_sensitive_values_openly(project: Small):
    with project.reading():
        pass
    files = [p for p in (project.root / ".erpoa").rglob("*") if p.is_file()]
    assert files
    assert all(b"TAX-CANARY" not in p.read_bytes() for p in files)


def test_offline_without_a_snapshot_is_a_failed_read(project: Small):
    with project.reading(offline=True) as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED
        assert "no snapshot" in reads["suppliers"].verdict.reason


def test_a_snapshot_of_another_declaration_is_not_used(project: Small):
    with project.reading():
        pass
    text = (
        (project.root / "sources/s.yml").read_text().replace("credit: decimal(18,2)", "credit: decimal(18,3)")
    )
    project.file("sources/s.yml", text)
    with project.reading(offline=True) as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED
        assert "declared otherwise" in reads["suppliers"].verdict.reason


def test_a_snapshot_does_not_forget_that_rows_were_held(project: Small):
    project.sql("UPDATE supplier SET credit = 'x' WHERE id = 2")
    with project.reading() as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
    with project.reading(offline=True) as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.PARTIAL  # else row 2 would count as gone
        assert "1 rows were held" in reads["suppliers"].verdict.reason


def test_an_old_snapshot_proves_nothing(project: Small):
    text = (
        (project.root / "sources/s.yml")
        .read_text()
        .replace("key: [id]", "key: [id]\n    fresh_within: PT24H")
    )
    project.file("sources/s.yml", text)
    with project.reading():
        pass
    with project.reading(offline=True, as_of=AS_OF + timedelta(hours=25)) as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.PARTIAL


def test_a_failed_read_leaves_the_snapshot(project: Small):
    with project.reading():
        pass
    project.sql("DROP TABLE supplier")
    with project.reading() as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED
    with project.reading(offline=True) as (staging, _, _):
        assert len(rows(staging, "source.suppliers")) == 3


# -- incremental -----------------------------------------------------------------------------------------------


@pytest.fixture
def incremental(project: Small) -> Small:
    text = (project.root / "sources/s.yml").read_text()
    text = text.replace("unit: string", "unit: string\n      changed: timestamp").replace(
        "key: [id]", "key: [id]\n    incremental: {cursor: changed, lookback: PT1H, full_every: P7D}"
    )
    project.file("sources/s.yml", text)
    with project.reading() as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert reads["suppliers"].verdict.evidence["watermark"] == "2026-01-03T00:00:00.000000"
    return project


def test_an_incremental_read_is_merged_and_proves_no_absence(incremental: Small):
    incremental.sql(
        """
        UPDATE supplier SET name = 'neu', changed = '2026-01-05 00:00:00' WHERE id = 1;
        INSERT INTO supplier VALUES (4, '004', 'vier', NULL, '0', NULL, 'KG', '2026-01-06 00:00:00');
        UPDATE supplier SET name = 'unseen' WHERE id = 2;
        DELETE FROM supplier WHERE id = 3;
        """
    )
    with incremental.reading() as (staging, reads, _):
        verdict = reads["suppliers"].verdict
        assert verdict.status is ReadStatus.PARTIAL
        assert verdict.evidence["since"] == "2026-01-02T23:00:00.000000"  # an hour before the watermark
        assert verdict.evidence["watermark"] == "2026-01-06T00:00:00.000000"
        assert [(r["id"], r["name"]) for r in rows(staging, "source.suppliers")] == [
            (1, "neu"),
            (2, ""),
            (3, None),
            (4, "vier"),
        ]
    with incremental.reading(full=True) as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert [(r["id"], r["name"]) for r in rows(staging, "source.suppliers")] == [
            (1, "neu"),
            (2, "unseen"),
            (4, "vier"),
        ]


def test_a_row_that_turned_bad_does_not_come_back_from_the_snapshot(incremental: Small):
    incremental.sql("UPDATE supplier SET credit = 'x', changed = '2026-01-05 00:00:00' WHERE id = 1")
    with incremental.reading() as (staging, reads, _):
        assert reads["suppliers"].held == 1
        assert [r["id"] for r in rows(staging, "source.suppliers")] == [2, 3]


def test_a_full_read_is_due_after_a_while(incremental: Small):
    incremental.sql("DELETE FROM supplier WHERE id = 2")
    with incremental.reading(as_of=AS_OF + timedelta(days=6)) as (_, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.PARTIAL
    with incremental.reading(as_of=AS_OF + timedelta(days=7)) as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert len(rows(staging, "source.suppliers")) == 2


def test_a_cursor_in_the_future_hides_nothing(incremental: Small):
    """Neither do those of a snapshot that was kept when the mark still went along with them."""
    incremental.sql(
        "UPDATE supplier SET changed = '2099-01-01 00:00:00' WHERE id = 3;"
        "INSERT INTO supplier VALUES (4, '004', 'four', NULL, '0', NULL, 'KG', NULL)"
    )
    with incremental.reading() as (_, reads, _):
        evidence = reads["suppliers"].verdict.evidence
        assert (evidence["watermark"], evidence["beyond"]) == ("2026-01-02T00:00:00.000000", 1)
        source = incremental.bound().project.sources["suppliers"]
        (told,) = in_the_future(source, reads["suppliers"])
        assert told.code == "W0357"
        assert "suppliers" in told.summary
        assert "2099-01-01" in told.summary
    incremental.sql(
        "UPDATE supplier SET name = 'new', changed = '2026-06-01 00:00:00' WHERE id = 2;"
        "UPDATE supplier SET name = 'unknown when' WHERE id = 4"
    )
    with incremental.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.evidence["since"] == "2026-01-01T23:00:00.000000"
        names = {r["id"]: r["name"] for r in rows(staging, "source.suppliers")}
        assert (names[2], names[4]) == ("new", "unknown when")


def test_a_mark_that_no_row_reaches_any_more_is_not_believed(incremental: Small):
    """As after a backup was restored: what changed since has cursors before the mark."""
    incremental.sql(
        "UPDATE supplier SET changed = '2025-01-01 00:00:00'; UPDATE supplier SET name = 'restored' WHERE id = 3"
    )
    with incremental.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.COMPLETE
        assert reads["suppliers"].verdict.evidence["watermark"] == "2025-01-01T00:00:00.000000"
        assert {r["id"]: r["name"] for r in rows(staging, "source.suppliers")}[3] == "restored"


# -- targets ---------------------------------------------------------------------------------------------------


def test_what_a_target_holds_is_read_as_what_is_wanted(project: Small):
    project.sql(
        """
        CREATE TABLE vendor(vid INTEGER PRIMARY KEY, code TEXT, credit TEXT);
        INSERT INTO vendor VALUES (7, '001', '1.5'), (8, '002', 'viel'), (9, NULL, NULL);
        """
    )
    project.file(
        "targets/t.yml",
        "targets: {vendors: {from: suppliers, system: erp, object: vendor, key: [code], match: [[code]], "
        "fields: [code, credit]}}\n",
    )
    bound = project.bound()
    with Connections(bound.project) as connections, Staging(project.root, as_of=AS_OF) as staging:
        looked = look(bound, connections)
        assert looked.diagnostics == ()
        read = read_actual(looked.bound.targets["vendors"], looked.infos["vendors"], connections, staging)
        assert read.verdict.status is ReadStatus.COMPLETE
        assert rows(staging, "actual.vendors") == [
            {"vid": 7, "code": "001", "credit": Decimal("1.50")},
            {"vid": 8, "code": "002", "credit": None},
            {"vid": 9, "code": None, "credit": None},
        ]
        [row] = rows(staging, 'held."actual.vendors"')
        assert (row["key"], row["field"]) == ('{"vid":"8"}', "credit")


def test_rows_that_cannot_be_recognised_prove_no_absence(project: Small):
    project.sql(
        """
        CREATE TABLE vendor(vid INTEGER PRIMARY KEY, no TEXT, name TEXT);
        INSERT INTO vendor VALUES (7, '1', 'a'), (8, 'viel', 'b');
        """
    )
    project.file(
        "targets/t.yml",
        "targets: {vendors: {from: suppliers, system: erp, object: vendor, key: [id], match: [[no]], "
        "fields: {no: id, name: name}}}\n",
    )
    bound = project.bound()
    with Connections(bound.project) as connections, Staging(project.root, as_of=AS_OF) as staging:
        looked = look(bound, connections)
        read = read_actual(looked.bound.targets["vendors"], looked.infos["vendors"], connections, staging)
    assert read.verdict.status is ReadStatus.PARTIAL
    assert read.verdict.reason == "rows whose no is unreadable cannot be recognised"


# -- connectors that misbehave ---------------------------------------------------------------------------------


class Odd(Connector):
    """Answers what the test tells it to."""

    name = "odd"
    config_schema = {"type": "object", "properties": {"path": {"x-erpoa": {"path": True}}}}  # noqa: RUF012
    abilities = (Readable,)
    answer: Any = None

    def open(self, config: Any) -> Any:
        return OddSession()


class OddSession(Readable):
    def read(self, request: ReadRequest) -> BatchReading:
        return Odd.answer(request)

    def check(self) -> Any: ...

    def identity(self) -> str:
        return "odd"

    def objects(self, names: Any = None) -> Any:
        return []

    def close(self) -> None: ...


@pytest.fixture
def odd(project: Small, monkeypatch: pytest.MonkeyPatch) -> Small:
    there = connect.discovered()
    found = Installed({**there.connectors, "odd": Odd}, {}, {**there.versions, "odd": ("odd", "1")})
    monkeypatch.setattr(connect, "discovered", lambda: found)
    monkeypatch.setattr("erpoa_cli.engine.binding.abilities.discovered", lambda: found)
    return project.file("systems/s.yml", "systems: {erp: {plugin: odd}}\n")


NAMES = ("id", "code", "name", "tax_no", "credit", "since", "unit")


def answer(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Any:
    return lambda _: BatchReading(schema, batches)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (pa.schema([(n, pa.utf8()) for n in NAMES[:-1]]), "columns id, code"),
        (pa.schema([(n, pa.utf8()) for n in (*NAMES, "more")]), "columns id, code"),
        (
            pa.schema([(n, pa.float64() if n == "credit" else pa.utf8()) for n in NAMES]),
            "credit arrives as double",
        ),
        (pa.schema([(n, pa.int32() if n == "id" else pa.utf8()) for n in NAMES]), "id arrives as int32"),
    ],
)
def test_a_connector_that_answers_in_another_shape_is_named(odd: Small, schema: pa.Schema, said: str):
    Odd.answer = staticmethod(answer(schema, iter(())))
    with odd.reading() as (_, reads, _):
        verdict = reads["suppliers"].verdict
        assert verdict.status is ReadStatus.FAILED
        assert "connector odd broke its contract" in verdict.reason
        assert said in verdict.reason


def test_a_read_that_breaks_off_has_no_rows_at_all(odd: Small):
    schema = pa.schema([(n, pa.utf8()) for n in NAMES])

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array(["1"])] * len(NAMES), schema=schema)
        raise ConnectionError("connection reset")

    Odd.answer = staticmethod(answer(schema, batches()))
    with odd.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED
        assert "connection reset" in reads["suppliers"].verdict.reason
        assert rows(staging, "source.suppliers") == []


def test_a_connector_that_raises_fails_its_read(odd: Small):
    def answer_(_: ReadRequest) -> Any:
        raise ZeroDivisionError("oops")

    Odd.answer = staticmethod(answer_)
    with odd.reading() as (_, reads, _):
        assert "ZeroDivisionError: oops" in reads["suppliers"].verdict.reason


def test_nothing_is_read_of_a_system_that_does_not_tell_which_one_it_is(
    odd: Small, monkeypatch: pytest.MonkeyPatch
):
    """It may be another one under the name; that it answers a moment later makes it no safer."""

    def silent(self: OddSession) -> str:
        raise SystemFailure("the connection was reset")

    schema = pa.schema([(n, pa.utf8()) for n in NAMES])
    one = pa.record_batch([pa.array(["1"])] * len(NAMES), schema=schema)
    Odd.answer = staticmethod(answer(schema, iter([one])))
    monkeypatch.setattr(OddSession, "identity", silent)
    with odd.reading() as (staging, reads, _):
        assert reads["suppliers"].verdict.status is ReadStatus.FAILED
        assert "the connection was reset" in reads["suppliers"].verdict.reason
        assert rows(staging, "source.suppliers") == []


def test_reading_back_refuses_what_does_not_parse(tmp_path: Path):
    fields = [Field("n", parse_type("decimal(9,2)")), Field("s", parse_type("string"))]
    schema = pa.schema([("s", pa.utf8()), ("n", pa.utf8())])
    with Staging(None, as_of=AS_OF) as staging:
        good = BatchReading(schema, [pa.record_batch([pa.array(["Ａ"]), pa.array(["1.5"])], schema=schema)])
        table = typed(staging, good, fields)
        assert table.schema == pa.schema([("n", pa.decimal128(9, 2)), ("s", pa.utf8())])
        assert table.to_pylist() == [{"n": Decimal("1.50"), "s": "Ａ"}]
        bad = BatchReading(schema, [pa.record_batch([pa.array(["x"]), pa.array(["1.555"])], schema=schema)])
        with pytest.raises(Exception, match="E0320"):
            typed(staging, bad, fields)
