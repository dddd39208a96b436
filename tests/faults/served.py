"""The small company on servers: its ERP in PostgreSQL, its OA in MariaDB, each server ours alone."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
import pymysql  # type: ignore[import-untyped]
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pymysql.constants import CLIENT  # type: ignore[import-untyped]

from tests import mariadb, postgres
from tests.faults.scene import AGREEMENT, HERE, Scene

ERP = ("department", "employee", "purchase_order", "purchase_order_line")
OA = ("dept", "person", "requisition", "requisition_line")
LEDGER = "erpoa_ledger"

# Every business row, without the numbers that the databases give: a rollback skips some.
CONTENTS = (
    "SELECT req_no, number, supplier, needed_by FROM purchase_order ORDER BY 1",
    """SELECT o.req_no, l.line_no, l.item, l.qty, l.price FROM purchase_order_line l
       JOIN purchase_order o ON o.id = l.order_id ORDER BY 1, 2""",
    """SELECT d.code, d.name, p.code, m.code, d.remark FROM oa.dept d LEFT JOIN oa.dept p ON p.id = d.parent_id
       LEFT JOIN oa.person m ON m.id = d.manager_id ORDER BY 1""",
    """SELECT p.code, p.name, d.code, p.id_card, p.phone, p.remark FROM oa.person p JOIN oa.dept d ON d.id = p.dept_id
       ORDER BY 1""",
    "SELECT * FROM oa.requisition ORDER BY req_no",
)
SYSTEMS = """systems:
  erp:
    {{plugin: postgres, role: erp, description: The ERP, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {erp}, database: {database}, user: postgres, schema: erp}}}}
  oa:
    {{plugin: mysql, role: oa, description: The OA, owner: tests@huaxin.example,
     config: {{host: 127.0.0.1, port: {oa}, database: {database}, user: root}}}}
