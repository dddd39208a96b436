"""`erpoa query`: one SELECT over what was staged; sensitive values stay masked however they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.query import MASK, Rows, ask
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import Sealer
from tests.unit.engine.small import AS_OF, KEY, Small, small


@pytest.fixture
def project(tmp_path: Path) -> Small:
    small(tmp_path).file(
        "transforms/m.sql", "SELECT code, left(tax_no, 3) AS tail FROM {{ source('suppliers') }}\n"
    )
    project = Small(tmp_path)
    with project.reading():
        return project


def answer(project: Small, sql: str, **options: Any) -> Rows:
    bound = project.bound()
    with Connections(bound.project) as connections, Staging(project.root, as_of=AS_OF) as staging:
        return ask(bound, connections, staging, project, sql, sealer=Sealer(KEY), **options)


@pytest.mark.parametrize("name", ["source.suppliers", "suppliers", '"suppliers"', "model.m", "m"])
def test_relations_are_asked_by_name(project: Small, name: str):
    assert answer(project, f"SELECT code FROM {name} ORDER BY code;").rows == (("001",), ("002",), ("003",))


def test_snapshots_are_enough(project: Small):
    (project.root / "erp.db").unlink()
    assert answer(project, "SELECT count(*) AS n FROM suppliers").rows == ((3,),)
    with pytest.raises(Failure, match="suppliers could not be read"):
        answer(project, "SELECT count(*) FROM suppliers", fresh=True)


def test_fresh_asks_the_system(project: Small):
    project.sql("DELETE FROM supplier WHERE id = 1")
    assert answer(project, "SELECT count(*) FROM suppliers").rows == ((3,),)
    assert answer(project, "SELECT count(*) FROM suppliers", fresh=True).rows == ((2,),)


def test_no_more_rows_than_asked_for(project: Small):
    found = answer(project, "SELECT code FROM suppliers ORDER BY code", limit=2)
    assert (found.rows, found.more) == ((("001",), ("002",)), True)
    assert not answer(project, "SELECT code FROM suppliers", limit=3).more


def ways_to_a_secret() -> Iterator[str]:
    yield "SELECT tax_no FROM suppliers"
    yield "SELECT * FROM source.suppliers"
    yield "SELECT tail FROM m"
    yield "SELECT upper(tax_no) || '' AS name FROM suppliers"
    yield "SELECT s FROM suppliers s"
    yield "SELECT to_json(s) AS j FROM suppliers s"
    yield "SELECT x.y FROM (SELECT tax_no AS y FROM suppliers) x"
    yield "WITH x AS (SELECT tax_no AS code FROM suppliers) SELECT code FROM x"
    yield "WITH suppliers AS (SELECT tax_no AS code FROM source.suppliers) SELECT code FROM suppliers"
    yield "SELECT code FROM suppliers UNION ALL SELECT tax_no FROM suppliers"
    yield "SELECT max(tax_no) FROM suppliers"
    yield "SELECT list(tax_no) FROM suppliers"
    yield "SELECT string_agg(tax_no, ',') OVER () FROM suppliers"
    yield "SELECT COLUMNS(*) FROM suppliers"
    yield "SELECT COLUMNS('t.*') FROM suppliers"
    yield "SELECT * EXCLUDE (code) FROM suppliers"
    yield "SELECT * REPLACE (tax_no AS code) FROM suppliers"
    yield "SELECT * RENAME (tax_no AS t) FROM suppliers"
    yield "FROM suppliers"
    yield "SELECT unnest([tax_no]) FROM suppliers"
    yield "SELECT u.v FROM suppliers, unnest([tax_no]) AS u(v)"
    yield "SELECT l.v FROM suppliers s, LATERAL (SELECT s.tax_no AS v) l"
    yield "SELECT (SELECT min(tax_no) FROM suppliers) AS v"
    yield "SELECT list_transform([1], lambda i: tax_no) FROM suppliers"
    yield "SELECT {'a': tax_no}.a FROM suppliers"
    yield "SELECT CASE WHEN true THEN tax_no END FROM suppliers"
    yield "SELECT v FROM (UNPIVOT (SELECT tax_no, code FROM suppliers) ON COLUMNS(*) INTO NAME n VALUE v)"
    yield "SELECT Tax_No FROM SOURCE.Suppliers"
    yield "SELECT a.* FROM suppliers a JOIN suppliers b USING (id)"
    yield "SELECT tax_no AS x, x || '!' AS y FROM suppliers"
    yield "VALUES ((SELECT min(tax_no) FROM suppliers))"
    yield "SELECT * FROM (VALUES ((SELECT min(tax_no) FROM suppliers))) AS v(a)"


@pytest.mark.parametrize("sql", list(ways_to_a_secret()))
def test_sensitive_values_are_masked_however_they_are_asked_for(project: Small, sql: str):
    found = answer(project, sql)
    assert "CANARY" not in repr(found)
    assert "TAX" not in repr(found.rows)
    assert MASK in repr(found.rows)


@pytest.mark.parametrize("name", ["vendors", "actual.vendors", "ACTUAL.Vendors"])
def test_what_targets_hold_is_asked_and_masked_too(project: Small, name: str):
    project.sql(
        "CREATE TABLE vendor(vid INTEGER PRIMARY KEY, code TEXT, tax_no TEXT);"
        "INSERT INTO vendor VALUES (7, '001', 'TAX-CANARY-9')"
    )
    project.file(
        "targets/t.yml",
        "targets: {vendors: {from: suppliers, system: erp, object: vendor, key: [code], fields: [code, tax_no]}}\n",
    )
    assert answer(project, f"SELECT code, tax_no, left(tax_no, 1) AS t FROM {name}").rows == (
        ("001", MASK, MASK),
    )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("DROP TABLE source.suppliers", "Only SELECT statements are answered"),
        ("SELECT 1; SELECT 2", ""),
        ("SELECT * FROM nosuch", "there is no relation nosuch"),
        ("SELECT * FROM source.m", "there is no relation source.m"),
        ("SELECT * FROM read_csv('/etc/passwd')", ""),
        ("SELECT * FROM '/etc/passwd'", "there is no relation"),
        ("COPY suppliers TO '/tmp/x'", "Only SELECT statements are answered"),
        ("SELECT nosuch FROM suppliers", "nosuch"),
        ("selct", "syntax error"),
    ],
)
def test_anything_but_a_select_over_relations_is_refused(project: Small, sql: str, said: str):
    with pytest.raises(Failure) as caught:
        answer(project, sql)
    assert {d.code for d in caught.value.diagnostics} == {"E0370"}
    assert said in caught.value.diagnostics[0].summary
