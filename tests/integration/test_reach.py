"""How far a delete reaches: what is counted is what each database then does, found out by deleting and looking."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from erpoa_cli.connectors.sqlite import SqliteConnector
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine.reach import reaches
from erpoa_cli.sdk.connector import Writable
from erpoa_cli.state import PlanFile
from tests import planning
from tests.integration.test_hanging import CONTACTS, count, targets, withheld, world
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

__all__ = ["world"]

TABLES = (
    # a tree; stores of two columns; shelves and their heads in a circle; what loses its reference, and what is behind it
    "CREATE TABLE area (id INT PRIMARY KEY, code VARCHAR(20) UNIQUE, up INT, FOREIGN KEY (up) REFERENCES area (id) ON DELETE CASCADE)",
    "CREATE TABLE store (area INT, no INT, PRIMARY KEY (area, no), FOREIGN KEY (area) REFERENCES area (id) ON DELETE CASCADE)",
    "CREATE TABLE shelf (id INT PRIMARY KEY, area INT, no INT, head INT, FOREIGN KEY (area, no) REFERENCES store (area, no) ON DELETE CASCADE{})",
    "CREATE TABLE head (id INT PRIMARY KEY, shelf INT, FOREIGN KEY (shelf) REFERENCES shelf (id) ON DELETE CASCADE)",
    "CREATE TABLE visit (id INT PRIMARY KEY, shelf INT, FOREIGN KEY (shelf) REFERENCES shelf (id) ON DELETE SET NULL)",
    "CREATE TABLE remark (id INT PRIMARY KEY, visit INT, FOREIGN KEY (visit) REFERENCES visit (id) ON DELETE CASCADE)",
    # what follows another code, and what follows that; what loses it
    "CREATE TABLE label (id INT PRIMARY KEY, code VARCHAR(20) UNIQUE, FOREIGN KEY (code) REFERENCES area (code) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE tag (id INT PRIMARY KEY, code VARCHAR(20), FOREIGN KEY (code) REFERENCES label (code) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE sign (id INT PRIMARY KEY, code VARCHAR(20), FOREIGN KEY (code) REFERENCES area (code) ON DELETE CASCADE ON UPDATE SET NULL)",
)
CIRCLE = "FOREIGN KEY (head) REFERENCES head (id) ON DELETE CASCADE"
ROWS = (
    "INSERT INTO area VALUES (1, 'A', NULL), (2, 'B', 1), (3, 'C', 2), (4, 'D', NULL), (5, NULL, NULL)",
    "INSERT INTO store VALUES (1, 1), (2, 1), (2, 2), (4, 1)",
    "INSERT INTO shelf VALUES (10, 1, 1, NULL), (11, 2, 1, NULL), (12, 2, 2, NULL), (13, 4, 1, NULL), (14, NULL, 1, NULL)",
    "INSERT INTO head VALUES (20, 10), (21, 11), (22, 13)",
    "UPDATE shelf SET head = 21 WHERE id IN (10, 11)",  # 10 hangs on 21, 21 on 11, 11 on itself by 21
    "UPDATE shelf SET head = 20 WHERE id = 14",
    "INSERT INTO visit VALUES (30, 10), (31, 10), (32, 12), (33, NULL), (34, 14)",
    "INSERT INTO remark VALUES (40, 30), (41, 33)",
    "INSERT INTO label VALUES (50, 'A'), (51, 'C'), (52, NULL)",
    "INSERT INTO tag VALUES (60, 'A'), (61, 'A'), (62, NULL)",
    "INSERT INTO sign VALUES (70, 'A'), (71, 'D'), (72, NULL)",
)
NAMES = ("area", "store", "shelf", "head", "visit", "remark", "label", "tag", "sign")


class Place:
    """A database with these tables: a session of its connector, and *run* past it."""

    def __init__(self, session: Any, run: Callable[[str], list[tuple[Any, ...]]]) -> None:
        self.session = session
        self.run = run

    def counts(self) -> dict[str, int]:
        told = {name: int(self.run(f"SELECT count(*) FROM {name}")[0][0]) for name in NAMES}
        return told | {"lost": int(self.run("SELECT count(*) FROM visit WHERE shelf IS NULL")[0][0])}


@contextmanager
def _sqlite(root: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    with closing(sqlite3.connect(root / "x.db", isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        for sql in (*TABLES[:2], TABLES[2].format(", " + CIRCLE), *TABLES[3:], *ROWS):
            db.execute(sql)
        with closing(SqliteConnector().open({"path": str(root / "x.db")})) as session:
            yield Place(session, lambda sql: db.execute(sql).fetchall())


@contextmanager
def _postgres(root: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    import psycopg
    from erpoa_postgres import PostgresConnector
    from psycopg.conninfo import conninfo_to_dict

    from tests.postgres import database

    with (
        database(request.getfixturevalue("service_url")("POSTGRES")) as url,
        psycopg.connect(url, autocommit=True) as db,
    ):

        def run(sql: str) -> list[tuple[Any, ...]]:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

        _fill(run)
        told = conninfo_to_dict(url)
        config: dict[str, Any] = {
            "host": told["host"],
            "port": int(told["port"] or 5432),
            "database": told["dbname"],
            "user": told["user"],
        }
        config |= {"password": Secret(str(told["password"]))} if "password" in told else {}
        with closing(PostgresConnector().open(config)) as session:
            yield Place(session, run)


@contextmanager
def _mariadb(root: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    import pymysql  # type: ignore[import-untyped]
    from erpoa_mysql import MysqlConnector

    from tests.mariadb import database, parameters

    with database(request.getfixturevalue("service_url")("MARIADB")) as url:
        config = parameters(url)
        with closing(pymysql.connect(**config, autocommit=True)) as db:

            def run(sql: str) -> list[tuple[Any, ...]]:
                with db.cursor() as cursor:
                    cursor.execute(sql)
                    return list(cursor.fetchall())

            _fill(run)
            secret = {**config, "password": Secret(config["password"])}
            with closing(MysqlConnector().open(secret)) as session:
                yield Place(session, run)


def _fill(run: Callable[[str], Any]) -> None:
    for sql in (*TABLES[:2], TABLES[2].format(""), *TABLES[3:], f"ALTER TABLE shelf ADD {CIRCLE}", *ROWS):
        run(sql)


@pytest.mark.parametrize("where", [_sqlite, _postgres, _mariadb], ids=["sqlite", "postgres", "mariadb"])
def test_what_is_counted_is_what_their_system_does(
    where: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with where(tmp_path, request) as place:
        assert isinstance(place.session, Writable)
        (info,) = place.session.objects(["area"])
        known = {
            str(id_): {"id": str(id_), "code": code} for id_, code in place.run("SELECT id, code FROM area")
        }
        types = {"id": INTEGER, "code": STRING}
        found = reaches(info, known, types, place.session, compare, {})
        for name in known:
            before = place.counts()
            place.run("BEGIN")
            place.run(f"DELETE FROM area WHERE id = {name}")
            after = place.counts()
            place.run("ROLLBACK")
            gone = {
                n: before[n] - after[n] - (n == "area") for n in NAMES if before[n] - after[n] - (n == "area")
            }
            lost = after["lost"] - before["lost"]
            told = (
                {n: number for n, effect, number in found[name].counts if effect == "ON DELETE CASCADE"}
                if name in found
                else {}
            )
            nulled = (
                [number for _, effect, number in found[name].counts if effect == "ON DELETE SET NULL"]
                if name in found
                else []
            )
            assert (told, sum(n or 0 for n in nulled)) == (gone, lost), f"area {name}"


def compare(sql: str, tables: Mapping[str, pa.Table]) -> pa.Table:
    with duckdb.connect() as own:
        for name, table in tables.items():
            own.register(name, table)
        return own.execute(sql).to_arrow_table()


@pytest.mark.parametrize("where", [_sqlite, _postgres, _mariadb], ids=["sqlite", "postgres", "mariadb"])
def test_what_follows_an_update_is_what_their_system_changes(
    where: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with where(tmp_path, request) as place:
        (info,) = place.session.objects(["area"])
        known = {
            str(id_): {"id": str(id_), "code": code} for id_, code in place.run("SELECT id, code FROM area")
        }
        types = {"id": INTEGER, "code": STRING}
        written = {key: ["code", "up"] for key in known}
        found = reaches(info, known, types, place.session, compare, {}, written)
        for name in known:
            place.run("BEGIN")
            before = place.run("SELECT count(*) FROM sign WHERE code IS NULL")[0][0]
            place.run(f"UPDATE area SET code = 'Z' WHERE id = {name}")
            follow = {
                n: place.run(f"SELECT count(*) FROM {n} WHERE code = 'Z'")[0][0] for n in ("label", "tag")
            }
            lost = place.run("SELECT count(*) FROM sign WHERE code IS NULL")[0][0] - before
            place.run("ROLLBACK")
            wanted = [(n, "ON UPDATE CASCADE", number) for n, number in follow.items()] + [
                ("sign", "ON UPDATE SET NULL", lost)
            ]
            told = found[name].counts if name in found else []
            assert sorted(told) == sorted(each for each in wanted if each[2]), f"area {name}"
        assert reaches(info, known, types, place.session, compare, {}, {key: ["up"] for key in known}) == {}


def allowed(world: Small, reach: str, more: str = "") -> None:
    gone = f'on_source_gone: delete, guards: {{max_delete: {{count: 3, share: "100%"}}, max_change: {{share: "100%"}}}}, reach: {reach}'
    world.file(
        "targets/t.yml",
        f"targets: {{vendors: {{from: vendors, system: oa, object: vendor, key: [code], fields: [code, name], {gone}}}{more}}}",
    )


def test_what_reach_allows_is_counted_with_the_row(world: Small) -> None:
    world.sql("INSERT INTO visit (code) VALUES ('V1')", "oa.db")
    world.sql("DELETE FROM vendor WHERE code = 'V1'")
    assert "`reach: {review: delete, visit: set_null}`" in withheld(world)["V1"]
    allowed(world, "{review: delete}")
    assert "reach: {visit: set_null}" in withheld(world)["V1"]
    allowed(world, "{review: delete, visit: set_null}")
    result = world.plan()
    (row,) = planning.rows(result, "changes", "vendors")
    assert row["reason"] == '[["review", "ON DELETE CASCADE", 2], ["visit", "ON DELETE SET NULL", 1]]'
    assert next(g.measured for g in PlanFile.open(result.path).guards if g.guard == "max_delete") == 3
    world.apply(result)
    assert (count(world, "vendor"), count(world, "review")) == (2, 0)
    assert world.plan().conclusion is PlanConclusion.UNCHANGED


def test_rows_that_go_along_count_as_removed(world: Small) -> None:
    world.sql("INSERT INTO review (vendor_id) SELECT vendor_id FROM review", "oa.db")
    allowed(world, "{review: delete}")
    world.sql("DELETE FROM vendor WHERE code = 'V1'")
    result = world.plan()
    (verdict,) = [g for g in PlanFile.open(result.path).guards if g.blocks]
    assert (verdict.guard, verdict.measured) == ("max_delete", 5)
    assert "4 of others with them" in verdict.message


@pytest.mark.parametrize("reach", ["{review: delete}", "{}"], ids=["allowed", "nothing"])
def test_what_was_hung_on_a_row_since_the_plan_does_not_go_along(world: Small, reach: str) -> None:
    code = "V1" if reach != "{}" else "V3"
    allowed(world, reach)
    world.sql(f"DELETE FROM vendor WHERE code = '{code}'")
    result = world.plan()
    assert PlanFile.open(result.path).members(Member.CHANGES) == ("vendors",)
    world.sql(f"INSERT INTO review (vendor_id) SELECT id FROM vendor WHERE code = '{code}'", "oa.db")
    done = world.apply(result)
    assert done.outcomes["vendors"] == {Outcome.STALE: 1}
    assert (count(world, "vendor"), count(world, "review")) == (3, 3)


def test_deletes_of_the_same_plan_are_none_that_reach_further(world: Small) -> None:
    """Though neither refers to the other by `ref`, and the parent may go first."""
    targets(world, CONTACTS)
    world.apply()
    allowed(
        world,
        "{}",
        CONTACTS.replace("vendor_id: {ref: vendors, by: [vendor]}", "vendor_id: vendor_id").replace(
            "fields: {no: no, vendor_id: vendor_id}", "fields: {no: no}"
        ),
    )
    world.sql("DELETE FROM vendor WHERE code = 'V2'; DELETE FROM contact WHERE vendor = 'V2'")
    assert withheld(world) == {}
    done = world.apply()
    assert done.outcomes["vendors"] == {Outcome.APPLIED: 1}
    assert (count(world, "vendor"), count(world, "contact")) == (2, 1)


def test_an_update_that_others_lose_their_reference_by_is_withheld(world: Small) -> None:
    world.sql(
        "CREATE TABLE quote (id INTEGER PRIMARY KEY, name TEXT REFERENCES vendor (name) ON UPDATE SET NULL);"
        "CREATE UNIQUE INDEX names ON vendor (name); INSERT INTO quote (name) VALUES ('b')",
        "oa.db",
    )
    world.sql(
        "UPDATE vendor SET name = 'bb' WHERE code = 'V2'; UPDATE vendor SET name = 'cc' WHERE code = 'V3'"
    )
    result = world.plan()
    (row,) = planning.rows(result, "withheld", "vendors")
    assert (row["k_code"], row["code"]) == ("V2", "E0448")
    assert "1 row of quote (ON UPDATE SET NULL)" in row["reason"]
    allowed(world, "{quote: set_null}")
    result = world.plan()
    assert {row["k_code"]: row["reason"] for row in planning.rows(result, "changes", "vendors")} == {
        "V2": '[["quote", "ON UPDATE SET NULL", 1]]',
        "V3": None,
    }
    world.sql("INSERT INTO quote (name) VALUES ('c')", "oa.db")
    assert world.apply(result).outcomes["vendors"] == {Outcome.APPLIED: 1, Outcome.STALE: 1}


def test_triggers_are_a_remark_until_they_are_known(world: Small) -> None:
    world.sql('CREATE TRIGGER "on 行" AFTER DELETE ON vendor BEGIN DELETE FROM visit; END', "oa.db")
    world.sql("DELETE FROM vendor WHERE code = 'V3'")
    result = world.plan()
    (said,) = [d for d in result.diagnostics if d.code == "W0320"]
    assert "on 行" in said.summary
    assert result.conclusion is PlanConclusion.CHANGES
    allowed(world, '{"on 行": trigger}')
    assert "W0320" not in {d.code for d in world.plan().diagnostics}


def test_a_computed_column_is_no_field(world: Small) -> None:
    world.sql("ALTER TABLE vendor ADD COLUMN loud TEXT GENERATED ALWAYS AS (upper(name))", "oa.db")
    world.file(
        "targets/t.yml",
        "targets: {vendors: {from: vendors, system: oa, object: vendor, key: [code], fields: {code: code, loud: name}}}",
    )
    with pytest.raises(Failure) as caught:
        world.plan()
    (said,) = [d for d in caught.value.diagnostics if d.code == "E0317"]
    assert "loud cannot be written to" in said.summary
