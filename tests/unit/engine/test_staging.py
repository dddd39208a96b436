"""The staging area keeps to itself: locked, private, encrypted where it spills, gone afterwards."""

from __future__ import annotations

import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from erpoa_cli.core import interrupt
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.engine import staging as module
from erpoa_cli.engine.problem import SqlProblem, TimedOut
from erpoa_cli.engine.staging import Staging

AS_OF = datetime(2026, 11, 30, tzinfo=UTC)

REACHING_OUT = [
    "SELECT * FROM read_csv('{root}/secret.csv')",
    "SELECT * FROM read_text('{root}/secret.csv')",
    "SELECT * FROM read_blob('{root}/secret.csv')",
    "SELECT * FROM '{root}/secret.csv'",
    "SELECT * FROM glob('{root}/*')",
    "SELECT * FROM parquet_metadata('{root}/secret.csv')",
    "SELECT * FROM sniff_csv('{root}/secret.csv')",
    "COPY (SELECT 1) TO '{root}/out.csv'",
    "COPY source.x FROM '{root}/secret.csv'",
    "EXPORT DATABASE '{root}/dump'",
    "IMPORT DATABASE '{root}/dump'",
    "ATTACH '{root}/other.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "SET memory_limit = '1GB'",
    "SET TimeZone = 'Asia/Shanghai'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "PRAGMA memory_limit = '1GB'",
    "SET temp_directory = '{root}'",
    "SELECT * FROM duckdb_secrets()",
    "CREATE SECRET (TYPE s3)",
    "SELECT getenv('HOME')",
    "SELECT * FROM a_python_variable",
]


@pytest.fixture
def locked(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with Staging(tmp_path, as_of=AS_OF) as staging:
        staging.execute("CREATE TABLE source.x (a VARCHAR)")
        staging.lock()
        yield staging


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_a_locked_instance_reaches_nothing(sql: str, locked: Staging, tmp_path: Path):
    a_python_variable = pa.table({"a": [1]})  # noqa: F841 - DuckDB could find it in this frame
    before = {p.name for p in tmp_path.iterdir()}
    with pytest.raises(SqlProblem):
        locked.sql(sql.format(root=tmp_path))
    assert {p.name for p in tmp_path.iterdir()} == before


def test_unlocked_the_same_file_could_be_read(tmp_path: Path):
    (tmp_path / "secret.csv").write_text("a\n1\n")
    with Staging(tmp_path, as_of=AS_OF) as staging:
        assert staging.sql(f"FROM read_csv('{tmp_path}/secret.csv')").num_rows == 1


def test_locked_it_still_takes_arrow_and_computes(locked: Staging):
    locked.insert("source", "x", pa.table({"a": ["Ａ１", None]}))
    assert locked.sql("SELECT nfkc(a) AS a FROM source.x ORDER BY a").to_pylist() == [
        {"a": None},
        {"a": "A1"},
    ]


def test_the_zone_is_utc_and_the_instant_is_fixed(locked: Staging):
    assert (
        locked.scalar("SELECT CAST(TIMESTAMPTZ '2026-01-01 00:00:00+08' AS VARCHAR)")
        == "2025-12-31 16:00:00+00"
    )
    assert locked.scalar("SELECT getvariable('as_of')") == AS_OF


def test_nfkc_is_unicode_nfkc(locked: Staging):
    import unicodedata

    texts = ["ＡＢＣ１２３", "①㈱", "ｶﾞ", "ﬁ", "Å", "供应商", "😀", "", None]
    locked.make("model", "t", pa.table({"i": range(len(texts)), "a": texts}), "FROM incoming")
    found = locked.sql("SELECT nfkc(a) AS a FROM model.t ORDER BY i").column(0).to_pylist()
    assert found == [t if t is None else unicodedata.normalize("NFKC", t) for t in texts]


def test_only_one_select_is_described(locked: Staging):
    assert locked.describe("SELECT 1::BIGINT AS n, 'x' AS \"名称\"")[1][0] == "名称"
    for sql in ("SELECT 1; SELECT 2", "CREATE TABLE y (a INT)", "DROP TABLE source.x", ""):
        with pytest.raises(SqlProblem):
            locked.describe(sql)
    assert locked.scalar("SELECT count(*) FROM source.x") == 0


def test_a_statement_that_takes_too_long_is_stopped(locked: Staging):
    with pytest.raises(TimedOut, match="takes too long"), locked.limited(0.2):
        locked.sql("SELECT count(*) FROM range(1000000) a, range(1000000) b")
    with locked.limited(60):
        assert locked.scalar("SELECT 1") == 1


BIG = "CREATE TABLE source.big AS SELECT repeat('SPILL-CANARY-', 20) || i AS t FROM range(800000) r(i)"


def test_sensitive_values_never_lie_open_on_the_disk(tmp_path: Path):
    with Staging(tmp_path, as_of=AS_OF, memory="60MB", threads=1) as staging:
        if staging.encrypts:
            staging.execute(BIG)
        else:
            with pytest.raises(SqlProblem, match="could not allocate"):
                staging.execute(BIG)
        spilled = [p for p in (tmp_path / ".erpoa" / "tmp").rglob("*") if p.is_file()]
        assert bool(spilled) is staging.encrypts
        assert all(b"SPILL-CANARY" not in p.read_bytes() for p in spilled)


def test_what_spills_is_private_and_removed(tmp_path: Path):
    with Staging(tmp_path, as_of=AS_OF, sensitive=False, memory="60MB", threads=1) as staging:
        staging.execute(BIG)
        spilled = [p for p in (tmp_path / ".erpoa" / "tmp").rglob("*") if p.is_file()]
        assert sum(p.stat().st_size for p in spilled) > 1_000_000
        [mine] = (tmp_path / ".erpoa" / "tmp").iterdir()
        assert stat.S_IMODE(mine.stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / ".erpoa").stat().st_mode) == 0o700
        assert staging.scalar("SELECT count(t) FROM source.big") == 800000
    assert list((tmp_path / ".erpoa" / "tmp").iterdir()) == []