"""


@dataclass(frozen=True, slots=True)
class Served(Scene):
    """A scene whose systems are *erp* and *oa*; a moment is a copy of the project and of every table."""

    erp: postgres.Cluster
    oa: mariadb.Server
    database: str = "huaxin"
    ledgers: dict[str, set[str]] = field(default_factory=dict)  # by moment: the systems that have one

    # -- the servers --

    @contextmanager
    def to_erp(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(make_conninfo(self.erp.url, dbname=self.database), autocommit=True) as db:
            db.execute("SET search_path = erp")
            yield db

    @contextmanager
    def to_oa(self, *, alone: bool = False) -> Iterator[Any]:
        """*alone*: the server without our database."""
        at = {**mariadb.parameters(self.oa.url), "database": None if alone else self.database}
        with (
            closing(
                pymysql.connect(**at, autocommit=True, charset="utf8mb4", client_flag=CLIENT.MULTI_STATEMENTS)
            ) as db,
            db.cursor() as cursor,
        ):
            yield cursor

    def cut(self) -> None:
        """End every connection that erpoa has."""
        with self.to_erp() as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'erpoa'"
            )
        with self.to_oa() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE db = %s AND id <> connection_id()",
                (self.database,),
            )
            for (process,) in cursor.fetchall():
                cursor.execute(f"KILL {process}")

    def restart(self) -> None:
        """A power failure of both servers."""
        self.erp.stop("immediate")
        self.oa.stop(kill=True)
        self.erp.start()
        self.oa.start()

    # -- the scene --

    def build(self) -> None:
        with psycopg.connect(self.erp.url, autocommit=True) as db:
            db.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            db.execute(f"CREATE DATABASE {self.database} TEMPLATE template0 ENCODING 'UTF8'")
        with psycopg.connect(make_conninfo(self.erp.url, dbname=self.database), autocommit=True) as db:
            db.execute((HERE / "company.sql").read_text(encoding="utf-8"))
        with self.to_oa(alone=True) as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.database}")
            cursor.execute(f"CREATE DATABASE {self.database} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        self.sql("oa", (HERE / "oa_mariadb.sql").read_text(encoding="utf-8"))
        for system in ("erp", "oa"):
            text = (HERE / f"{system}.sql").read_text(encoding="utf-8")
            rows = re.findall(r"^INSERT INTO .*?;$", text, re.DOTALL | re.MULTILINE)
            self.sql(system, "".join(rows))
        self.project()
        systems = SYSTEMS.format(
            erp=conninfo_to_dict(self.erp.url)["port"], oa=self.oa.port, database=self.database
        )
        (self.root / "systems" / "systems.yml").write_text(systems)

    def sql(self, system: str, script: str) -> None:
        if system == "erp":
            with self.to_erp() as db:
                db.execute(script)
        else:
            with self.to_oa() as cursor:
                cursor.execute(script)
                while cursor.nextset():
                    pass

    def rows(self, system: str, query: str) -> list[tuple[Any, ...]]:
        if system == "erp":
            with self.to_erp() as db:
                return db.execute(query).fetchall()
        with self.to_oa() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    def save(self, moment: str) -> None:
        Scene.save(self, moment)
        with self.to_erp() as db:
            found = db.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'erp'")
            erp = {name for (name,) in found.fetchall()} & {LEDGER, *ERP}
            db.execute(f"CREATE SCHEMA {moment}")
            for table in erp:
                db.execute(f"CREATE TABLE {moment}.{table} AS TABLE erp.{table}")
        with self.to_oa() as cursor:
            cursor.execute("SHOW TABLES")
            oa = {name for (name,) in cursor.fetchall()} & {LEDGER, *OA}
            cursor.execute(f"CREATE DATABASE {self.database}_{moment}")
            for table in oa:
                cursor.execute(f"CREATE TABLE {self.database}_{moment}.{table} AS SELECT * FROM {table}")
        self.ledgers[moment] = {name for name, tables in (("erp", erp), ("oa", oa)) if LEDGER in tables}

    def restore(self, moment: str) -> None:
        Scene.restore(self, moment)
        self.cut()  # a killed client's transaction may still be open
        with self.to_erp() as db:
            db.execute(f"TRUNCATE {', '.join(ERP)}")
            if "erp" in self.ledgers[moment]:
                db.execute(f"TRUNCATE {LEDGER}")
            else:
                db.execute(f"DROP TABLE IF EXISTS {LEDGER}")
            for table in (*ERP, *([LEDGER] if "erp" in self.ledgers[moment] else [])):
                columns = "id, req_no, supplier, needed_by" if table == "purchase_order" else "*"
                named = f"({columns})" if columns != "*" else ""
                db.execute(f"INSERT INTO {table} {named} SELECT {columns} FROM {moment}.{table}")
            for table in ("purchase_order", "purchase_order_line"):
                db.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 0) + 1) FROM {table}"
                )
        with self.to_oa() as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            if "oa" not in self.ledgers[moment]:
                cursor.execute(f"DROP TABLE IF EXISTS {LEDGER}")
            for table in (*OA, *([LEDGER] if "oa" in self.ledgers[moment] else [])):
                cursor.execute(f"DELETE FROM {table}")
                cursor.execute(f"INSERT INTO {table} SELECT * FROM {self.database}_{moment}.{table}")

    def batches(self) -> dict[str, int]:
        with self.to_erp() as db:
            ((erp,),) = db.execute(f"SELECT count(*) FROM {LEDGER}").fetchall()
        with self.to_oa() as cursor:
            cursor.execute(f"SELECT count(*) FROM {LEDGER}")
            ((oa,),) = cursor.fetchall()
        return {"erp": erp, "oa": oa}

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        with closing(self.mirror()) as db:
            return {query: db.execute(query).fetchall() for query in CONTENTS}

    def disagreements(self) -> dict[str, list[tuple[Any, ...]]]:
        with closing(self.mirror()) as db:
            answers = {what: db.execute(query).fetchall() for what, query in AGREEMENT.items()}
        return {what: rows for what, rows in answers.items() if rows}

    def mirror(self) -> sqlite3.Connection:
        """Both databases as they are, in one, every value as its text: where they can be compared."""
        mirror = sqlite3.connect(":memory:")
        mirror.execute("ATTACH ':memory:' AS oa")
        with self.to_erp() as db:
            for table in ERP:
                found = db.execute(f"SELECT * FROM {table}")
                names = [column.name for column in found.description or ()]
                _put(mirror, f"main.{table}", names, found.fetchall())
        with self.to_oa() as cursor:
            for table in OA:
                cursor.execute(f"SELECT * FROM {table}")
                _put(mirror, f"oa.{table}", [column[0] for column in cursor.description], cursor.fetchall())
        return mirror


def _put(db: sqlite3.Connection, table: str, names: list[str], rows: Any) -> None:
    db.execute(f"CREATE TABLE {table} ({', '.join(names)})")
    holes = ", ".join("?" * len(names))
    db.executemany(
        f"INSERT INTO {table} VALUES ({holes})", [[_plain(value) for value in row] for row in rows]
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value if value is None or isinstance(value, int) else str(value)
