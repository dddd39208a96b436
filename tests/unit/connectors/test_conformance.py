"""The built-in connectors pass the suite that plugins must pass."""

from __future__ import annotations

import csv
import io
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import openpyxl
import pyarrow as pa
from pyarrow import parquet

from erpoa_cli.connectors.duckdb import DuckdbConnector
from erpoa_cli.connectors.files import FilesConnector
from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.connectors.sqlite.session import SqliteSession
from erpoa_cli.core.schema import Field, Kind, Type, identifier
from erpoa_cli.sdk.arrow import arrow_schema
from erpoa_cli.sdk.conformance import Conformance, Sql
from erpoa_cli.sdk.connector import Writable

from .dialects import DUCKDB, SQLITE

_SQLITE = {
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BYTES: "BLOB",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.DATE: "DATE",
}


def columns(fields: Sequence[Field], types: Mapping[str, str]) -> str:
    checks = " CHECK (name <> 'refused')" if any(f.name == "name" for f in fields) else ""
    lines = [f"{identifier(f.name)} {types[f.name]}" for f in fields]
    return ", ".join([lines[0] + " PRIMARY KEY", *lines[1:]]) + ("," + checks if checks else "")


class TestSqlite(Conformance, Sql):
    connector = SqliteConnector
    dialect = SQLITE
    several_batches = 30_000

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        types = {f.name: _SQLITE.get(f.type.kind, "TEXT") for f in fields}
        db = sqlite3.connect(folder / "here.db")
        db.execute(f"CREATE TABLE thing ({columns(fields, types)})")
        db.close()
        return {"path": str(folder / "here.db")}, "thing"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        return {"path": str(shutil.copy(config["path"], folder))}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        db = sqlite3.connect(config["path"])
        db.execute(f"UPDATE {object} SET name = CAST(x'61ff62' AS TEXT)")
        db.commit()
        db.close()

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        db = sqlite3.connect(folder / "here.db")
        db.execute(
            "CREATE TABLE lossy (a REAL, b NUMERIC, c DECIMAL(18,2), d, e INTERVAL, f DOUBLE PRECISION, g FLOAT)"
        )
        db.close()
        return {"path": str(folder / "here.db")}, "lossy", list("abcdefg")

    def place(self, folder: Path) -> dict[str, Any]:
        config = {"path": str(folder / "here.db")}
        self.run(config, "PRAGMA journal_mode = WAL")  # a reader stops no writer
        return config

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(config["path"], isolation_level=None)) as db:
            return [db.execute(statement).fetchall() for statement in statements][-1]

    @contextmanager
    def rival(self, config: Mapping[str, Any]) -> Iterator[Callable[[str], object]]:
        with closing(sqlite3.connect(config["path"], isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield db.execute
            db.execute("COMMIT")

    @contextmanager
    def hurried(self, config: Mapping[str, Any]) -> Iterator[Writable]:
        with self.session(config) as session:
            assert isinstance(session, SqliteSession)
            session.execute("PRAGMA busy_timeout = 50")
            yield session


class TestDuckdb(Conformance, Sql):
    connector = DuckdbConnector
    dialect = DUCKDB
    several_batches = 120_000
    waits = False
    cascades = False

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        with duckdb.connect(str(folder / "here.duckdb")) as db:
            db.execute(f"CREATE TABLE thing ({columns(fields, {f.name: f.type.duckdb for f in fields})})")
        return {"path": str(folder / "here.duckdb")}, "thing"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        return {"path": str(shutil.copy(config["path"], folder))}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        Path(config["path"]).write_bytes(b"no database")

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        with duckdb.connect(str(folder / "here.duckdb")) as db:
            db.execute(
                "CREATE TABLE lossy (a DOUBLE, b FLOAT, c TIMESTAMP_NS, d INTERVAL, e TIMETZ, f BIT, g MAP(INT, INT))"
            )
        return {"path": str(folder / "here.duckdb")}, "lossy", list("abcdefg")

    def place(self, folder: Path) -> dict[str, Any]:
        with duckdb.connect(str(folder / "here.duckdb")) as db:
            db.execute("CREATE SEQUENCE numbers START 100")
        return {"path": str(folder / "here.duckdb")}

    def run(self, config: Mapping[str, Any], *statements: str) -> list[tuple[Any, ...]]:
        with self.rival(config, "") as run:
            return [run(statement).fetchall() for statement in statements][-1]

    @contextmanager
    def rival(self, config: Mapping[str, Any], begin: str = "BEGIN") -> Iterator[Callable[[str], Any]]:
        """A file that is open for writing is opened once more by its own process only, and in the same way."""
        with closing(DuckdbConnector().open(config)) as opened:
            if begin:
                opened.execute(begin)
            yield opened._db.execute
            if begin:
                opened.execute("COMMIT")

    def hurried(self, config: Mapping[str, Any]) -> AbstractContextManager[Writable]:
        return self.session(config)


class Files(Conformance):
    """What the file formats have in common."""

    connector = FilesConnector
    refuses_rows = False
    file = ""
    options: ClassVar[Mapping[str, Any]] = {}

    def config(self, folder: Path) -> dict[str, Any]:
        return {"path": str(folder), "files": {self.file: {"id": ["code"], **self.options}}}

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        shutil.copytree(config["path"], folder, dirs_exist_ok=True)
        return {**config, "path": str(folder)}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        path = Path(config["path"]) / object
        path.write_bytes(path.read_bytes()[:-12])

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]] | None:
        return None  # text keeps everything