def test_leftovers_of_dead_processes_go_and_those_of_the_living_stay(tmp_path: Path):
    tmp = tmp_path / ".erpoa" / "tmp"
    for name in ("4194305-aa", f"{os.getppid()}-bb", "1-cc"):
        (tmp / name).mkdir(parents=True)
    with Staging(tmp_path, as_of=AS_OF):
        assert {p.name for p in tmp.iterdir()} >= {f"{os.getppid()}-bb", "1-cc"}
        assert not (tmp / "4194305-aa").exists()


def test_without_a_directory_nothing_touches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with Staging(None, as_of=AS_OF) as staging:
        staging.lock()
        assert staging.scalar("SELECT 1") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "line", "before", "at"),
    [
        (
            "SELECT 1 AS a,\n  '供应商名称', nosuch FROM source.x",
            2,
            "  '供应商名称', ",
            "nosuch FROM source.x",
        ),
        ("SELECT a\nFROM source.x\nWHERE sumx(a)", 3, "WHERE ", "sumx(a)"),
    ],
)
def test_errors_say_where(locked: Staging, sql: str, line: int, before: str, at: str):
    with pytest.raises(SqlProblem) as caught:
        locked.describe(sql)
    assert (caught.value.line, caught.value.before, caught.value.at) == (line, before, at)


ROWS = pa.schema([("id", pa.int64()), ("name", pa.utf8())])


def suppliers(rows: int) -> Iterator[pa.RecordBatch]:
    for first in range(0, rows, 500):
        ids = range(first, first + 500)
        yield pa.record_batch({"id": pa.array(ids), "name": [f"供应商{i}" for i in ids]}, schema=ROWS)


