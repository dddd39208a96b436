"""What hangs on a row, in the same database and in another one, and by whatever spelling of its key."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from erpoa_mysql import MysqlConnector

from erpoa_cli.core.conclusion import PlanConclusion
from tests import planning
from tests.unit.engine.small import Small

from .conftest import Server

PARENT = "CREATE TABLE parent (id INT PRIMARY KEY, code VARCHAR(20) UNIQUE) ENGINE=InnoDB"


def child(rule: str, at: str = "parent (id)", type_: str = "INT") -> str:
    return f"CREATE TABLE child (id INT PRIMARY KEY, p {type_}, FOREIGN KEY (p) REFERENCES {at} {rule}) ENGINE=InnoDB"


def test_what_hangs_in_another_database_is_told(server: Server, config: dict[str, Any]) -> None:
    other = server.schema()
    here = f"`{config['database']}`"
    server.execute(PARENT, child("ON DELETE SET NULL"), config=config)
    server.execute(PARENT, child("ON DELETE CASCADE", f"{here}.parent (id)"), config=other)
    with closing(MysqlConnector().open(config)) as session:
        (info,) = session.objects(["parent"])
        found = [h.object for h in info.hanging]
        assert [o.address for o in session.objects(found)] == found
    told = {(h.object, h.fields, h.references, h.effect) for h in info.hanging}
    assert told == {
        ("child", ("p",), ("id",), "SET NULL"),
        (f"{other['database']}.child", ("p",), ("id",), "CASCADE"),
    }


def test_nothing_is_lost_that_the_collation_takes_for_the_same(
    server: Server, config: dict[str, Any], tmp_path: Path
) -> None:
    other = server.schema()
    server.execute(PARENT, "INSERT INTO parent VALUES (1, 'É1'), (2, 'B')", config=config)
    at = f"`{config['database']}`.parent (code)"
    server.execute(
        child("ON DELETE CASCADE", at, "VARCHAR(20)"),
        "INSERT INTO child VALUES (1, 'e1 '), (2, 'b')",
        config=other,
    )
    password = config["password"].reveal()
    world = Small(tmp_path)
    world.file("erpoa.yml", "format: 1\nname: vendors\nowner: a@b.example\ndescription: d\n")
    world.file(
        "systems/s.yml",
        f"""
        systems:
          erp: {{plugin: sqlite, config: {{path: erp.db}}}}
          oa: {{plugin: mysql, config: {{host: "{config["host"]}", port: {config["port"]}, database: "{config["database"]}",
            user: {config["user"]}, password: "{{{{ secret('oa') }}}}"}}}}
        """,
    )
    world.file(
        "sources/s.yml",
        "sources: {things: {system: erp, object: thing, key: [code], fields: {code: string, id: integer}}}",
    )
    world.file(
        "targets/t.yml",
        "targets: {things: {from: things, system: oa, object: parent, key: [code], fields: [code, id], on_source_gone: delete, "
        'guards: {max_delete: {count: 100, share: "100%"}, max_change: {share: "100%"}}}}',
    )
    world.sql(
        "CREATE TABLE thing (code TEXT PRIMARY KEY, id INTEGER); INSERT INTO thing VALUES ('É1', 1), ('B', 2)"
    )
    project = planning.bound(tmp_path, {"ERPOA_SECRET_OA": password}.get)
    planning.apply(project, planning.plan(project, adopt=True))
    world.sql("DELETE FROM thing WHERE code = 'É1'")
    result = planning.plan(project)
    assert result.conclusion is PlanConclusion.BLOCKED
    (row,) = planning.rows(result, "withheld", "things")
    assert row["code"] == "E0438"
    assert f"1 row of {other['database']}.child (ON DELETE CASCADE)" in row["reason"]
    planning.apply(project, result)
    assert server.execute("SELECT count(*) FROM child", config=other) == [(2,)]