def header(fields: Sequence[Field], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="").writerow(f.name for f in fields)
    return line.getvalue()


class TestCsv(Files):
    file = "thing.csv"

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        (folder / self.file).write_text(header(fields, ",") + "\n")
        return self.config(folder), self.file


class TestGb18030(Files):
    file = "物料.csv"
    options: ClassVar[Mapping[str, Any]] = {"encoding": "gb18030", "delimiter": "|", "null": "\\N"}

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        (folder / self.file).write_text(header(fields, "|") + "\r\n", encoding="gb18030", newline="")
        return self.config(folder), self.file


class TestParquet(Files):
    file = "thing.parquet"

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        parquet.write_table(arrow_schema(tuple(fields)).empty_table(), folder / self.file)
        return self.config(folder), self.file

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        table = pa.table(
            {
                "a": pa.array([0.1]),
                "b": pa.array([1], pa.timestamp("ns")),
                "c": pa.array([1], pa.duration("s")),
            }
        )
        parquet.write_table(table, folder / self.file)
        return self.config(folder), self.file, ["a", "b", "c"]


class TestXlsx(Files):
    file = "物料.xlsx"

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        book = openpyxl.Workbook()
        book.worksheets[0].append([f.name for f in fields])
        book.save(folder / self.file)
        return self.config(folder), self.file

    def holds(self, value: Any, type_: Type) -> bool:
        return not isinstance(value, str) or len(value) <= 32_767

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        book = openpyxl.Workbook()
        for row in (["a", "b", "c"], [1.5, 1, 2**60], [2, "x", 1]):
            book.worksheets[0].append(row)
        book.save(folder / self.file)
        return self.config(folder), self.file, ["a", "b", "c"]


class TestXml(Files):
    file = "thing.xml"

    def named(self, name: str) -> bool:
        return bool(re.fullmatch(r"[^\W\d][\w-]*", name))  # of an element; a point leads into it

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        (folder / self.file).write_text('<?xml version="1.0" encoding="GB18030"?>\n<things></things>\n')
        special = {"id": ["code"], "rows": "thing", "fields": [f.name for f in fields]}
        return {"path": str(folder), "files": {self.file: special}}, self.file

    def holds(self, value: Any, type_: Type) -> bool:
        match value:
            case str():
                return not set(value) & {"\0", "\x07", "\x1b"}
            case list():
                return bool(value) and None not in value and not any(isinstance(item, dict) for item in value)
            case _:
                return not isinstance(value, dict)

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        (folder / self.file).write_text("<o><thing><l><q>1</q></l><l><q>2</q></l></thing></o>")
        return {"path": str(folder)}, self.file, ["l"]


class TestJsonLines(Files):
    file = "thing.jsonl"

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[dict[str, Any], str]:
        (folder / self.file).write_text("")
        special = {"id": ["code"], "fields": [f.name for f in fields]}
        return {"path": str(folder), "files": {self.file: special}}, self.file

    def lossy(self, folder: Path) -> tuple[dict[str, Any], str, Sequence[str]]:
        (folder / self.file).write_text('{"a": 1.5, "b": 1}\n{"b": "x"}\n')
        return self.config(folder), self.file, ["a", "b"]