def test_many_load_while_what_they_loaded_is_compressed(monkeypatch: pytest.MonkeyPatch):
    """And the numbers of rows stay what they are from `number` on."""
    monkeypatch.setattr(module, "SLICE", 1000)
    names = [f"供应商{n}" for n in range(8)]
    fields = [Field("id", parse_type("integer")), Field("name", parse_type("string"))]
    numbered = "SELECT rowid AS number, id FROM source.{} ORDER BY number"
    with Staging(None, as_of=AS_OF) as staging:
        compact = staging.compact
        monkeypatch.setattr(staging, "compact", lambda beyond=0: compact(min(beyond, 1)))

        def load(name: str) -> int:
            staging.create("source", name, fields)
            staging.make("source", name, pa.RecordBatchReader.from_batches(ROWS, suppliers(10_000)))
            staging.delete("source", name, "r.id % 1000 = 7")
            return int(staging.scalar(f"SELECT sum(id) FROM source.{name}"))

        with ThreadPoolExecutor(len(names)) as pool:
            assert set(pool.map(load, names)) == {sum(i for i in range(10_000) if i % 1000 != 7)}
        staging.number()
        before = [staging.sql(numbered.format(name)) for name in names]
        staging.compact()
        assert [staging.sql(numbered.format(name)) for name in names] == before


LONG = "SELECT sum(hash(a.range)) FROM range(10_000_000) a, range(10_000) b"


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda staging: staging.sql(LONG), id="sql"),
        pytest.param(lambda staging: staging.execute(f"CREATE TABLE source.x AS {LONG}"), id="execute"),
        pytest.param(lambda staging: staging.compare(LONG, {"one": pa.table({"a": [1]})}), id="compare"),
    ],
)
def test_an_interrupt_is_raised_and_ends_what_runs(ask: Callable[[Staging], object]):
    """DuckDB makes an error of its own of it, and sometimes goes on until whoever closes it has waited for hours."""
    for _ in range(5):
        with Staging(None, as_of=AS_OF) as staging:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            with pytest.raises(KeyboardInterrupt):
                ask(staging)


def test_an_interrupt_of_which_duckdb_kept_nothing_is_raised(
    locked: Staging, monkeypatch: pytest.MonkeyPatch
):
    """It hits Python code that DuckDB calls: what comes out is an error of the statement."""
    monkeypatch.setattr(interrupt, "_struck", [])
    with pytest.raises(KeyboardInterrupt):
        interrupt.strike(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        locked.execute("SELECT error('what a callback raised')")


def test_what_is_read_is_compressed_later(locked: Staging, monkeypatch: pytest.MonkeyPatch):
    """While rows are read of which newer ones are there already, DuckDB refuses to compress anything."""
    monkeypatch.setattr(module, "ROOM", 1)
    locked.make("source", "old", pa.Table.from_batches(suppliers(200_000)))
    locked.delete("source", "old", "r.id = 7")
    reading = locked.reader("SELECT * FROM source.old")
    rows = reading.read_next_batch().num_rows
    locked.make("source", "old", pa.Table.from_batches(suppliers(500)))
    assert not locked.compact()
    with pytest.raises(RuntimeError, match="numbered"):
        locked.number()
    assert locked.scalar("SELECT count(*) FROM source.old") == 500
    assert rows + sum(batch.num_rows for batch in reading) == 199_999
    locked.number()
    assert locked.compact()


def test_who_waits_for_a_system_holds_nobody_up(locked: Staging):
    answers = threading.Event()

    def slow() -> Iterator[pa.RecordBatch]:
        assert answers.wait(30)
        yield from suppliers(500)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(locked.make, "source", "slow", pa.RecordBatchReader.from_batches(ROWS, slow()))
        locked.make("source", "quick", pa.Table.from_batches(suppliers(1000)))
        locked.compact()
        assert locked.scalar("SELECT count(*) FROM source.quick") == 1000
        assert not waiting.done()
        answers.set()
        waiting.result()
    assert locked.scalar("SELECT count(*) FROM source.slow") == 500


def test_wide_rows_are_loaded_in_smaller_parts(locked: Staging, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_WIDE", 1)
    told: list[int] = []
    monkeypatch.setattr(locked, "compact", told.append)
    locked.make("source", "wide", pa.Table.from_batches(suppliers(2000)))
    assert len(told) > 3
    assert locked.scalar("SELECT count(*) FROM source.wide") == 2000
